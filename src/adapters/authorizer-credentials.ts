import { invalid, invalidSecret } from '../protocol/errors.ts';
import { isWellFormed } from '../protocol/utf8.ts';
import type { CredentialRequest } from './aws-credentials.ts';
import { Credentials, withQuery } from './credentials.ts';

/** What a custom authorizer of AWS IoT Core is to be called with. */
export interface AuthorizerParameters {
  /** The authorizer. Default: that of the endpoint. */
  readonly name?: string;
  /** It may have a query of its own, which goes to the authorizer as it is. */
  readonly username?: string;
  /** The authorizer gets it in base64. */
  readonly password?: string;
  /** As the Lambda verifies it. Together with `tokenKeyName`. */
  readonly token?: string;
  /** What the authorizer calls its token. Together with `token`, and only then. */
  readonly tokenKeyName?: string;
  /** Of the token, in base64; needed by an authorizer that has token signing enabled. */
  readonly signature?: string;
}

/**
 * Gives the parameters, anew for each attempt to connect: for a token that ends. Its parameter says whether those that it gave
 * last were refused, so that it must not give what it keeps.
 */
export type AuthorizerProvider = (
  request: CredentialRequest,
) => AuthorizerParameters | Promise<AuthorizerParameters>;

/** The fields of {@link AuthorizerParameters}. */
export const AUTHORIZER_FIELDS = [
  'name',
  'username',
  'password',
  'token',
  'tokenKeyName',
  'signature',
] as const satisfies readonly (keyof AuthorizerParameters)[];

/**
 * What CONNECT says to a custom authorizer: the parameters stand in a query at the end of the user name. Source:
 * https://docs.aws.amazon.com/iot/latest/developerguide/custom-auth.html#custom-auth-mqtt
 *
 * @throws IotError `INVALID_ARGUMENT`, which shows no value
 */
export function authorizerCredentials(parameters: AuthorizerParameters): Credentials {
  const { name, username, password, token, tokenKeyName, signature } = parameters;
  for (const field of AUTHORIZER_FIELDS) checkText(field, parameters[field]);
  if ([name, username, password, token].every((given) => given === undefined)) {
    throw invalid('customAuthorizer()', 'given a name, a username, a password or a token', parameters);
  }
  if (token === undefined && tokenKeyName !== undefined)
    throw invalid('token', 'given together with tokenKeyName', token);
  if (token === undefined && signature !== undefined)
    throw invalid('token', 'given together with signature', token);
  if (token !== undefined && tokenKeyName === undefined)
    throw invalid('tokenKeyName', 'given together with token', tokenKeyName);
  const query = queryOf([
    ['x-amz-customauthorizer-name', name],
    [tokenKeyName ?? '', token],
    ['x-amz-customauthorizer-signature', signature === undefined ? undefined : decodedSignature(signature)],
  ]);
  return new Credentials({
    // MQTT 3.1.1 has no password without a user name; with an empty one it has.
    username: withQuery(username ?? '', query),
    ...(password === undefined ? {} : { password }),
  });
}

/** An empty user name or password is one; the rest cannot be empty. */
function checkText(field: keyof AuthorizerParameters, value: unknown): void {
  if (value === undefined) return;
  const mayBeEmpty = field === 'username' || field === 'password';
  if (typeof value === 'string' && isWellFormed(value) && (mayBeEmpty || value !== '')) return;
  const text = mayBeEmpty ? 'a string' : 'a string that is not empty';
  throw invalidSecret(field, `${text}, without half surrogate pairs`, value);
}

/** The SDKs of AWS take a signature that is percent-encoded already, and one that is not. */
function decodedSignature(signature: string): string {
  const decoded = percentDecoded(signature);
  if (decoded !== undefined && /^[A-Za-z0-9+/]+={0,2}$/.test(decoded)) return decoded;
  throw invalidSecret('signature', 'base64, percent-encoded or not', signature);
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function queryOf(parameters: readonly (readonly [name: string, value: string | undefined])[]): string {
  const given = parameters.flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? '' : `?${given.join('&')}`;
}
