import { createHash, randomUUID } from 'node:crypto';

import type { AwsCredentials } from '../adapters/aws-credentials.ts';

export interface IdentityPoolPorts {
  /** New temporary keys. */
  issue(): AwsCredentials;
}

/** A refusal, in the words of Cognito. */
export class CognitoError extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** What a client sent, not yet looked at. */
type Input = Readonly<Record<string, unknown>>;

/** The same at each start, so that what was told of it once stays true. */
const POOL = '00000000-0000-4000-8000-000000000000';

/** A user's tokens, by the names of who gave them. */
type Logins = readonly (readonly [provider: string, token: string])[];

/**
 * An identity pool of Amazon Cognito that believes every token
 * (https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/Welcome.html).
 */
export class IdentityPool {
  readonly id: string;
  readonly #region: string;
  readonly #ports: IdentityPoolPorts;
  /** Who signed each identity in: the names of the providers. */
  readonly #providersOf = new Map<string, string>();
  /** The identities of those who have signed in, by a hash of their tokens. */
  readonly #identityOf = new Map<string, string>();

  constructor(region: string, ports: IdentityPoolPorts) {
    this.id = `${region}:${POOL}`;
    this.#region = region;
    this.#ports = ports;
  }

  /** Answers an operation. Throws `CognitoError`. */
  answer(operation: string, input: unknown): object {
    if (typeof input !== 'object' || input === null) throw new CognitoError('SerializationException', '');
    switch (operation) {
      case 'GetId':
        return this.#getId(input as Input);
      case 'GetCredentialsForIdentity':
        return this.#getCredentials(input as Input);
      default:
        throw new CognitoError('UnknownOperationException', '');
    }
  }

  #getId({ IdentityPoolId: poolId, Logins: given }: Input): object {
    const logins = loginsOf(given);
    if (typeof poolId !== 'string') throw invalidParameter('identityPoolId');
    if (poolId !== this.id) throw notFound(`IdentityPool '${poolId}'`);
    const key = hashOf(logins);
    const id = this.#identityOf.get(key) ?? `${this.#region}:${randomUUID()}`;
    // Who has not signed in is somebody else each time.
    if (logins.length > 0) this.#identityOf.set(key, id);
    this.#providersOf.set(id, providersIn(logins));
    return { IdentityId: id };
  }

  #getCredentials({ IdentityId: id, Logins: given }: Input): object {
    const logins = loginsOf(given);
    if (typeof id !== 'string') throw invalidParameter('identityId');
    const providers = this.#providersOf.get(id);
    if (providers === undefined) throw notFound(`Identity '${id}'`);
    // A token may be a newer one, but not that of nobody.
    if (providers !== providersIn(logins)) {
      throw new CognitoError('NotAuthorizedException', `Access to Identity '${id}' is forbidden.`);
    }
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = this.#ports.issue();
    return {
      IdentityId: id,
      Credentials: {
        AccessKeyId: accessKeyId,
        SecretKey: secretAccessKey,
        SessionToken: sessionToken,
        Expiration: (expiration?.getTime() ?? 0) / 1_000,
      },
    };
  }
}

function loginsOf(given: unknown): Logins {
  if (given === undefined || given === null) return [];
  const entries = typeof given === 'object' ? Object.entries(given) : [];
  if (typeof given !== 'object' || entries.some(([, token]) => typeof token !== 'string')) {
    throw invalidParameter('logins');
  }
  return (entries as [string, string][]).sort(([one], [other]) => (one < other ? -1 : 1));
}

const providersIn = (logins: Logins): string => JSON.stringify(logins.map(([provider]) => provider));

const hashOf = (logins: Logins): string => createHash('sha256').update(JSON.stringify(logins)).digest('hex');

const invalidParameter = (name: string): CognitoError =>
  new CognitoError(
    'InvalidParameterException',
    `1 validation error detected: Value at '${name}' is not valid.`,
  );

const notFound = (what: string): CognitoError =>
  new CognitoError('ResourceNotFoundException', `${what} not found.`);
