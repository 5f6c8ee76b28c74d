import { invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import {
  type AwsCredentials,
  type CredentialParts,
  type CredentialProvider,
  type CredentialSource,
  readCredentials,
} from './aws-credentials.ts';
import { askProvider, type CredentialQuestion, unavailable } from './provider-question.ts';

/** Where this platform looks when no credentials are given, or only a part of them. */
export interface DefaultOrder {
  /**
   * @param skipped what was looked at before, and why it is no source: for the error that there is none
   * @throws IotError `CREDENTIALS_NOT_FOUND`
   */
  find(question: CredentialQuestion, skipped: readonly string[]): Promise<CredentialParts>;
}

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

  get(question: CredentialQuestion): Promise<AwsCredentials> {
    return askProvider(this.#who, question, async (bounded) =>
      inTime(`the keys of ${this.#who}`, this.#checked(await this.#ask(bounded)), question.wallClock),
    );
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
