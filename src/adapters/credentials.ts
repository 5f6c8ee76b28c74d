import { invalid, invalidSecret } from '../protocol/errors.ts';
import { MQTT_LIMITS } from '../protocol/limits.ts';
import { isWellFormed } from '../protocol/utf8.ts';
import { passwordFor, textBytes } from './bytes.ts';

/** User name and password of CONNECT, for brokers and custom authorizers that ask for them. */
export interface CredentialOptions {
  readonly username?: string;
  /** Only together with a user name (MQTT 3.1.1 [MQTT-3.1.2-22]; MQTT 5 would allow it alone). */
  readonly password?: string;
}

/** The fields of CONNECT. Made for one packet, and not kept. */
export interface ConnectFields {
  readonly username?: string;
  readonly password?: string | Buffer;
}

/** What CONNECT signs in with. Opaque: printing, serialising or cloning it shows nothing. */
export class Credentials {
  readonly #username: string | undefined;
  readonly #password: string | undefined;

  /** Throws `INVALID_ARGUMENT` for what no CONNECT can carry. */
  constructor(options: CredentialOptions) {
    if (typeof options !== 'object' || (options as unknown) === null)
      throw invalidSecret('credentials', 'an object', options);
    const { username, password } = options;
    if (username !== undefined) checkUsername(username);
    if (password !== undefined) checkPassword(password, username);
    this.#username = username;
    this.#password = password;
  }

  /**
   * What goes into CONNECT.
   *
   * @param query begins with `?`. It is appended to the user name, or is it when there is none.
   */
  fields(query = ''): ConnectFields {
    const username =
      this.#username === undefined && query === '' ? undefined : withQuery(this.#username ?? '', query);
    return {
      ...(username === undefined ? {} : { username }),
      ...(this.#password === undefined ? {} : { password: passwordFor(this.#password) }),
    };
  }
}

/**
 * A user name can have a query of its own: the parameters of a custom authorizer, say.
 *
 * @param query begins with `?`, or is empty
 */
export function withQuery(username: string, query: string): string {
  return username + (username.includes('?') ? query.replace(/^\?/, '&') : query);
}

function checkUsername(username: unknown): void {
  const mayBe = 'a string of at most 65,535 bytes, without NUL and half surrogate pairs';
  if (typeof username !== 'string') throw invalidSecret('username', mayBe, username);
  const isString = isWellFormed(username) && !username.includes('\0');
  if (!isString || textBytes(username) > MQTT_LIMITS.stringBytes)
    throw invalidSecret('username', mayBe, username);
}

function checkPassword(password: unknown, username: string | undefined): void {
  const mayBe = 'a string of at most 65,535 bytes, without half surrogate pairs';
  if (typeof password !== 'string' || !isWellFormed(password))
    throw invalidSecret('password', mayBe, password);
  if (textBytes(password) > MQTT_LIMITS.binaryBytes) throw invalidSecret('password', mayBe, password);
  if (username === undefined) throw invalid('username', 'a string when there is a password', undefined);
}
