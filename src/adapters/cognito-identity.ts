import { checkRegion, isRegion } from '../protocol/aws-region.ts';
import { describe, IotError, invalid, invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { loadOptionalPeer } from '../protocol/optional-peer.ts';
import type { CredentialProvider } from './aws-credentials.ts';

/** Which pool, and who has signed in to it. */
export interface CognitoIdentityOptions {
  /** For instance `eu-west-1:1699ebc0-7900-4099-b910-2df94f52a030`. */
  readonly identityPoolId: string;
  /** Default: the one that the id of the pool begins with. */
  readonly region?: string;
  /**
   * The users' tokens, by the name of who gave them, such as `cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example`. Tokens
   * expire: a function is asked for each attempt. Default: an identity that nobody has signed in to.
   */
  readonly logins?: Readonly<Record<string, LoginToken>>;
  /** Another Cognito than that of AWS, for tests and development: an URL. */
  readonly endpoint?: string;
}

const POOL_ID = /^([a-z0-9-]+):[0-9a-f-]{1,64}$/;

/** A token that proves who has signed in, or a function that gives it. */
export type LoginToken = string | (() => string | Promise<string>);

const AWS_SDK = {
  name: '@aws-sdk/credential-providers',
  neededBy: 'cognitoIdentity()',
  install: 'npm install @aws-sdk/credential-providers',
} as const;

/** Nobody waits longer for an answer; without a bound a silent server would hold a socket more for each attempt. */
const REQUEST_TIMEOUT_MS = 10_000;

/** The AWS SDK makes a client for each question, so a connection that is kept alive is never used again. */
const HTTP = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  throwOnRequestTimeout: true,
  socketTimeout: REQUEST_TIMEOUT_MS,
  httpAgent: { keepAlive: false },
  httpsAgent: { keepAlive: false },
};

/**
 * Temporary keys of an Amazon Cognito identity pool, new ones for each attempt to connect: `credentials` of `sigV4()`. Needs the
 * package `@aws-sdk/credential-providers`; without it the first attempt fails with `MISSING_PACKAGE`.
 *
 * The provider of the AWS SDK that it asks is made anew by the AWS SDK for each question, so what must last is here: the id of
 * an identity that nobody has signed in to, which without it would be another one after each failure. Who a signed-in identity
 * belongs to is asked again each time, because the tokens may be another user's by now.
 */
export function cognitoIdentity(options: CognitoIdentityOptions): CredentialProvider {
  checkFields(
    'cognitoIdentity()',
    options,
    ['identityPoolId', 'region', 'logins', 'endpoint'],
    invalidSecret,
  );
  const { identityPoolId, endpoint } = options;
  const ofPool = regionOfPool(identityPoolId);
  const { region = ofPool } = options;
  checkRegion(region);
  if (endpoint !== undefined) checkEndpoint(endpoint);
  const logins = options.logins === undefined ? undefined : loginsOf(options.logins);
  const parameters = {
    identityPoolId,
    cache: new IdentityIds(),
    clientConfig: {
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      // Who asks tries again, with its own backoff.
      maxAttempts: 1,
      requestHandler: HTTP,
    },
    ...(logins === undefined ? {} : { logins }),
  };
  return async () => {
    const { fromCognitoIdentityPool } = await loadOptionalPeer(
      AWS_SDK,
      () => import('@aws-sdk/credential-providers'),
    );
    try {
      return await fromCognitoIdentityPool(parameters)();
    } catch (error) {
      if (isGone(error)) parameters.cache.forget();
      throw error;
    }
  };
}

/** The ids of identities, as the AWS SDK keeps them. It forgets them at every failure; this keeps what is not known to be gone. */
class IdentityIds {
  readonly #ids = new Map<string, string>();

  getItem(key: string): string | null {
    return this.#ids.get(key) ?? null;
  }

  setItem(key: string, id: string): void {
    this.#ids.set(key, id);
  }

  removeItem(): void {}

  forget(): void {
    this.#ids.clear();
  }
}

/** The identity was deleted, or belongs to somebody who has signed in since: only a new one helps. */
function isGone(error: unknown): boolean {
  const { name } = error as { readonly name?: unknown };
  return name === 'ResourceNotFoundException' || name === 'NotAuthorizedException';
}

function regionOfPool(identityPoolId: unknown): string {
  const [, region = ''] = typeof identityPoolId === 'string' ? (POOL_ID.exec(identityPoolId) ?? []) : [];
  if (isRegion(region)) return region;
  throw invalid('identityPoolId', 'a region, a colon and the id of the pool in it', identityPoolId);
}

function checkEndpoint(endpoint: unknown): void {
  const url = typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return;
  // An URL can hold a password.
  throw invalidSecret('endpoint', 'an http or https URL', endpoint);
}

/** As functions, because that is what the AWS SDK asks anew; each must be one that returns a promise. */
function loginsOf(logins: unknown): Record<string, () => Promise<string>> {
  if (typeof logins !== 'object' || logins === null || Array.isArray(logins)) {
    throw invalidSecret('logins', 'an object of tokens by the names of who gave them', logins);
  }
  return Object.fromEntries(
    Object.entries(logins).map(([name, token]: [string, unknown]) => {
      if (typeof token !== 'function' && (typeof token !== 'string' || token === '')) {
        throw invalidSecret(`logins[${describe(name)}]`, 'a token or a function that returns one', token);
      }
      return [name, () => tokenOf(name, token as LoginToken)];
    }),
  );
}

async function tokenOf(name: string, login: LoginToken): Promise<string> {
  const token: unknown = typeof login === 'function' ? await login() : login;
  if (typeof token === 'string' && token !== '') return token;
  const what = `the login of ${describe(name)} gave no token`;
  throw new IotError('CREDENTIALS_UNAVAILABLE', what);
}
