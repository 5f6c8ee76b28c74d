import { createHash, createHmac } from 'node:crypto';

import type { AwsCredentials } from '../adapters/aws-credentials.ts';
import { rfc3986 } from '../adapters/upgrade-signer.ts';
import { isSameSecret } from './issued-credentials.ts';
import type { QueryParameters } from './query.ts';

/** An upgrade as it came. */
export interface SignedRequest {
  /** Without the query. */
  readonly path: string;
  readonly query: QueryParameters;
  /** The Host header. */
  readonly host: string;
  /** The other headers, by their names in lower case. Default: none. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
}

export interface VerifierPorts {
  /** The keys with this id, expired ones too. */
  find(accessKeyId: string): AwsCredentials | undefined;
  /** The time of day. */
  now(): number;
}

/** The parts of a signature in a query, each of them there. */
interface Claim {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly amzDate: string;
  readonly signedHeaders: string;
  readonly expires: string | undefined;
  readonly signature: string;
  readonly token: string | undefined;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SERVICE = 'iotdevicegateway';
const TERMINATOR = 'aws4_request';
/** How far the two clocks may be apart. */
const SKEW_MS = 5 * 60_000;
const LONGEST_SECONDS = 604_800;
const EMPTY_HASH = createHash('sha256').update('').digest('hex');

const KEYS = ['Algorithm', 'Credential', 'Date', 'SignedHeaders', 'Signature'].map((key) => `X-Amz-${key}`);
/** The session token is appended after the signature was made: AWS IoT Core takes no other. */
const UNSIGNED = ['X-Amz-Signature', 'X-Amz-Security-Token'];

/** Whether somebody tried to sign this query. */
export function isSigned(query: QueryParameters): boolean {
  return query.some(([name]) => KEYS.includes(name));
}

/**
 * Verifies Signature Version 4 in a query, by the rules of AWS
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
 * https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html#mqtt-ws).
 */
export class SigV4Verifier {
  readonly #region: string;
  readonly #ports: VerifierPorts;

  constructor(region: string, ports: VerifierPorts) {
    this.#region = region;
    this.#ports = ports;
  }

  /** What is wrong, in the words of AWS and without a secret; undefined when nothing is. */
  refusal(request: SignedRequest): string | undefined {
    const claim = readClaim(request.query);
    if (typeof claim === 'string') return claim;
    const keys = this.#ports.find(claim.accessKeyId);
    if (keys === undefined)
      return 'The security token included in the request is invalid: no such access key id.';
    return (
      this.#scopeFault(claim) ??
      this.#timeFault(claim) ??
      tokenFault(claim, keys) ??
      this.#expiryFault(keys) ??
      headersFault(claim, request) ??
      signatureFault(claim, keys, request)
    );
  }

  #scopeFault({ date, region, service, amzDate }: Claim): string | undefined {
    if (service !== SERVICE) return `Credential should be scoped to correct service: '${SERVICE}'.`;
    if (region !== this.#region) return `Credential should be scoped to a valid region: '${this.#region}'.`;
    if (date !== amzDate.slice(0, 8)) {
      return 'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.';
    }
    return undefined;
  }

  #timeFault({ amzDate, expires }: Claim): string | undefined {
    const signedAt = timeOf(amzDate);
    if (Number.isNaN(signedAt)) return 'X-Amz-Date must be in ISO8601 basic format: YYYYMMDDTHHMMSSZ.';
    const lifetimeMs = expires === undefined ? SKEW_MS : lifetimeOf(expires);
    if (Number.isNaN(lifetimeMs)) return `X-Amz-Expires must be a number from 1 to ${LONGEST_SECONDS}.`;
    const now = this.#ports.now();
    if (now > signedAt + lifetimeMs) return `Signature expired: it is now ${shortIso(now)}.`;
    if (now < signedAt - SKEW_MS) return `Signature not yet current: it is now ${shortIso(now)}.`;
    return undefined;
  }

  #expiryFault({ expiration }: AwsCredentials): string | undefined {
    if (expiration === undefined || this.#ports.now() < expiration.getTime()) return undefined;
    return 'The security token included in the request is expired.';
  }
}

