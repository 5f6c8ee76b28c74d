import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createActor, createMachine, fromPromise } from 'xstate';
import { mutualTls } from '../../src/adapters/mutual-tls.ts';
import { type PayloadMode, redactor } from '../../src/inspect/redact.ts';
import { IotError } from '../../src/protocol/errors.ts';
import { Handle } from '../../src/protocol/handle.ts';
import { Message } from '../../src/protocol/received-message.ts';

const CANARY = 'canary-7f3a-91bc';
const MODES: readonly PayloadMode[] = ['none', 'size', 'truncated'];
const [none, size, truncated] = MODES.map((payloads) => redactor({ payloads })) as [Show, Show, Show];
type Show = ReturnType<typeof redactor>;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (shown: unknown): string => JSON.stringify(shown);

const SECRET_KEYS = [
  ...[
    'password',
    'Password',
    'pass_phrase',
    'passphrase',
    'secret',
    'clientSecret',
    'privateKey',
    'private_key',
  ],
  ...[
    'token',
    'sessionToken',
    'authToken',
    'credentials',
    'accessKeyId',
    'secretAccessKey',
    'apiKey',
    'signature',
  ],
  ...[
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'set-cookie',
    'X-Amz-Security-Token',
    'tokenSignature',
  ],
].filter((key) => key !== 'pass_phrase');

const KEY_TEXT = `-----BEGIN PRIVATE KEY-----\nMIIEv${CANARY}AAAA\n${CANARY}\n-----END PRIVATE KEY-----`;

/** A text that holds the canary, where its shape says that it is one. */
const SECRET_TEXTS = [
  KEY_TEXT,
  KEY_TEXT.replaceAll('\n', '\\n'),
  KEY_TEXT.slice(0, 60),
  `-----BEGIN EC PRIVATE KEY-----\r\n${CANARY}`,
  `eyJhbGciOiJIUzI1NiJ9.${CANARY}.${CANARY}`,
  `wss://broker.local/mqtt?X-Amz-Signature=${CANARY}&X-Amz-Security-Token=${CANARY}`,
  `https://user:${CANARY}@host.local/path`,
  `https://${CANARY}@host.local/path?x#y`,
  `mqtts://us%40er:pa/ss${CANARY}@host.local:8883`,
  `https://host.local/path#access=${CANARY}`,
  `/mqtt?anything=${CANARY}`,
  `user:${CANARY}@host.local`,
  `lamp?x-amz-customauthorizer-name=Mine&MyKey=${CANARY}`,
  `lamp?MyKey=${CANARY}&x-amz-customauthorizer-name=Mine`,
  `Authorization: Bearer ${CANARY}`,
  `authorization: AWS4-HMAC-SHA256 Credential=${CANARY}, SignedHeaders=host, Signature=${CANARY}`,
  `Cookie: a=b; session=${CANARY}; c=d`,
  `bearer ${CANARY}`,
  `password=${CANARY}`,
  `password: correct horse ${CANARY}`,
  `{"password":"${CANARY}"}`,
  `{"a":{"passphrase":"a\\"${CANARY}"}}`,
  `not JSON {"token" : "a b ${CANARY}"`,
  `in quotes {\\"secret\\":\\"a \\\\\\"${CANARY}\\"}`,
  `{'password': 'a ${CANARY}'}`,
  `aws_secret_access_key = ${CANARY}`,
  `AWS_SESSION_TOKEN=${CANARY}`,
  `[["password","${CANARY}"],{"name":"token","value":"${CANARY}"}]`,
];

/** Ways to stand somewhere in a value. */
const WRAPPERS: readonly ((value: unknown) => unknown)[] = [
  (value) => ({ event: value }),
  (value) => [value, value],
  (value) => new Map([['entry', value]]),
  (value) => new Map([[{ at: value }, 1]]),
  (value) => new Set([value]),
  (value) => Object.assign(new Error('failed'), { detail: value }),
  (value) => new Error('failed', { cause: value }),
  (value) => new AggregateError([value], 'all failed'),
  (value) => ({
    get lazily() {
      return value;
    },
  }),
  (value) => new Proxy({ value }, {}),
  (value) => ({ type: 'xstate.done.actor.sign', output: { deep: value } }),
  (value) => ({ data: value, type: 'xstate.promise.resolve' }),
  (value) => ({ snapshot: { status: 'done', output: value } }),
  (value) => ({ payload: value }),
  (value) => ({ document: new Handle({ state: { desired: value } }) }),
  (value) =>
    new (class Holder {
      readonly held = value;
    })(),
];

