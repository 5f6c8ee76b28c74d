import { invalid } from './errors.ts';

/** Letters, digits and hyphens, as in `us-gov-west-1`: nothing that would change a scope, a path or a host name. */
const REGION = /^[a-z]{2,}(?:-[a-z0-9]+)+$/;

/**
 * `x-ats.iot.R.amazonaws.com`, `x.ats.iot.R…`, `data.iot.R…`, with `iot-fips`, in China, and by a VPC endpoint
 * (`vpce-x.data.iot.R.vpce.amazonaws.com`). A test stage stands before or behind: `x.gamma.iot.R…`, `x-beta.iot.R…`.
 * Source: https://docs.aws.amazon.com/general/latest/gr/iot-core.html#iot-core-data-plane-endpoints
 */
const AWS_HOST = /^(?:[a-z0-9-]+\.)+iot(?:-fips)?\.([a-z0-9-]+)(?:\.vpce)?\.amazonaws\.com(?:\.cn)?$/;

/** The region that an endpoint of AWS IoT Core names; a host name of one's own names none. */
export function regionOf(endpoint: string): string | undefined {
  const region = AWS_HOST.exec(endpoint.toLowerCase().replace(/\.$/, ''))?.[1];
  return region !== undefined && isRegion(region) ? region : undefined;
}

/** Whether a text has the shape of a region's name. Which regions there are changes too often to be listed. */
export const isRegion = (text: string): boolean => text.length <= 32 && REGION.test(text);

/** Throws `INVALID_ARGUMENT` for an option `region` that is none. */
export function checkRegion(region: unknown): void {
  if (typeof region === 'string' && isRegion(region)) return;
  throw invalid('region', 'the name of an AWS region, such as "eu-west-1"', region);
}
