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
 * Gives keys, anew for each attempt to connect. What the AWS SDK calls a provider is one. Nothing that it gives is kept longer
 * than one attempt.
 */
export type CredentialProvider = (request: CredentialRequest) => Promise<AwsCredentials> | AwsCredentials;

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
}