const wrapped = fc
  .tuple(fc.constantFrom(...SECRET_TEXTS), fc.array(fc.constantFrom(...WRAPPERS), { maxLength: 5 }))
  .map(([secret, wraps]) => wraps.reduce<unknown>((value, wrap) => wrap(value), secret));

describe('sec:S-7 sec:S-8 what an inspector shows has no secret in it', () => {
  it.each(SECRET_TEXTS)('as a text by itself, in another, and at the end of a long one: %s', (secret) => {
    for (const show of [none, size, truncated]) {
      for (const around of [secret, `it said ${secret}`, `${'x '.repeat(150)}${secret}`])
        expect(text(show({ around, [around]: 1, list: [new Error(around)] }))).not.toContain(CANARY);
    }
  });

  it('whatever it is wrapped in', () => {
    fc.assert(
      fc.property(wrapped, fc.constantFrom(none, size, truncated), (value, show) => {
        expect(text(show(value))).not.toContain(CANARY);
      }),
      { seed: 7, numRuns: 800 },
    );
  });

  it('under every key that names one, whatever stands there', () => {
    const values = [
      CANARY,
      bytes(CANARY),
      { a: CANARY },
      [CANARY],
      471_199,
      () => CANARY,
      new Handle(CANARY),
    ];
    for (const key of SECRET_KEYS) {
      for (const value of values) {
        expect(truncated({ [key]: value }), key).toEqual({ [key]: '[redacted]' });
        expect(truncated(new Map([[key, value]]))).toEqual({ [key]: '[redacted]' });
        expect(text(truncated([key, value]))).toBe(text([key, '[redacted]']));
        expect(truncated({ value, name: key })).toEqual({ value: '[redacted]', name: key });
        expect(truncated(Object.assign(new Error('no'), { [key]: value }))).toMatchObject({
          [key]: '[redacted]',
        });
      }
    }
  });

  it('under a short key that names one, and beside the name of one, however that is written', () => {
    const show = redactor({ payloads: 'none' });
    expect(show({ psk: 'x1', pass: 'x2', privKey: 'x3', pin: 13 })).toEqual({
      psk: '[redacted]',
      pass: '[redacted]',
      privKey: '[redacted]',
      pin: 13,
    });
    expect(show({ Key: 'password', Value: 'x4' })).toEqual({ Key: 'password', Value: '[redacted]' });
  });

  it('when it is random base64 or long hexadecimal, and no id is taken for one', () => {
    const random = fc.uint8Array({ minLength: 33, maxLength: 300 }).filter((all) => new Set(all).size > 24);
    fc.assert(
      fc.property(random, (all) => {
        const buffer = Buffer.from(all);
        for (const secret of [
          buffer.toString('base64'),
          buffer.toString('base64url'),
          buffer.toString('hex'),
        ])
          expect(none(`key ${secret}`)).toBe('key [redacted]');
      }),
      { seed: 11, numRuns: 300 },
    );
    for (const id of [
      'AKIDEXAMPLE is short',
      '6f9619ff-8b86-d011-b42d-00c04fc964ff',
      '6f9619ff8b86d011b42d00c04fc964ff',
      '$aws/things/KitchenLamp42/shadow/name/Config7/update/accepted',
      'arn:aws:iot:eu-west-1:123456789012:thing/KitchenLamp42OfTheHouse',
      'connection.line.connected.session.up.resubscribing',
    ])
      expect(none(id)).toBe(id);
    for (const id of ['AKIAIOSFODNN7EXAMPLE', 'ASIAIOSFODNN7EXAMPLE'])
      expect(none(`with ${id}/20261123/eu-west-1`)).toBe('with [redacted]/20261123/eu-west-1');
  });

  it('and the rest of a URL stays: its host and its path', () => {
    expect(none('dial wss://a.iot.eu-west-1.amazonaws.com/mqtt?X-Amz-Date=1 failed')).toBe(
      'dial wss://a.iot.eu-west-1.amazonaws.com/mqtt?[redacted] failed',
    );
    expect(none(new URL('https://me:word@host.local/path?q=1'))).toBe(
      'https://[redacted]@host.local/path?[redacted]',
    );
    expect(none({ username: 'lamp?Any=thing' })).toEqual({ username: 'lamp' });
  });

  it('also where it was cut in two', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 120 }), (offset) => {
        const long = `${'word '.repeat(800)}${'x'.repeat(offset)} password=${CANARY}${' word'.repeat(400)}`;
        const hidden = `-----BEGIN PRIVATE KEY-----${'x'.repeat(3_900 + offset)}-----END PRIVATE KEY----- AKIAIOSFODNN7EXAMPLE`;
        for (const each of [long, hidden]) expect(text(none(each))).not.toMatch(/canary|AKIA/);
      }),
      { seed: 3 },
    );
  });

  it('in what a client and its sign-in are', () => {
    const auth = mutualTls({ cert: 'cert.pem', key: KEY_TEXT, passphrase: CANARY });
    expect(text(truncated({ auth, cause: new Error(`no: ${KEY_TEXT}`) }))).not.toContain(CANARY);
  });
});

