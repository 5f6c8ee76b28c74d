import { describe, IotError, invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import {
  type AwsCredentials,
  type CredentialContext,
  type CredentialParts,
  type CredentialProvider,
  type CredentialRequest,
  type CredentialSource,
  readCredentials,
} from './aws-credentials.ts';

/** One question for credentials. Its signal ends with the attempt, and when the answer takes too long. */
export type CredentialQuestion = CredentialRequest & CredentialContext;

/** Where this platform looks when no credentials are given, or only a part of them. */
export interface DefaultOrder {
  /**
   * @param skipped what was looked at before, and why it is no source: for the error that there is none
   * @throws IotError `CREDENTIALS_NOT_FOUND`
   */
  find(question: CredentialQuestion, skipped: readonly string[]): Promise<CredentialParts>;
}

/** For how long a provider may think about one answer. */
const DEADLINE_MS = 10_000;

const MAY_BE = 'an object of accessKeyId, secretAccessKey and sessionToken, or a function that returns one';
/** What the AWS SDK adds to the keys that it gives; nobody needs it here. */
const OF_THE_AWS_SDK = ['accountId', 'credentialScope', 'identityId', '$source'];
const FIELDS = ['accessKeyId', 'secretAccessKey', 'sessionToken', 'expiration', ...OF_THE_AWS_SDK];

/**
 * What the option `credentials` means: values, a provider, or the default order of the platform. It depends on no platform
 * itself: on Node `nodeCredentialSource` gives it the order, in a browser there is none.
 *
 * @param defaultOrder without it credentials must be given, and whole
 */
export function credentialSource(
  given: AwsCredentials | CredentialProvider | undefined,
  defaultOrder?: DefaultOrder,
): CredentialSource {
  if (typeof given === 'function') return new AskedSource('the credential provider', providerOf(given));
  if (given === undefined) {
    if (defaultOrder === undefined) throw invalidSecret('credentials', MAY_BE, given);
    return orderedSource(defaultOrder, []);
  }
  if (!isObject(given)) throw invalidSecret('credentials', MAY_BE, given);
  checkFields('credentials', given, FIELDS, invalidSecret);
  const reading = readCredentials(given);
  if ('wrong' in reading) {
    throw invalidSecret(`credentials.${reading.wrong}`, reading.mayBe, reading.given);
  }
  if ('credentials' in reading) return new FixedSource(reading.credentials);
  const [missing] = reading.missing;
  if (defaultOrder === undefined) throw invalidSecret(`credentials.${missing}`, 'text', undefined);
  return orderedSource(defaultOrder, [`the given credentials have no ${reading.missing.join(' and no ')}`]);
}

/** Keys that were given as values. */
class FixedSource implements CredentialSource {
  readonly isRenewable = false;
  readonly #credentials: AwsCredentials;

  constructor(credentials: AwsCredentials) {
    this.#credentials = credentials;
  }

  get({ wallClock }: CredentialQuestion): Promise<AwsCredentials> {
    return Promise.resolve().then(() => inTime('the given keys', this.#credentials, wallClock));
  }
}

type Ask = (question: CredentialQuestion) => unknown;

/** Keys that somebody is asked for at each attempt. It keeps none of them. */
class AskedSource implements CredentialSource {
  readonly isRenewable = true;
  readonly #who: string;
  readonly #ask: Ask;

  constructor(who: string, ask: Ask) {
    this.#who = who;
    this.#ask = ask;
  }

  async get(question: CredentialQuestion): Promise<AwsCredentials> {
    const { signal, wallClock } = question;
    try {
      return await withinDeadline(this.#who, question, async (bounded) =>
        inTime(`the keys of ${this.#who}`, this.#checked(await this.#ask(bounded)), wallClock),
      );
    } catch (error) {
      signal.throwIfAborted();
      throw isOfCredentials(error) ? error : unavailable(`${this.#who} failed: ${told(error)}`);
    }
  }

  #checked(given: unknown): AwsCredentials {
    if (!isObject(given)) {
      throw unavailable(`${this.#who} gave no credentials, but ${given === null ? 'null' : typeof given}`);
    }
    const reading = readCredentials(given);
    if ('credentials' in reading) return reading.credentials;
    if ('missing' in reading) {
      throw unavailable(`${this.#who} gave credentials without ${reading.missing.join(' and ')}`);
    }
    throw unavailable(`${this.#who} gave a wrong ${reading.wrong}; it must be ${reading.mayBe}`);
  }
}

const providerOf =
  (provider: CredentialProvider): Ask =>
  ({ forceRefresh }) =>
    provider({ forceRefresh });

const orderedSource = (order: DefaultOrder, skipped: readonly string[]): CredentialSource =>
  new AskedSource('the default order of credentials', (question) => order.find(question, skipped));

/** Any other would say something of this line that is true of another client or of a call, and could stop it for good. */
const isOfCredentials = (error: unknown): boolean =>
  IotError.is(error) && (error.code.startsWith('CREDENTIALS_') || error.code === 'MISSING_PACKAGE');

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function inTime(keys: string, credentials: AwsCredentials, wallClock: () => number): AwsCredentials {
  const { expiration } = credentials;
  if (expiration === undefined || expiration.getTime() > wallClock()) return credentials;
  const time = `this device takes the time to be ${new Date(wallClock()).toISOString()}`;
  throw unavailable(
    `${keys} expired at ${expiration.toISOString()}; ${time}`,
    "Renew the credentials, or set this device's clock if it is ahead.",
  );
}

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

const unavailable = (what: string, remediation?: string): IotError =>
  new IotError('CREDENTIALS_UNAVAILABLE', what, remediation === undefined ? {} : { remediation });

/** What could be a key or a token: hardly a word is that long without a blank, a dot or a hyphen. */
const SECRET_LIKE = /[A-Za-z0-9+/=_]{16,}/g;

/**
 * What a foreign error says, as far as it can be shown. Who writes a provider does not always think of what errors print: so
 * the error itself is not passed on as a cause, and of its words nothing that could be a key.
 */
export function told(error: unknown): string {
  try {
    if (!isObject(error)) return `it threw ${error === null ? 'null' : typeof error}`;
    const { name, message, code } = error as { readonly [field: string]: unknown };
    const kind = /^[A-Za-z.]{1,64}$/.test(String(name)) ? String(name) : 'an error';
    // An error that stands for several has a code and no words.
    const words = String(message || code).replace(SECRET_LIKE, '…');
    return `${kind}: ${describe(words)}`;
  } catch {
    return 'its error cannot be read';
  }
}
