/**
 * What the connection machine does after an error ended a line or an attempt.
 *
 * - `retry`: the network or a busy server; progressive backoff.
 * - `reauthenticate`: a refused sign-in; renew the credentials once and retry, then slowly.
 * - `retrySlowly`: a person must mend it outside of this process; keep trying at the maximum delay.
 * - `fatal`: only this process's own options can mend it; stop.
 * - `none`: the error of one call; it says nothing about the line.
 */
export type Recovery = 'retry' | 'reauthenticate' | 'retrySlowly' | 'fatal' | 'none';

/** Every code that an {@link IotError} can have, and what it means for the line. docs/errors.md explains each. */
const RECOVERY_OF = {
  // The call itself.
  INVALID_ARGUMENT: 'none',
  TIMEOUT: 'none',
  ABORTED: 'none',
  CLOSED: 'none',
  DISCONNECTED: 'none',
  MISSING_PACKAGE: 'none',
  // One message or one filter: not taken here, or refused by the broker.
  NOT_CONNECTED: 'none',
  QUEUE_FULL: 'none',
  QUEUE_EVICTED: 'none',
  MESSAGE_EXPIRED: 'none',
  PUBLISH_REFUSED: 'none',
  SUBSCRIPTION_REFUSED: 'none',
  TOO_MANY_SUBSCRIPTIONS: 'none',
  // The same, found out from the broker's closing the connection over it, again and again.
  POISON_PUBLISH: 'none',
  POISON_SUBSCRIPTION: 'none',
  // A payload that is not what the app asked for.
  INVALID_PAYLOAD: 'none',
  // A durable queue.
  STORE_FULL: 'none',
  STORE_LOCKED: 'none',
  STORE_INCOMPATIBLE: 'none',
  STORE_FAILED: 'none',
  // A device shadow.
  SHADOW_REJECTED: 'none',
  INVALID_DOCUMENT: 'none',
  OUTCOME_UNKNOWN: 'none',
  // The network on the way to the broker.
  DNS_FAILED: 'retry',
  NETWORK_UNREACHABLE: 'retry',
  CONNECTION_RESET: 'retry',
  ATTEMPT_TIMEOUT: 'retry',
  CLOSED_BEFORE_CONNACK: 'retry',
  // TLS, seen from here.
  TLS_FAILED: 'retry',
  SERVER_CERTIFICATE_UNTRUSTED: 'retrySlowly',
  SERVER_CERTIFICATE_EXPIRED: 'retrySlowly',
  SERVER_CERTIFICATE_NOT_YET_VALID: 'retrySlowly',
  SERVER_NAME_MISMATCH: 'retrySlowly',
  // Our own certificate and key.
  CREDENTIAL_UNREADABLE: 'retrySlowly',
  CLIENT_CERTIFICATE_REFUSED: 'retrySlowly',
  CLIENT_CERTIFICATE_EXPIRED: 'retrySlowly',
  CLIENT_CERTIFICATE_NOT_YET_VALID: 'retrySlowly',
  CLIENT_CERTIFICATE_INVALID: 'fatal',
  KEY_MISMATCH: 'fatal',
  KEY_FILE_MISMATCH: 'retrySlowly',
  // Credentials that something else gives: a provider, a file, a service.
  CREDENTIALS_UNAVAILABLE: 'retry',
  CREDENTIALS_NOT_FOUND: 'retrySlowly',
  // The upgrade to a WebSocket; 401, 403, 408, 429 and 5xx are as in CONNACK.
  WEBSOCKET_REFUSED: 'retrySlowly',
  // A browser does not tell why it opened none: the network, the certificate or a refused sign-in.
  WEBSOCKET_FAILED: 'retry',
  // The broker refused the session, in CONNACK, or ended it, in a DISCONNECT of MQTT 5.
  UNSUPPORTED_PROTOCOL_VERSION: 'fatal',
  INVALID_CLIENT_ID: 'fatal',
  INVALID_WILL: 'fatal',
  SERVER_UNAVAILABLE: 'retry',
  BAD_CREDENTIALS: 'reauthenticate',
  NOT_AUTHORIZED: 'retrySlowly',
  QUOTA_EXCEEDED: 'retrySlowly',
  SERVER_MOVED: 'retrySlowly',
  CONNECTION_REFUSED: 'retrySlowly',
  // A line that was there.
  CONNECTION_LOST: 'retry',
  DUPLICATE_CLIENT_ID: 'retrySlowly',
  PACKET_TOO_LARGE: 'retry',
  PING_TIMEOUT: 'retry',
  OPERATION_TIMEOUT: 'retry',
  PROTOCOL_ERROR: 'retry',
  // A fault of this package.
  INTERNAL: 'retry',
} as const satisfies Record<string, Recovery>;

