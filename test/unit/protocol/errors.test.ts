import { describe, expect, test, vi } from 'vitest';
import {
  describe as described,
  IOT_ERROR_CODES,
  IotError,
  type IotErrorCode,
  invalid,
  invalidSecret,
  type Recovery,
} from '../../../src/protocol/errors.ts';
import { watchModules } from '../../support/watched-modules.ts';

/** What the connection does after each code. Changing a row changes what devices in the field do. */
const RECOVERY: Record<IotErrorCode, Recovery> = {
  INVALID_ARGUMENT: 'none',
  TIMEOUT: 'none',
  ABORTED: 'none',
  CLOSED: 'none',
  DISCONNECTED: 'none',
  MISSING_PACKAGE: 'none',
  NOT_CONNECTED: 'none',
  QUEUE_FULL: 'none',
  QUEUE_EVICTED: 'none',
  MESSAGE_EXPIRED: 'none',
  PUBLISH_REFUSED: 'none',
  SUBSCRIPTION_REFUSED: 'none',
  TOO_MANY_SUBSCRIPTIONS: 'none',
  POISON_PUBLISH: 'none',
  POISON_SUBSCRIPTION: 'none',
  INVALID_PAYLOAD: 'none',
  STORE_FULL: 'none',
  STORE_LOCKED: 'none',
  STORE_INCOMPATIBLE: 'none',
  STORE_FAILED: 'none',
  SHADOW_REJECTED: 'none',
  INVALID_DOCUMENT: 'none',
  OUTCOME_UNKNOWN: 'none',
  DNS_FAILED: 'retry',
  NETWORK_UNREACHABLE: 'retry',
  CONNECTION_RESET: 'retry',
  ATTEMPT_TIMEOUT: 'retry',
  CLOSED_BEFORE_CONNACK: 'retry',
  TLS_FAILED: 'retry',
  SERVER_CERTIFICATE_UNTRUSTED: 'retrySlowly',
  SERVER_CERTIFICATE_EXPIRED: 'retrySlowly',
  SERVER_CERTIFICATE_NOT_YET_VALID: 'retrySlowly',
  SERVER_NAME_MISMATCH: 'retrySlowly',
  CREDENTIAL_UNREADABLE: 'retrySlowly',
  CLIENT_CERTIFICATE_REFUSED: 'retrySlowly',
  CLIENT_CERTIFICATE_EXPIRED: 'retrySlowly',
  CLIENT_CERTIFICATE_NOT_YET_VALID: 'retrySlowly',
  CLIENT_CERTIFICATE_INVALID: 'fatal',
  KEY_MISMATCH: 'fatal',
  KEY_FILE_MISMATCH: 'retrySlowly',
  CREDENTIALS_UNAVAILABLE: 'retry',
  CREDENTIALS_NOT_FOUND: 'retrySlowly',
  WEBSOCKET_REFUSED: 'retrySlowly',
  WEBSOCKET_FAILED: 'retry',
  UNSUPPORTED_PROTOCOL_VERSION: 'fatal',
  INVALID_CLIENT_ID: 'fatal',
  INVALID_WILL: 'fatal',
  SERVER_UNAVAILABLE: 'retry',
  BAD_CREDENTIALS: 'reauthenticate',
  NOT_AUTHORIZED: 'retrySlowly',
  QUOTA_EXCEEDED: 'retrySlowly',
  SERVER_MOVED: 'retrySlowly',
  CONNECTION_REFUSED: 'retrySlowly',
  CONNECTION_LOST: 'retry',
  DUPLICATE_CLIENT_ID: 'retrySlowly',
  PACKET_TOO_LARGE: 'retry',
  PING_TIMEOUT: 'retry',
  OPERATION_TIMEOUT: 'retry',
  PROTOCOL_ERROR: 'retry',
  INTERNAL: 'retry',
};

/** Of a class whose name is not what a name is. */
function instanceOfClassNamed(name: unknown): object {
  class Thing {}
  Object.defineProperty(Thing, 'name', { value: name });
  return new Thing();
}

describe('the codes', () => {
  test('are these, and no other', () => {
    expect([...IOT_ERROR_CODES].sort()).toEqual(Object.keys(RECOVERY).sort());
  });

  test.each(Object.entries(RECOVERY) as [IotErrorCode, Recovery][])(
    'fault:A-10 py:B20 after %s the connection does: %s',
    (code, recovery) => expect(new IotError(code, 'words').recovery).toBe(recovery),
  );
});