function readClaim(query: QueryParameters): Claim | string {
  const values = new Map(query);
  if (values.size < query.length) return 'Parameters in the query must not occur twice.';
  for (const key of KEYS) {
    if ((values.get(key) ?? '') === '') return `AWS query-string parameters must include ${key}.`;
  }
  const of = (key: string): string => values.get(`X-Amz-${key}`) ?? '';
  if (of('Algorithm') !== ALGORITHM) return `X-Amz-Algorithm only supports ${ALGORITHM}.`;
  const [accessKeyId = '', date = '', region = '', service = '', end, ...more] = of('Credential').split('/');
  if (end !== TERMINATOR || more.length > 0) {
    return `Credential must be of the form <access key id>/YYYYMMDD/region/service/${TERMINATOR}.`;
  }
  return {
    accessKeyId,
    date,
    region,
    service,
    amzDate: of('Date'),
    signedHeaders: of('SignedHeaders'),
    expires: values.get('X-Amz-Expires'),
    signature: of('Signature'),
    token: values.get('X-Amz-Security-Token'),
  };
}

/** Only keys with a session token come with one, and then with their own. */
function tokenFault({ token }: Claim, keys: AwsCredentials): string | undefined {
  if (token === undefined && keys.sessionToken === undefined) return undefined;
  if (token !== undefined && keys.sessionToken !== undefined && isSameSecret(token, keys.sessionToken)) {
    return undefined;
  }
  const what = token === undefined ? 'it is missing' : 'it does not belong to this access key id';
  return `The security token included in the request is invalid: ${what}.`;
}

/** All SDKs sign the host; that of aws-crt signs `connection` too. */
function headersFault({ signedHeaders }: Claim, request: SignedRequest): string | undefined {
  const names = signedHeaders.split(';');
  const isSorted = names.every((name, index) => index === 0 || (names[index - 1] ?? '') < name);
  if (isSorted && names.includes('host') && names.every((name) => headerOf(name, request) !== undefined)) {
    return undefined;
  }
  return "X-Amz-SignedHeaders must be 'host', alone or sorted among other headers of the request.";
}

function headerOf(name: string, { host, headers = {} }: SignedRequest): string | undefined {
  if (name === 'host') return host.toLowerCase();
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  return value === undefined ? undefined : String(value);
}

function signatureFault(claim: Claim, keys: AwsCredentials, request: SignedRequest): string | undefined {
  if (isSameSecret(claim.signature, signatureOf(claim, keys.secretAccessKey, request))) return undefined;
  return (
    'The request signature we calculated does not match the signature you provided. ' +
    'Check your AWS Secret Access Key and signing method.'
  );
}

function signatureOf(
  { date, region, service, amzDate, signedHeaders }: Claim,
  secret: string,
  request: SignedRequest,
): string {
  const canonicalRequest = [
    'GET',
    request.path,
    canonicalQuery(request.query),
    ...signedHeaders.split(';').map((name) => `${name}:${headerOf(name, request)?.trim()}`),
    '',
    signedHeaders,
    EMPTY_HASH,
  ].join('\n');
  const scope = [date, region, service, TERMINATOR].join('/');
  const hash = createHash('sha256').update(canonicalRequest).digest('hex');
  const signingKey = [date, region, service, TERMINATOR].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(signingKey, [ALGORITHM, amzDate, scope, hash].join('\n')).toString('hex');
}

/** Sorted by what is sent, byte by byte: all of it is ASCII. */
function canonicalQuery(query: QueryParameters): string {
  return query
    .filter(([name]) => !UNSIGNED.includes(name))
    .map(([name, value]) => [rfc3986(name), rfc3986(value)] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function timeOf(amzDate: string): number {
  if (!/^\d{8}T\d{6}Z$/.test(amzDate)) return Number.NaN;
  return Date.parse(amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function lifetimeOf(expires: string): number {
  const seconds = /^\d{1,6}$/.test(expires) ? Number(expires) : 0;
  return seconds >= 1 && seconds <= LONGEST_SECONDS ? seconds * 1_000 : Number.NaN;
}

const shortIso = (time: number): string => new Date(time).toISOString().replaceAll(/[-:]|\.\d+/g, '');
