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

/** The service that is signed for; a host name of AWS IoT Core would suggest another. */
export const IOT_SIGNING_SERVICE = 'iotdevicegateway';

/** The time of a signature as AWS writes it: `20260102T030405Z`. */
export const dateToSign = ({ time }: UpgradeRequest): string =>
  time.toISOString().replace(/[:-]|\.\d{3}/g, '');

/** What the query must have before it is signed. Signers add the rest. */
export function queryToSign(request: UpgradeRequest): string {
  const { expiresInSeconds } = request;
  const expiry = expiresInSeconds === undefined ? '' : `&X-Amz-Expires=${expiresInSeconds}`;
  return `X-Amz-Date=${dateToSign(request)}${expiry}`;
}

/** AWS IoT Core wants the session token behind the signature, and not in it. */
export function withSessionToken(signedPath: string, sessionToken: string | undefined): string {
  return sessionToken === undefined
    ? signedPath
    : `${signedPath}&X-Amz-Security-Token=${rfc3986(sessionToken)}`;
}

/** Percent-encodes everything but letters, digits, `-`, `.`, `_` and `~`; `encodeURIComponent` leaves more as it is. */
export const rfc3986 = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