describe('an IotError', () => {
  test('serialises all that may be shown, and no more', () => {
    const error = new IotError('NOT_AUTHORIZED', 'no', {
      remediation: 'Ask.',
      reasonCode: 135,
      outcomeUnknown: true,
      cause: new Error('a cause may hold anything'),
    });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'IotError',
      code: 'NOT_AUTHORIZED',
      message: 'no',
      recovery: 'retrySlowly',
      remediation: 'Ask.',
      reasonCode: 135,
      outcomeUnknown: true,
    });
  });

  test('shows no field that says nothing', () => {
    const error = new IotError('CLOSED', 'closed');
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'IotError',
      code: 'CLOSED',
      message: 'closed',
      recovery: 'none',
    });
    expect(Object.keys(error).sort()).toEqual(['code', 'name', 'outcomeUnknown']);
    expect('cause' in error).toBe(false);
    expect(error.toJSON()).toStrictEqual(JSON.parse(JSON.stringify(error)));
  });

  test('a reason code of 0 is one', () => {
    expect(new IotError('CONNECTION_LOST', 'bye', { reasonCode: 0 }).toJSON()).toMatchObject({
      reasonCode: 0,
    });
  });

  test('fault:G-10 is known to another copy of the package, and so is one of its own', async () => {
    vi.resetModules();
    watchModules();
    const other = await import('../../../src/protocol/errors.ts');
    expect(other.IotError).not.toBe(IotError);
    const theirs = new other.IotError('QUEUE_FULL', 'full');
    expect(theirs).not.toBeInstanceOf(IotError);
    expect(IotError.is(theirs) && theirs.code).toBe('QUEUE_FULL');
    expect(other.IotError.is(new IotError('CLOSED', 'closed'))).toBe(true);
  });

  test.each([undefined, null, 'IotError', 7, new Error('x'), { code: 'CLOSED', name: 'IotError' }])(
    'is not %s',
    (value) => expect(IotError.is(value)).toBe(false),
  );
});

describe('sec:S-17 what an error shows of a value', () => {
  test.each([
    ['"short"', 'short'],
    [`"${'x'.repeat(64)}"`, 'x'.repeat(64)],
    [`"${'x'.repeat(64)}"… (65 characters)`, 'x'.repeat(65)],
    [String.raw`"two\nlines\r\u0000"`, 'two\nlines\r\0'],
    [String.raw`"\u001b[31mred"`, '\u001b[31mred'],
    // What JSON leaves as it is: C1 controls (a terminal obeys U+009B), line separators, and writing from right to left.
    [String.raw`"\u{7f}\u{9b}31m"`, '\u007f\u009b31m'],
    [String.raw`"a\u{2028}b\u{2029}c"`, 'a\u2028b\u2029c'],
    [String.raw`"\u{202e}txt.exe\u{feff}"`, '\u202Etxt.exe\ufeff'],
    ['"größe 😀"', 'größe 😀'],
    ['3 bytes', new Uint8Array(3)],
    ['an array of 2', [1, 2]],
    ['an object (a, b)', { a: 1, b: 'secret' }],
    [String.raw`an object (x\u{9b})`, { 'x\u009b': 1 }],
    [`an object (${'x'.repeat(64)}…)`, { ['x'.repeat(70)]: 1 }],
    [`an object (${'x'.repeat(64)})`, { ['x'.repeat(64)]: 1 }],
    ['an object (a, b, c, d, e, f, g, h)', { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1 }],
    ['an object ()', {}],
    ['an object ()', Object.create(null)],
    ['an object ()', new (class {})()],
    [
      'an object (field)',
      new (class Named {
        readonly field = 1;
      })(),
    ],
    ['a Map', new Map()],
    ['a Promise', Promise.resolve()],
    ['a function', () => 'secret'],
    ['7n', 7n],
    ['a huge bigint', 10n ** 40n],
    [String.raw`Symbol(a\u{1b}b)`, Symbol('a\u001bb')],
    [`Symbol(${'x'.repeat(64)}…)`, Symbol('x'.repeat(70))],
    [String.raw`an A\u{1b}`, instanceOfClassNamed('A\u001b')],
    ['an object ()', instanceOfClassNamed(7)],
    ['undefined', undefined],
    ['null', null],
  ])('is %s', (shown, value) => expect(described(value)).toBe(shown));

  test('bad input says the field, what it may be, and what was given', () => {
    expect(invalid('qos', '0 or 1', 2)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'qos must be 0 or 1; given: 2',
    });
  });

  test.each([
    ['hunter2', 'text of 7 characters'],
    [null, 'null'],
    [7, 'number'],
  ])('bad input that may be a secret shows its kind only: %s', (given, shown) => {
    const { code, message } = invalidSecret('passphrase', 'a string', given);
    expect([code, message]).toEqual(['INVALID_ARGUMENT', `passphrase must be a string; given: ${shown}`]);
  });
});
