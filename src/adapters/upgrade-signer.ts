import type { AwsCredentials } from './aws-credentials.ts';

/** The request that asks for a WebSocket: GET /mqtt. */
export interface UpgradeRequest {
  /** The Host header: lower case, with a port unless that is 443. */
  readonly host: string;
  readonly region: string;
  /** The time that the signature is made at; AWS refuses one that is minutes off. */
  readonly time: Date;
  /** For how long the signature is good. Default: as long as AWS takes one for, which is what its own SDKs do. */
  readonly expiresInSeconds?: number;
}

/**
 * Signs an upgrade by Signature Version 4 in the query (service `iotdevicegateway`), the session token after it, unsigned.
 *
 * @returns path and query: `/mqtt?X-Amz-Algorithm=…`. It is a secret.
 */
export type SignUpgrade = (request: UpgradeRequest, credentials: AwsCredentials) => Promise<string>;
