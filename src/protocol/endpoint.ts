/**
 * Whether a host name is one of AWS's own, whose limits and deviations from MQTT are known. A final dot is the same name,
 * written out to the root.
 */
export function isAwsEndpoint(endpoint: string): boolean {
  const host = endpoint.toLowerCase().replace(/\.$/, '');
  return host.endsWith('.amazonaws.com') || host.endsWith('.amazonaws.com.cn');
}
