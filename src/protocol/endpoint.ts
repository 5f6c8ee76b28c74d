/** Whether a host name is one of AWS's own, whose limits and deviations from MQTT are known. */
export function isAwsEndpoint(endpoint: string): boolean {
  const host = endpoint.toLowerCase();
  return host.endsWith('.amazonaws.com') || host.endsWith('.amazonaws.com.cn');
}