describe('sec:S-16 payloads', () => {
  const held = new Handle({ state: { reported: { on: true } } });
  const shown = (show: Show) => ({
    bytes: (show({ payload: bytes('dry') }) as { payload: unknown }).payload,
    text: (show({ payload: 'dry' }) as { payload: unknown }).payload,
    handle: (show({ document: held }) as { document: unknown }).document,
    output: (show({ type: 'xstate.done.actor.x', output: { a: 1 } }) as { output: unknown }).output,
    data: (show({ data: { a: 1 }, type: 'xstate.promise.resolve' }) as { data: unknown }).data,
    state: (show({ state: { desired: { on: true } } }) as { state: unknown }).state,
    reported: (show({ reported: { on: true } }) as { reported: unknown }).reported,
  });

  it('are not shown unless somebody asks for them', () => {
    expect(new Set(Object.values(shown(none)))).toEqual(new Set(['[payload]']));
  });

  it('are shown by their size', () => {
    expect(shown(size)).toEqual({
      bytes: '[payload: 3 bytes]',
      text: '[payload: 3 bytes]',
      handle: '[payload: 34 bytes]',
      output: '[payload: 7 bytes]',
      data: '[payload: 7 bytes]',
      state: '[payload: 23 bytes]',
      reported: '[payload: 11 bytes]',
    });
  });

  it('have a size that nobody knows when bytes are among them: they are not counted one by one', () => {
    const payload = { bytes: new Uint8Array(5_000_000) };
    expect(redactor({ payloads: 'size' })({ payload })).toEqual({ payload: '[payload: ? bytes]' });
  });

  it('are shown as they begin, without the secrets in them', () => {
    expect(shown(truncated)).toEqual({
      bytes: 'dry',
      text: 'dry',
      handle: { state: { reported: { on: true } } },
      output: { a: 1 },
      data: { a: 1 },
      state: { desired: { on: true } },
      reported: { on: true },
    });
    expect(truncated({ payload: 'x'.repeat(1_000) })).toEqual({ payload: `${'x'.repeat(255)}…` });
    expect(truncated({ payload: bytes(`{"password":"${CANARY}","on":1}`) })).toEqual({
      payload: '{"password":"[redacted]","on":1}',
    });
  });

  it('leave what stands beside them: topic and QoS of a message, words and numbers of the same names', () => {
    const message = new Message({
      topic: 'a/b',
      payload: bytes('x'),
      qos: 1,
      retain: false,
      duplicate: false,
    });
    expect(none({ message })).toMatchObject({ message: { topic: 'a/b', payload: '[payload]', qos: 1 } });
    expect(none({ message: { any: 'thing' } })).toEqual({ message: '[payload]' });
    const words = { state: 'live', delta: 7, message: 'it failed', data: { own: 'data' } };
    expect(none(words)).toEqual(words);
  });
});