/** What went wrong, as one word to match on. Codes are stable; messages are not. */
export type IotErrorCode = keyof typeof RECOVERY_OF;

/** All codes, for tables and tests. */
export const IOT_ERROR_CODES = Object.keys(RECOVERY_OF) as readonly IotErrorCode[];

/** What an error can say beside its code and its message. */
export interface IotErrorDetails {
  /** The first thing to do about it. Only when it is true and somebody can do it. */
  readonly remediation?: string | undefined;
  /** The error below this one. It is never serialised. */
  readonly cause?: unknown;
  /** The message had been on the wire: the broker may have it. */
  readonly outcomeUnknown?: boolean;
  /** The code that the broker gave: a return code of MQTT 3.1.1, or a reason code of MQTT 5 (section 2.4). */
  readonly reasonCode?: number | undefined;
}

const BRAND = Symbol.for('aws-iot-machines.IotError');

/**
 * The one error class of this package. Match on `code`: it survives two copies of the package, renamed classes and
 * new messages. Contains no secret and no payload.
 */
export class IotError extends Error {
  /** What to match on: stable from version to version. */
  readonly code: IotErrorCode;
  /** The first thing to do about it, when there is a true one. */
  declare readonly remediation?: string;
  /** Whether the message had been on the wire, so that the broker may have it although the call failed. */
  readonly outcomeUnknown: boolean;
  /** The broker's own code, when it gave one: a return code of MQTT 3.1.1, or a reason code of MQTT 5 (section 2.4). */
  declare readonly reasonCode?: number;

  constructor(code: IotErrorCode, message: string, details: IotErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'IotError';
    this.code = code;
    // Only where there is one, so that a printed error shows no empty field.
    if (details.remediation !== undefined) this.remediation = details.remediation;
    if (details.reasonCode !== undefined) this.reasonCode = details.reasonCode;
    this.outcomeUnknown = details.outcomeUnknown ?? false;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** What the connection machine does after this error. */
  get recovery(): Recovery {
    return RECOVERY_OF[this.code];
  }

  /** True for an `IotError` of any copy of this package. */
  static is(value: unknown): value is IotError {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  /** All but `cause` and `stack`, as `JSON.stringify` takes it. */
  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      recovery: this.recovery,
      ...(this.remediation === undefined ? {} : { remediation: this.remediation }),
      ...(this.reasonCode === undefined ? {} : { reasonCode: this.reasonCode }),
      ...(this.outcomeUnknown ? { outcomeUnknown: true } : {}),
    };
  }
}

/**
 * Bad input: says which field it was, what it may be, and what was given (its kind and size, never a secret's value).
 */
export function invalid(field: string, mayBe: string, given: unknown): IotError {
  return new IotError('INVALID_ARGUMENT', `${field} must be ${mayBe}; given: ${describe(given)}`);
}

/** How much of a text is shown: enough to know it by, too little for a page of HTML or a secret's whole length. */
const SHOWN_CHARACTERS = 64;
/** What a terminal or an editor obeys instead of showing it, and JSON leaves as it is. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A short, harmless description of a value for an error message: long text is cut, and what steers a terminal escaped. */
export function describe(value: unknown, shownCharacters = SHOWN_CHARACTERS): string {
  if (typeof value === 'string') {
    const shown = escaped(JSON.stringify(value.slice(0, shownCharacters)));
    return value.length > shownCharacters ? `${shown}… (${value.length} characters)` : shown;
  }
  if (typeof value === 'function') return 'a function';
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return describeObject(value);
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? `${value}n` : 'a huge bigint';
  if (typeof value === 'symbol') return `Symbol(${escaped(cut(value.description ?? ''))})`;
  return String(value);
}

function escaped(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

const cut = (text: string): string =>
  text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;

/** By its fields; or by its class, which says more when it has none: a promise that nobody awaited, a Map. */
function describeObject(value: object): string {
  const fields = escaped(cut(Object.keys(value).slice(0, 8).join(', ')));
  const { constructor: made } = value as { readonly constructor?: unknown };
  // A class may have said that its name is anything.
  const name = typeof made === 'function' && typeof made.name === 'string' ? escaped(cut(made.name)) : '';
  if (fields !== '' || name === '' || name === 'Object') return `an object (${fields})`;
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** Bad input that may be a secret: says what kind of value was given, and nothing of the value. */
export function invalidSecret(field: string, mayBe: string, given: unknown): IotError {
  const kind = given === null ? 'null' : typeof given;
  const shown = typeof given === 'string' ? `text of ${given.length} characters` : kind;
  return new IotError('INVALID_ARGUMENT', `${field} must be ${mayBe}; given: ${shown}`);
}
