import type { Clock } from '../protocol/clock.ts';

/** IAM keys, as AWS names their parts; the same shape as the `AwsCredentialIdentity` of the AWS SDK. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Temporary keys have one. */
  readonly sessionToken?: string;
  /** When they end. Absent when they do not, or when nobody knows. */
  readonly expiration?: Date;
}

/** What a provider is asked for. */
export interface CredentialRequest {
  /** The keys that it gave last were refused: it must not give those that it keeps. */
  readonly forceRefresh: boolean;
}

/**
 * Gives keys, anew for each attempt to connect. What the AWS SDK calls a provider is one: it understands `forceRefresh`, though
 * its types do not say so. Nothing that it gives is kept longer than one attempt.
 */
export type CredentialProvider =
  | ((request: CredentialRequest) => Promise<AwsCredentials> | AwsCredentials)
  | (() => Promise<AwsCredentials> | AwsCredentials);

/**
 * Where a sign-in gets its keys for one attempt: checked, and in time. Rejects with `CREDENTIALS_UNAVAILABLE` when there are
 * none now, and with `CREDENTIALS_NOT_FOUND` when nothing on this device says where to get them.
 */
export interface CredentialSource {
  /** Whether it may give other keys later: keys that were given as values stay what they are, and cannot be renewed. */
  readonly isRenewable: boolean;
  get(request: CredentialRequest & CredentialContext): Promise<AwsCredentials>;
}

/** What {@link CredentialSource} needs of an attempt. */
export interface CredentialContext {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly wallClock: () => number;
  /** Told what is unsafe but does not hinder, such as a file of keys that others can read. */
  readonly warn?: (message: string) => void;
}

/** The parts of credentials, under the names that the AWS SDK gives them. */
export type CredentialField = keyof AwsCredentials;

/** What somebody who gives credentials may give for each part: anything. */
export type CredentialParts = { readonly [field in CredentialField]?: unknown };

/** What the parts come to: keys; or what is missing, so that it is no source at all; or what cannot be. */
export type CredentialReading =
  | { readonly credentials: AwsCredentials }
  | { readonly missing: readonly CredentialField[] }
  | { readonly wrong: CredentialField; readonly mayBe: string; readonly given: unknown };

/** Keys and tokens are made of these; what has anything else was not copied as it is, and would only be refused. */
const PRINTABLE = /^[\x21-\x7e]+$/;
/** A token that was not there when somebody made a text of it. */
const NO_TOKEN = new Set(['None', 'null', 'undefined']);

/** Reads each part once. What is empty or null is not there. Throws only what a getter of the parts throws. */
export function readCredentials(parts: CredentialParts): CredentialReading {
  const accessKeyId = present(parts.accessKeyId);
  const secretAccessKey = present(parts.secretAccessKey);
  const sessionToken = present(parts.sessionToken);
  const expiration = present(parts.expiration);
  for (const [wrong, given] of Object.entries({ accessKeyId, secretAccessKey, sessionToken })) {
    if (given !== undefined && !(typeof given === 'string' && PRINTABLE.test(given))) {
      return { wrong: wrong as CredentialField, mayBe: 'text without blanks and control characters', given };
    }
  }
  if (NO_TOKEN.has(sessionToken as string)) {
    const mayBe = 'left out when there is none, and not a text that says so';
    return { wrong: 'sessionToken', mayBe, given: sessionToken };
  }
  if (expiration !== undefined && !isDate(expiration)) {
    return { wrong: 'expiration', mayBe: 'a valid Date', given: expiration };
  }
  const missing = Object.entries({ accessKeyId, secretAccessKey }).filter(([, part]) => part === undefined);
  if (missing.length > 0) return { missing: missing.map(([field]) => field as CredentialField) };
  return {
    credentials: {
      accessKeyId: accessKeyId as string,
      secretAccessKey: secretAccessKey as string,
      ...(sessionToken === undefined ? {} : { sessionToken: sessionToken as string }),
      ...(expiration === undefined ? {} : { expiration: new Date(expiration) }),
    },
  };
}

const present = (part: unknown): unknown => (part === '' || part === null ? undefined : part);

/** By its shape: a Date of another realm is of another class. */
const isDate = (value: unknown): value is Date =>
  Object.prototype.toString.call(value) === '[object Date]' && !Number.isNaN(Number(value));
