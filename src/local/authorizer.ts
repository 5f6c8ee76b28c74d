import { describe } from '../protocol/errors.ts';
import { type QueryParameters, readQuery } from './query.ts';
import type { LocalIotCoreWarning } from './warning.ts';

/** What a custom authorizer is asked, as AWS IoT Core would ask its Lambda. */
export interface CustomAuthorizerRequest {
  /** The authorizer that the client names; undefined stands for the default one. */
  readonly name: string | undefined;
  readonly clientId: string;
  /** The user name of CONNECT, without the parameters that came with it. */
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  /**
   * All other parameters, by name: the token under its key name, and what the client's SDK says of itself. Those that came as
   * headers of an upgrade have names in lower case.
   */
  readonly parameters: Readonly<Record<string, string>>;
  /** Of the token, in Base64. It is for you to verify. */
  readonly signature: string | undefined;
  readonly transport: 'mqtt' | 'webSocket';
}

/** Lets a client in, or not. What it throws, or rejects with, is a no. */
export type CustomAuthorizer = (request: CustomAuthorizerRequest) => boolean | Promise<boolean>;

/** A connection that has not signed in yet: CONNECT has to. */
export interface UnsignedEntrance {
  readonly transport: 'mqtt' | 'webSocket';
  /** What the upgrade said already. */
  readonly parameters: QueryParameters;
}

/** What CONNECT signs in with. */
export interface ConnectSignIn {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
}

const NAME = 'x-amz-customauthorizer-name';
const SIGNATURE = 'x-amz-customauthorizer-signature';

/** The headers of an upgrade that are no parameters. */
const PLAIN_HEADERS =
  /^(host|connection|upgrade|origin|cookie|user-agent|pragma|cache-control|date|content-.*|accept.*|sec-.*)$/;

/** The parameters of an upgrade: its headers, and its query, which counts more. */
export function parametersOf(
  query: QueryParameters,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): QueryParameters {
  const fromHeaders = Object.entries(headers)
    .filter(([name]) => !PLAIN_HEADERS.test(name))
    .map(([name, value]) => [name, String(value)] as const);
  return [...fromHeaders, ...query];
}

/** What CONNECT says counts more than what the upgrade said. */
function authorizerRequest(
  { transport, parameters }: UnsignedEntrance,
  { clientId, username, password }: ConnectSignIn,
): CustomAuthorizerRequest {
  const queryAt = username?.indexOf('?') ?? -1;
  const inUsername = queryAt < 0 ? [] : (readQuery(username?.slice(queryAt + 1) ?? '') ?? []);
  // As a map of its own: a parameter may be called `__proto__`.
  const all = new Map([...parameters, ...inUsername]);
  const name = all.get(NAME);
  const signature = all.get(SIGNATURE);
  all.delete(NAME);
  all.delete(SIGNATURE);
  return {
    name,
    clientId,
    username: queryAt < 0 ? username : username?.slice(0, queryAt),
    password,
    parameters: Object.fromEntries(all),
    signature,
    transport,
  };
}

export interface AuthorizerPorts {
  readonly authorizer: CustomAuthorizer | undefined;
  readonly warn: (warning: LocalIotCoreWarning) => void;
}

/** Whether a client may come in. Never rejects, and takes as long as the authorizer does. */
export async function letsIn(
  unsigned: UnsignedEntrance | undefined,
  signIn: ConnectSignIn,
  { authorizer, warn }: AuthorizerPorts,
): Promise<boolean> {
  if (unsigned === undefined) return true;
  const why = await refusalOf(authorizer, authorizerRequest(unsigned, signIn));
  if (why === undefined) return true;
  const { clientId } = signIn;
  warn({ code: 'REFUSED', clientId, message: `client ${describe(clientId)} was refused: ${why}` });
  return false;
}

async function refusalOf(
  authorizer: CustomAuthorizer | undefined,
  request: CustomAuthorizerRequest,
): Promise<string | undefined> {
  if (authorizer === undefined) return 'startLocalIotCore() was given no `authorizer` to ask';
  try {
    const answer: unknown = await authorizer(request);
    return answer === true ? undefined : 'the authorizer said no';
  } catch (error) {
    // Not its message: that of a failed JSON.parse, say, shows the text, and so the token.
    return `the authorizer threw ${describe(error instanceof Error ? error.name : typeof error)}`;
  }
}
