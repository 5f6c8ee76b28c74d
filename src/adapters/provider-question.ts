import { describe, IotError } from '../protocol/errors.ts';
import type { CredentialContext, CredentialRequest } from './aws-credentials.ts';

/** One question for credentials. Its signal ends with the attempt, and when the answer takes too long. */
export type CredentialQuestion = CredentialRequest & CredentialContext;

/** For how long a provider may think about one answer. */
const DEADLINE_MS = 10_000;

/**
 * Asks a function of the app, or of the AWS SDK, that may throw, hang, or end too late: each of these is
 * `CREDENTIALS_UNAVAILABLE`. Rejects with the signal's own reason when that ends the attempt.
 *
 * @param who is asked, to begin a sentence with
 */
export async function askProvider<T>(
  who: string,
  question: CredentialQuestion,
  ask: (bounded: CredentialQuestion) => Promise<T>,
): Promise<T> {
  try {
    return await withinDeadline(who, question, ask);
  } catch (error) {
    question.signal.throwIfAborted();
    throw isOfCredentials(error) ? error : unavailable(`${who} failed: ${told(error)}`);
  }
}

/** Any other would say something of this line that is true of another client or of a call, and could stop it for good. */
const isOfCredentials = (error: unknown): boolean =>
  IotError.is(error) && (error.code.startsWith('CREDENTIALS_') || error.code === 'MISSING_PACKAGE');

/** Asks, and waits for an answer no longer than the deadline or the signal allow. What comes later goes nowhere. */
function withinDeadline<T>(
  who: string,
  question: CredentialQuestion,
  ask: (bounded: CredentialQuestion) => Promise<T>,
): Promise<T> {
  const { signal, clock } = question;
  signal.throwIfAborted();
  const ending = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const end = (reason: unknown): void => {
      free();
      reject(reason);
      ending.abort(reason);
    };
    const aborted = (): void => end(signal.reason);
    const late = (): void => end(unavailable(`${who} did not answer within ${DEADLINE_MS / 1_000} seconds`));
    const timer = clock.setTimeout(late, DEADLINE_MS);
    signal.addEventListener('abort', aborted);
    const free = (): void => {
      clock.clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
    };
    void ask({ ...question, signal: ending.signal })
      .then(resolve, reject)
      .finally(free);
  });
}

export const unavailable = (what: string, remediation?: string): IotError =>
  new IotError('CREDENTIALS_UNAVAILABLE', what, { remediation });

/** Enough for what the AWS SDK says, which ends with the command that mends it. */
const SHOWN_CHARACTERS = 240;
/** What could be a key or a token: hardly a word is that long without a blank, a dot or a hyphen. */
const SECRET_LIKE = /[A-Za-z0-9+/=_]{16,}/g;

/**
 * What a foreign error says, as far as it can be shown. Who writes a provider does not always think of what errors print: so
 * the error itself is not passed on as a cause, and of its words nothing that could be a key.
 */
export function told(error: unknown): string {
  try {
    if (typeof error !== 'object' || error === null)
      return `it threw ${error === null ? 'null' : typeof error}`;
    const { name, message, code } = error as { readonly [field: string]: unknown };
    const kind = /^[A-Za-z.]{1,64}$/.test(String(name)) ? String(name) : 'an error';
    // An error that stands for several has a code and no words.
    const words = String(message || code).replace(SECRET_LIKE, '…');
    return `${kind}: ${describe(words, SHOWN_CHARACTERS)}`;
  } catch {
    return 'its error cannot be read';
  }
}