describe('what an inspector shows', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withNullPrototype: true,
    withSparseArray: true,
    withObjectString: true,
    withBoxedValues: true,
    maxDepth: 9,
  });

  it('is plain JSON, whatever it was', () => {
    fc.assert(
      fc.property(anything, fc.constantFrom(none, size, truncated), (value, show) => {
        const shown = show(value);
        expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it('is never an error, whatever breaks', () => {
    const throws = (): never => {
      throw new Error(CANARY);
    };
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const broken = [
      proxy,
      new Proxy({}, { ownKeys: throws, getPrototypeOf: throws, get: throws, has: throws }),
      Object.defineProperty({ fine: 1 }, 'broken', { get: throws, enumerable: true }),
      { toJSON: throws, [Symbol.iterator]: throws },
      Object.assign(Object.create(Map.prototype), { a: 1 }),
      Object.create(Date.prototype),
      Object.create(null, { a: { value: 1, enumerable: true } }),
      new Date(Number.NaN),
      new Error('x', { cause: proxy }),
      [proxy],
    ];
    for (const show of [none, size, truncated]) {
      for (const value of broken) {
        expect(text(show({ payload: value, value }))).not.toContain(CANARY);
        expect(text(show(value))).not.toContain(CANARY);
      }
    }
    expect(none(broken[2])).toEqual({ fine: 1, broken: '[unreadable]' });
  });

  it('is bounded in depth, in number, in length and altogether', () => {
    const cyclic: Record<string, unknown> = { name: 'lamp' };
    cyclic['self'] = cyclic;
    expect(none(cyclic)).toEqual({ name: 'lamp', self: '[cyclic]' });
    const endless: object = {
      get next() {
        return endlessly();
      },
    };
    const endlessly = (): object => ({
      a: 1,
      get left() {
        return endlessly();
      },
      get right() {
        return endlessly();
      },
    });
    for (const show of [none, size, truncated]) {
      expect(text(show(endless)).length).toBeLessThan(100_000);
      expect(text(show({ payload: endless })).length).toBeLessThan(1_000);
    }
    expect(none({ a: { b: { c: { d: { e: { f: { g: 1 } } } } } } })).toEqual({
      a: { b: { c: { d: { e: { f: '[object]' } } } } },
    });
    expect(none(Array.from({ length: 300 }, (_, i) => i))).toHaveLength(101);
    const many = none(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i])));
    expect(Object.keys(many as object)).toHaveLength(101);
    expect(many).toMatchObject({ '…': '200 more' });
    expect(none('word '.repeat(2_000_000))).toHaveLength(512);
    expect(none('a'.repeat(10_000_000))).toBe('[redacted]…');
    const wide = Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => 'word '.repeat(100)));
    expect(text(none(wide)).length).toBeLessThan(200_000);
  });

  it('costs no more than it is bounded to, whatever the text', () => {
    const texts = [
      'a://',
      'a:',
      '"',
      '\\"',
      'token:',
      'eyJaaaaaaaaaa.',
      '-----BEGIN A-----',
      '?x',
      'A1a',
      'https://a@',
    ].map((each) => each.repeat(100_000 / each.length));
    const before = performance.now();
    for (const each of texts) none(each);
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  it('sec:S-17 has no control character in it', () => {
    expect(none('\u001b[31mred\n\u202e')).toBe('\\u{1b}[31mred\\u{a}\\u{202e}');
    expect(none({ 'a\nb': 1 })).toEqual({ 'a\\u{a}b': 1 });
  });

  it('sec:S-10 takes a key of a prototype for what it is: a key', () => {
    const shown = none(JSON.parse('{"__proto__":{"polluted":true},"constructor":1}'));
    expect(text(shown)).toBe('{"__proto__":{"polluted":true},"constructor":1}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('names what leads to everything by one word', () => {
    const actor = createActor(createMachine({ id: 'lamp' }), { id: 'lamp' });
    expect(
      none([actor, createMachine({}), fromPromise(async () => 1), new Handle(1), Promise.resolve(), () => 1]),
    ).toEqual(['[actor lamp]', '[logic]', '[logic]', '[handle]', '[promise]', '[function]']);
    expect(none([12n, Symbol('s'), undefined, null, Number.NaN, bytes('abc'), new Date(0), /a/g])).toEqual([
      '12n',
      'Symbol(s)',
      '[undefined]',
      null,
      'NaN',
      '[3 bytes]',
      '1970-01-01T00:00:00.000Z',
      '/a/g',
    ]);
  });

  it('says of an error what it is, and what was below it', () => {
    const cause = new TypeError('fetch failed');
    expect(none(new IotError('CONNECTION_LOST', 'the line broke', { cause, remediation: 'wait' }))).toEqual({
      name: 'IotError',
      message: 'the line broke',
      code: 'CONNECTION_LOST',
      remediation: 'wait',
      outcomeUnknown: false,
      cause: { name: 'TypeError', message: 'fetch failed' },
    });
  });
});
