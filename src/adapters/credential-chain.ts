import { describe, IotError } from '../protocol/errors.ts';
import { loadOptionalPeer } from '../protocol/optional-peer.ts';
import {
  type AwsCredentials,
  type CredentialField,
  type CredentialParts,
  type CredentialProvider,
  type CredentialSource,
  readCredentials,
} from './aws-credentials.ts';
import { credentialSource, type DefaultOrder } from './credential-source.ts';
import { type CredentialQuestion, told } from './provider-question.ts';
import { readProfile, sharedCredentialsPath } from './shared-credentials-file.ts';

/** What the option `credentials` means on Node: without it, or with a part of them only, the default order. */
export function nodeCredentialSource(
  given: AwsCredentials | CredentialProvider | undefined,
): CredentialSource {
  return credentialSource(given, new NodeDefaultOrder());
}

/** What one place has: all that keys need, or why it is no source. Places are never mixed. */
type Finding = { readonly credentials: CredentialParts } | { readonly skipped: string };

/** How a place calls the parts. */
type Spelling = Readonly<Record<Exclude<CredentialField, 'expiration'>, string>>;

const IN_ENVIRONMENT: Spelling = {
  accessKeyId: 'AWS_ACCESS_KEY_ID',
  secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  sessionToken: 'AWS_SESSION_TOKEN',
};

const IN_FILE: Spelling = {
  accessKeyId: 'aws_access_key_id',
  secretAccessKey: 'aws_secret_access_key',
  sessionToken: 'aws_session_token',
};

const AWS_SDK = {
  name: '@aws-sdk/credential-providers',
  neededBy: 'The default order of credentials',
  install: 'npm install @aws-sdk/credential-providers',
} as const;

/** How the AWS SDK says that none of its providers has anything to look at. It has no code for it. */
const SDK_FOUND_NOTHING = /Could not load credentials from any providers/;

/**
 * All questions to one chain of the AWS SDK wait for the oldest that has no answer, so one that never answers is of no use.
 * But it may hold a program that hangs, which another one would start again: hence not at once.
 */
const HANGS_MS = 300_000;

type SdkChain = (request: { readonly forceRefresh: boolean }) => Promise<CredentialParts>;

/** Environment, shared file, and then what the AWS SDK knows, if it is installed. */
class NodeDefaultOrder implements DefaultOrder {
  /** One for all attempts: it keeps what it got until that is to be renewed, and renews it. */
  #sdkChain: SdkChain | undefined;
  /** When the oldest question was asked that it has not answered. */
  #waitsSince: number | undefined;
  readonly #warned = new Set<string>();

  async find(question: CredentialQuestion, skipped: readonly string[]): Promise<CredentialParts> {
    const environment = findingOf('the environment', partsOf(IN_ENVIRONMENT, variable), IN_ENVIRONMENT);
    if ('credentials' in environment) return environment.credentials;
    const file = await this.#inFile(question);
    if ('credentials' in file) return file.credentials;
    const sdk = await this.#inSdk(question);
    if ('credentials' in sdk) return sdk.credentials;
    const isSdkThere = this.#sdkChain !== undefined;
    throw notFound([...skipped, environment.skipped, file.skipped, sdk.skipped], isSdkThere);
  }

  async #inFile({ signal, warn }: CredentialQuestion): Promise<Finding> {
    const path = sharedCredentialsPath(variable('AWS_SHARED_CREDENTIALS_FILE'));
    if (path === undefined) return { skipped: 'there is no home directory for a shared credentials file' };
    const profile = variable('AWS_PROFILE') ?? 'default';
    const place = `profile ${describe(profile)} of ${describe(path)}`;
    const reading = await readProfile(path, profile, signal);
    if ('none' in reading) return { skipped: `${place}: ${reading.none}` };
    const { settings, readableByOthers } = reading;
    const parts = partsOf(IN_FILE, (name) => settings.get(name));
    const finding = findingOf(place, parts, IN_FILE);
    if (warn !== undefined && 'credentials' in finding && readableByOthers && !this.#warned.has(path)) {
      this.#warned.add(path);
      warn(`the credentials file ${path} can be read by other users of this device; \`chmod 600\` mends it`);
    }
    return finding;
  }

  async #inSdk({ forceRefresh, signal, clock }: CredentialQuestion): Promise<Finding> {
    signal.throwIfAborted();
    this.#waitsSince ??= clock.now();
    signal.addEventListener('abort', () => this.#giveUpHangingChain(clock.now()));
    try {
      this.#sdkChain ??= await loadSdkChain();
      // It looks at the environment and at the file too, and finds what was skipped there because it cannot be.
      return findingOf(AWS_SDK.name, await this.#sdkChain({ forceRefresh }));
    } catch (error) {
      if (IotError.is(error) && error.code === 'MISSING_PACKAGE') {
        return { skipped: `${AWS_SDK.name} is not installed` };
      }
      if (SDK_FOUND_NOTHING.test(String(error))) return { skipped: `${AWS_SDK.name} found none` };
      throw new IotError('CREDENTIALS_UNAVAILABLE', `${AWS_SDK.name} failed: ${told(error)}`);
    } finally {
      this.#waitsSince = undefined;
    }
  }

  #giveUpHangingChain(now: number): void {
    if (this.#waitsSince === undefined || now - this.#waitsSince < HANGS_MS) return;
    this.#sdkChain = undefined;
    this.#waitsSince = undefined;
  }
}

async function loadSdkChain(): Promise<SdkChain> {
  const { fromNodeProviderChain } = await loadOptionalPeer(
    AWS_SDK,
    () => import('@aws-sdk/credential-providers'),
  );
  // Files are read again, so that a new sign-in of its user is found.
  return fromNodeProviderChain({ ignoreCache: true });
}

/** A variable of the environment; one that is empty is not there. */
const variable = (name: string): string | undefined => process.env[name]?.trim() || undefined;

function partsOf(names: Spelling, read: (name: string) => string | undefined): CredentialParts {
  return {
    accessKeyId: read(names.accessKeyId),
    secretAccessKey: read(names.secretAccessKey),
    sessionToken: read(names.sessionToken),
  };
}

function findingOf(place: string, parts: CredentialParts, names: Partial<Spelling> = {}): Finding {
  const reading = readCredentials(parts);
  if ('credentials' in reading) return reading;
  const called: { readonly [field in CredentialField]?: string } = names;
  const lacks =
    'wrong' in reading
      ? `has a wrong ${called[reading.wrong] ?? reading.wrong}: it must be ${reading.mayBe}`
      : reading.missing.map((field) => `has no ${called[field] ?? field}`).join(' and ');
  return { skipped: `${place} ${lacks}` };
}

function notFound(skipped: readonly string[], isSdkThere: boolean): IotError {
  const give = 'Give `credentials` to sigV4(), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
  const add = `; \`${AWS_SDK.install}\` adds SSO, roles, containers and instance profiles`;
  return new IotError('CREDENTIALS_NOT_FOUND', `no AWS credentials were found: ${skipped.join('; ')}`, {
    remediation: `${give}${isSdkThere ? '' : add}.`,
  });
}
