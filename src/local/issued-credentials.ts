import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

import type { AwsCredentials } from '../adapters/aws-credentials.ts';
import { invalid } from '../protocol/errors.ts';

/** What kind of keys a local core issues. */
export interface IssueOptions {
  /** For how long the keys are good; fractions are allowed. @default `credentialLifetimeSeconds` of the core, or for ever without a session token */
  readonly lifetimeSeconds?: number;
  /** Whether they are temporary keys, which have a session token. @default true */
  readonly sessionToken?: boolean;
}

/** AWS keys of one core. They live in memory for as long as the core does, and nothing prints them. */
export class IssuedCredentials {
  readonly #keys = new Map<string, AwsCredentials>();
  readonly #lifetimeSeconds: number;

  /** @param lifetimeSeconds of temporary keys for which nobody says another */
  constructor(lifetimeSeconds: number) {
    this.#lifetimeSeconds = lifetimeSeconds;
  }

  issue(now: number, { lifetimeSeconds, sessionToken = true }: IssueOptions = {}): AwsCredentials {
    if (lifetimeSeconds !== undefined) checkLifetime('lifetimeSeconds', lifetimeSeconds);
    this.#forgetExpired(now);
    const seconds = lifetimeSeconds ?? (sessionToken ? this.#lifetimeSeconds : undefined);
    const keys: AwsCredentials = Object.freeze({
      // The prefixes by which AWS tells temporary keys from others.
      accessKeyId: `${sessionToken ? 'ASIA' : 'AKIA'}${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      ...(sessionToken ? { sessionToken: randomBytes(96).toString('base64') } : {}),
      ...(seconds === undefined ? {} : { expiration: new Date(now + seconds * 1_000) }),
    });
    this.#keys.set(keys.accessKeyId, keys);
    return keys;
  }

  /** The keys with this id, expired ones too. */
  find(accessKeyId: string): AwsCredentials | undefined {
    return this.#keys.get(accessKeyId);
  }

  /** A core can run for weeks and its clients renew their keys. Those that ended lately are kept, to say so. */
  #forgetExpired(now: number): void {
    for (const [id, { expiration }] of this.#keys) {
      if (expiration !== undefined && expiration.getTime() < now - KEPT_MS) this.#keys.delete(id);
    }
  }
}

const KEPT_MS = 3_600_000;

/** Throws `INVALID_ARGUMENT` for what is no lifetime of keys. */
export function checkLifetime(field: string, seconds: unknown): void {
  if (typeof seconds === 'number' && seconds > 0 && seconds <= MOST_SECONDS) return;
  throw invalid(field, `a number of seconds, more than 0 and at most ${MOST_SECONDS}`, seconds);
}

/** As the longest session of AWS. */
const MOST_SECONDS = 129_600;

/** Whether two secrets are the same, in a time that tells nothing of where they differ. */
export function isSameSecret(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
