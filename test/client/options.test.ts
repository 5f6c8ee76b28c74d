import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../src/client/options.ts';
import { VERSION } from '../../src/client/version.ts';
import { createIotClient, type IotClientOptions, mutualTls, plainTcp } from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { judged, thrownBy } from './support.ts';

const GOOD: IotClientOptions = { endpoint: 'broker.local', clientId: 'lamp', auth: plainTcp() };
const AWS: IotClientOptions = {
  endpoint: 'abc123-ats.iot.eu-west-1.amazonaws.com',
  clientId: 'lamp',
  auth: mutualTls({ cert: 'cert.pem', key: 'key.pem' }),
};
const tooLong = 2 ** 31;
const packageFile = new URL('../../package.json', import.meta.url);
const { version: packageVersion } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

/** Options, and what the error must say: the field, what it may be, and what was given. */
type Row = readonly [what: string, options: unknown, field: string, mayBe: RegExp, given: RegExp];

const without = (field: keyof IotClientOptions): unknown =>
  Object.fromEntries(Object.entries(GOOD).filter(([name]) => name !== field));
const change = (change: Record<string, unknown>): unknown => ({ ...GOOD, ...change });
const aws = (change: Record<string, unknown>): unknown => ({ ...AWS, ...change });
const five = (change: Record<string, unknown>): unknown => ({ ...GOOD, protocolVersion: 5, ...change });
const willOf = (change: Record<string, unknown>): unknown => five({ will: { topic: 'gone', ...change } });

const INVALID: readonly Row[] = [
  ['no options at all', undefined, 'options', /an object/, /undefined/],
  ['null for options', null, 'options', /an object/, /null/],
  ['text for options', 'broker.local', 'options', /an object/, /"broker\.local"/],
  ['a list of options', [GOOD], 'options', /an object/, /an array of 1/],
  ['no endpoint', without('endpoint'), 'endpoint', /host name/, /undefined/],
  ['an empty endpoint', change({ endpoint: '' }), 'endpoint', /host name/, /""/],
  ['an endpoint with a scheme', change({ endpoint: 'mqtts://b' }), 'endpoint', /without scheme/, /"mqtts:/],
  ['an endpoint with a port', change({ endpoint: 'b:8883' }), 'endpoint', /port/, /"b:8883"/],
  ['IPv6 with a port', change({ endpoint: '[::1]:8883' }), 'endpoint', /without scheme, port/, /8883/],
  ['an endpoint with a path', change({ endpoint: 'b/mqtt' }), 'endpoint', /path/, /"b\/mqtt"/],
  ['an endpoint with blanks', change({ endpoint: ' b' }), 'endpoint', /host name/, /" b"/],
  [
    'an endpoint with a user and a password',
    change({ endpoint: 'mqtts://u:secret@b' }),
    'endpoint',
    /host name/,
    /^"…@b"$/,
  ],
  ['a number for the endpoint', change({ endpoint: 1 }), 'endpoint', /host name/, /1/],
  ['port 0', change({ port: 0 }), 'port', /from 1 to 65535/, /0/],
  ['port 65536', change({ port: 65_536 }), 'port', /from 1 to 65535/, /65536/],
  ['half a port', change({ port: 1.5 }), 'port', /a whole number/, /1\.5/],
  ['a port as text', change({ port: '1883' }), 'port', /a whole number/, /"1883"/],
  ['null for the port', change({ port: null }), 'port', /a whole number/, /null/],
  [
    'no client id for a session that is to be found again',
    { ...(without('clientId') as object), session: 'persistent' },
    'clientId',
    /text of 1 to 65535 bytes for a persistent session/,
    /undefined/,
  ],
  [
    'py:V1, MQTT-3.1.3-8 an empty client id for such a session',
    change({ clientId: '', session: 'persistent' }),
    'clientId',
    /text of 1/,
    /""/,
  ],
  [
    'an empty client id for a session that expires',
    change({ clientId: '', session: { expirySeconds: 1 }, protocolVersion: 5 }),
    'clientId',
    /text of 1/,
    /""/,
  ],
  ['null as client id', change({ clientId: null }), 'clientId', /text of 1 .* or left out/, /null/],
  ['a client id with NUL', change({ clientId: 'a\0b' }), 'clientId', /text of 1/, /"a\\u0000b"/],
  ['half a character', change({ clientId: '\ud800' }), 'clientId', /text of 1/, /ud800/],
  [
    'a client id of 65,536 bytes',
    change({ clientId: 'é'.repeat(32_768) }),
    'clientId',
    /65535/,
    /32768 char/,
  ],
  [
    'a client id of 129 bytes on AWS',
    aws({ clientId: 'x'.repeat(129) }),
    'clientId',
    /128 bytes/,
    /129 char/,
  ],
  [
    'a client id that AWS keeps',
    aws({ clientId: '$lamp' }),
    'clientId',
    /does not begin with \$/,
    /"\$lamp"/,
  ],
  ['a number as authority', aws({ ca: 5 }), 'ca', /PEM/, /number/],
  ['an empty authority', aws({ ca: '' }), 'ca', /PEM/, /0 characters/],
  [
    'an authority without TLS',
    change({ ca: 'nofile.pem' }),
    'ca',
    /left out with plainTcp\(\)/,
    /10 characters/,
  ],
  ['no sign-in', without('auth'), 'auth', /mutualTls\(.*plainTcp\(\)/, /undefined/],
  ['text as sign-in', change({ auth: 'tls' }), 'auth', /mutualTls/, /^text of 3 characters$/],
  ['half a sign-in', change({ auth: { signIn: 1, validate: 2 } }), 'auth', /mutualTls/, /object/],
  ['no TLS for AWS', aws({ auth: plainTcp() }), 'auth', /mutualTls\(\)/, /plainTcp\(\)/],
  ['MQTT 3.1', change({ protocolVersion: 3 }), 'protocolVersion', /4 or 5/, /3/],
  ['a protocol as text', change({ protocolVersion: '4' }), 'protocolVersion', /4/, /"4"/],
  ['an unknown session', change({ session: 'forever' }), 'session', /"clean" or "persistent"/, /"forever"/],
  ['null for the session', change({ session: null }), 'session', /"clean" or "persistent"/, /null/],
  [
    'an unknown session of MQTT 5',
    change({ session: 'forever', protocolVersion: 5 }),
    'session',
    /"clean" or "persistent" or \{ expirySeconds \}/,
    /"forever"/,
  ],
  [
    'a session of no time',
    five({ session: { expirySeconds: 0 } }),
    'session.expirySeconds',
    /from 1 to/,
    /0/,
  ],
  [
    'a session beyond four bytes',
    five({ session: { expirySeconds: 2 ** 32 } }),
    'session.expirySeconds',
    /to 4294967295/,
    /4294967296/,
  ],
  [
    'half a second of session',
    five({ session: { expirySeconds: 1.5 } }),
    'session.exp',
    /whole number/,
    /1\.5/,
  ],
  ['a session without its time', five({ session: {} }), 'session.expirySeconds', /whole number/, /undefined/],
  ['a list as session', five({ session: [] }), 'session', /an object/, /an array of 0/],
  ['a packet of nothing', change({ maximumPacketBytes: 1_023 }), 'maximumPacketBytes', /from 1024/, /1023/],
  [
    'a packet that none can be',
    change({ maximumPacketBytes: 268_435_456 }),
    'maximumPacketBytes',
    /to 268435455/,
    /268435456/,
  ],
  ['a negative interval', change({ connectIntervalMs: -1 }), 'connectIntervalMs', /whole/, /-1/],
  ['null for the interval', change({ connectIntervalMs: null }), 'connectIntervalMs', /whole/, /null/],
  ['half a byte', change({ maximumPacketBytes: 2_000.5 }), 'maximumPacketBytes', /whole/, /2000\.5/],
  ['null for the packet', change({ maximumPacketBytes: null }), 'maximumPacketBytes', /whole/, /null/],
  ['metrics for others', change({ metrics: true }), 'metrics', /false or left out: only AWS/, /true/],
  ['metrics as text', aws({ metrics: 'no' }), 'metrics', /true or false/, /"no"/],
  ['null as metrics', aws({ metrics: null }), 'metrics', /true or false/, /null/],
  ['keep-alive 0', change({ keepAliveSeconds: 0 }), 'keepAliveSeconds', /from 1 to 65535/, /0/],
  ['keep-alive 65,536', change({ keepAliveSeconds: 65_536 }), 'keepAliveSeconds', /65535/, /65536/],
  [
    'fault:C-8 keep-alive 29 on AWS',
    aws({ keepAliveSeconds: 29 }),
    'keepAliveSeconds',
    /from 30 to 1200/,
    /29/,
  ],
  [
    'fault:C-8 keep-alive 1,201 on AWS',
    aws({ keepAliveSeconds: 1_201 }),
    'keepAliveSeconds',
    /30 to 1200/,
    /1201/,
  ],
  ['ping timeout 0', change({ pingTimeoutMs: 0 }), 'pingTimeoutMs', /more than 0/, /0/],
  ['an attempt timeout of NaN', change({ attemptTimeoutMs: Number.NaN }), 'attemptTimeoutMs', /milli/, /NaN/],
  [
    'a timer that none can be',
    change({ operationTimeoutMs: tooLong }),
    'operationTimeoutMs',
    /2147483647/,
    /648/,
  ],
  ['a negative timeout', change({ operationTimeoutMs: -1 }), 'operationTimeoutMs', /more than 0/, /-1/],
  ['text for the backoff', change({ reconnect: 'slow' }), 'reconnect', /an object/, /"slow"/],
  ['null for the backoff', change({ reconnect: null }), 'reconnect', /an object/, /null/],
  ['py:B11 a base of 0', change({ reconnect: { baseMs: 0 } }), 'reconnect.baseMs', /more than 0/, /0/],
  ['py:B3 a negative base', change({ reconnect: { baseMs: -10 } }), 'reconnect.baseMs', /from 0/, /-10/],
  [
    'py:B12 max below base',
    change({ reconnect: { maxMs: 999 } }),
    'reconnect.maxMs',
    /at least baseMs/,
    /999/,
  ],
  [
    'py:B4 base above stable',
    change({ reconnect: { stableMs: 10 } }),
    'reconnect.stableMs',
    /than baseMs/,
    /10/,
  ],
  ['an unknown jitter', change({ reconnect: { jitter: 'full' } }), 'reconnect.jitter', /'equal'/, /"full"/],
  [
    'a spread too wide',
    change({ reconnect: { firstRetryWithinMs: tooLong } }),
    'reconnect.firstRet',
    /2147/,
    /648/,
  ],
  ['true for the queue', change({ offlineQueue: true }), 'offlineQueue', /an object/, /true/],
  ['null for the queue', change({ offlineQueue: null }), 'offlineQueue', /an object/, /null/],
  [
    'py:Q1 size 1.7',
    change({ offlineQueue: { maxMessages: 1.7 } }),
    'offlineQueue.maxMessages',
    /whole/,
    /1\.7/,
  ],
  ['size 0', change({ offlineQueue: { maxMessages: 0 } }), 'offlineQueue.maxMessages', /from 1/, /0/],
  [
    'a size as text',
    change({ offlineQueue: { maxMessages: '9' } }),
    'offlineQueue.maxMessages',
    /whole/,
    /"9"/,
  ],
  ['true for the queue', change({ offlineQueue: true }), 'offlineQueue', /an object, or false/, /true/],
  [
    'py:Q27 room for -1',
    change({ offlineQueue: { maxMessages: -1 } }),
    'offlineQueue.maxMessages',
    /or Inf/,
    /-1/,
  ],
  ['null for the CA', aws({ ca: null }), 'ca', /a path, PEM text/, /^null$/],
  ['no room at all', change({ offlineQueue: { maxBytes: 0 } }), 'offlineQueue.maxBytes', /from 1/, /0/],
  [
    'py:Q1 drop 1.7',
    change({ offlineQueue: { overflow: 1.7 } }),
    'offlineQueue.overflow',
    /"dropNewest"/,
    /1\.7/,
  ],
  ['py:Q2 drop 2', change({ offlineQueue: { overflow: 2 } }), 'offlineQueue.overflow', /"dropNewest"/, /2/],
  [
    'py:Q27 drop foo',
    change({ offlineQueue: { overflow: 'foo' } }),
    'offlineQueue.overflow',
    /"dropOl/,
    /"foo"/,
  ],
  ['a number as drain', change({ offlineQueue: { drain: 2 } }), 'offlineQueue.drain', /an object/, /2/],
  ['py:D17 0 Hz', change({ offlineQueue: { drain: { perSecond: 0 } } }), '.drain.perSecond', /positive/, /0/],
  [
    'py:D17 -1 Hz',
    change({ offlineQueue: { drain: { perSecond: -1 } } }),
    '.drain.perSecond',
    /positive/,
    /-1/,
  ],
  [
    'a beat too long',
    change({ offlineQueue: { drain: { perSecond: 1e-9 } } }),
    '.drain.perSec',
    /positive/,
    /1e-9/,
  ],
  [
    'adaptive 1',
    change({ offlineQueue: { drain: { adaptive: 1 } } }),
    '.drain.adaptive',
    /true or false/,
    /1/,
  ],
  ['a will as text', change({ will: 'gone' }), 'will', /an object/, /"gone"/],
  ['null for the will', change({ will: null }), 'will', /an object/, /null/],
  ['a will without a topic', change({ will: {} }), 'will.topic', /a string that is not empty/, /undefined/],
  ['a will for many', change({ will: { topic: 'a/#' } }), 'will.topic', /without the wildcards/, /"a\/#"/],
  ['a will of QoS 2', change({ will: { topic: 'a', qos: 2 } }), 'will.qos', /0 or 1/, /2/],
  ['a will that may stay', change({ will: { topic: 'a', retain: 1 } }), 'will.retain', /true or false/, /1/],
  [
    'null as last word',
    change({ will: { topic: 'a', payload: null } }),
    'will.payload',
    /a string, bytes/,
    /null/,
  ],
  ['a will of NaN', change({ will: { topic: 'a', payload: Number.NaN } }), 'will.payload', /finite/, /NaN/],
  [
    'MQTT-3.1.3.4 a will longer than two bytes can say',
    change({ will: { topic: 'a', payload: 'x'.repeat(65_536) } }),
    'will.payload',
    /at most 65535 bytes/,
    /65536 bytes/,
  ],
  ['a delay of -1', willOf({ delaySeconds: -1 }), 'will.delaySeconds', /from 0 to 4294967295/, /-1/],
  ['half a delay', willOf({ delaySeconds: 0.5 }), 'will.delaySeconds', /a whole number/, /0\.5/],
  ['a delay beyond four bytes', willOf({ delaySeconds: 2 ** 32 }), 'will.delaySeconds', /4294967295/, /296/],
  ['properties as text', willOf({ properties: 'x' }), 'will.properties', /an object/, /"x"/],
  [
    'a property that is wrong',
    willOf({ properties: { contentType: 1 } }),
    'will.properties.contentType',
    /a string/,
    /1/,
  ],
  [
    'MQTT-2.1.4 properties that CONNECT cannot hold',
    willOf({ properties: { userProperties: { a: new Array(4_200).fill('x'.repeat(65_000)) } } }),
    'will.properties',
    /at most \d+ bytes long/,
    /273025200 bytes/,
  ],
  ['a will too deep for AWS', aws({ will: { topic: '1/2/3/4/5/6/7/8/9' } }), 'will.topic', /levels/, /"1\/2/],
  [
    'half a clock',
    change({ clock: { now: () => 0 } }),
    'clock',
    /now, setTimeout and clearTimeout/,
    /object/,
  ],
  ['a number as chance', change({ random: 0.5 }), 'random', /a function/, /0\.5/],
];

describe('fault:G-9 invalid options', () => {
  it.each(INVALID)('%s', (_what, options, field, mayBe, given) => {
    const error = thrownBy(() => createIotClient(options as IotClientOptions));
    expect(error.code).toBe('INVALID_ARGUMENT');
    const [wanted, shown] = error.message.split('; given: ');
    expect(wanted).toContain(field);
    expect(wanted).toMatch(mayBe);
    expect(shown).toMatch(given);
  });

  it.each([
    ['options', { ...GOOD, clientID: 'lamp' }, 'clientID', 'clientId'],
    ['reconnect', { ...GOOD, reconnect: { base: 1 } }, 'base', 'baseMs'],
    ['offlineQueue', { ...GOOD, offlineQueue: { size: 1 } }, 'size', 'maxMessages'],
    ['offlineQueue.drain', { ...GOOD, offlineQueue: { drain: { hz: 1 } } }, 'hz', 'perSecond'],
    ['will', { ...GOOD, will: { topic: 'a', message: 'b' } }, 'message', 'payload'],
    ['session', five({ session: { expiry: 1 } }), 'expiry', 'expirySeconds'],
    ['will.properties', willOf({ properties: { type: 'x' } }), 'type', 'contentType'],
  ])('an unknown field of %s, with those that there are', (name, options, stranger, known) => {
    const { code, message } = thrownBy(() => createIotClient(options as IotClientOptions));
    expect(code).toBe('INVALID_ARGUMENT');
    expect(message).toContain(`${name} has no field "${stranger}"`);
    expect(message).toContain(known);
  });
});

describe('what only MQTT 5 has is refused with 3.1.1, by its name', () => {
  it.each<[string, object]>([
    ['session.expirySeconds', { session: { expirySeconds: 60 } }],
    ['will.delaySeconds', { will: { topic: 'a', delaySeconds: 0 } }],
    ['will.properties', { will: { topic: 'a', properties: {} } }],
  ])('%s', (field, options) => {
    const error = thrownBy(() => createIotClient({ ...GOOD, ...options }));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: `${field} needs protocolVersion 5` });
  });
});

describe('what the options come to', () => {
  it.each<[string, object, object]>([
    ['3.1.1, clean', {}, { protocolVersion: 4, clean: true, sessionExpirySeconds: undefined }],
    [
      '3.1.1, persistent: the broker says for how long',
      { session: 'persistent' },
      { clean: false, sessionExpirySeconds: undefined },
    ],
    ['5, clean', { protocolVersion: 5 }, { protocolVersion: 5, clean: true, sessionExpirySeconds: 0 }],
    [
      '5, persistent: an hour, as AWS keeps a session of 3.1.1',
      { protocolVersion: 5, session: 'persistent' },
      { clean: false, sessionExpirySeconds: 3_600 },
    ],
    [
      '5, a second',
      { protocolVersion: 5, session: { expirySeconds: 1 } },
      { clean: false, sessionExpirySeconds: 1 },
    ],
    [
      '5, for ever',
      { protocolVersion: 5, session: { expirySeconds: 4_294_967_295 } },
      { clean: false, sessionExpirySeconds: 4_294_967_295 },
    ],
    ['packets of 16 MiB', {}, { maximumPacketBytes: 16_777_216, userNameSuffix: undefined }],
    ['packets of 256 KiB on AWS', AWS, { maximumPacketBytes: 262_144 }],
    ['a CONNECT at any time', {}, { connectIntervalMs: 0 }],
    ['a CONNECT a second on AWS', AWS, { connectIntervalMs: 1_000 }],
    ['a CONNECT every minute', { connectIntervalMs: 60_000 }, { connectIntervalMs: 60_000 }],
    ['the smallest packets', { maximumPacketBytes: 1_024 }, { maximumPacketBytes: 1_024 }],
    ['the largest packets', { maximumPacketBytes: 268_435_455 }, { maximumPacketBytes: 268_435_455 }],
    ['metrics for AWS', AWS, { userNameSuffix: `?SDK=aws-iot-machines&Version=${packageVersion}` }],
    [
      'metrics for AWS, asked for',
      { ...AWS, metrics: true },
      { userNameSuffix: `?SDK=aws-iot-machines&Version=${packageVersion}` },
    ],
    ['no metrics for AWS', { ...AWS, metrics: false }, { userNameSuffix: undefined }],
    ['no metrics elsewhere', { metrics: false }, { userNameSuffix: undefined }],
    [
      'a will that waits',
      {
        protocolVersion: 5,
        will: { topic: 'gone', delaySeconds: 0, properties: { contentType: 'text/plain' } },
      },
      { will: { topic: 'gone', delaySeconds: 0, properties: { contentType: 'text/plain' } } },
    ],
  ])('%s', (_what, options, resolved) => {
    expect(resolveOptions({ ...GOOD, ...options })).toMatchObject(resolved);
  });

  it('has the version that the package has', () => {
    expect(VERSION).toBe(packageVersion);
  });

  it('shares nothing of a will with the caller (fault:G-8)', () => {
    const properties = { correlationData: Uint8Array.of(1), userProperties: { a: ['b'] } };
    const { will } = resolveOptions({ ...GOOD, protocolVersion: 5, will: { topic: 'gone', properties } });
    properties.correlationData[0] = 9;
    properties.userProperties.a.push('c');
    expect(will?.properties).toEqual({ correlationData: Uint8Array.of(1), userProperties: { a: ['b'] } });
  });
});

describe('valid options', () => {
  it.each<[string, object]>([
    ['the least', {}],
    ['an IPv6 address', { endpoint: '::1' }],
    ['a long IPv6 address', { endpoint: '2001:db8:0:0:0:0:0:1' }],
    ['an IPv4 address in IPv6', { endpoint: '::ffff:192.168.0.1' }],
    ['a local IPv6 address', { endpoint: 'fe80::1%eth0' }],
    ['every bound at its least', { port: 1, keepAliveSeconds: 1, pingTimeoutMs: 0.5, attemptTimeoutMs: 1 }],
    ['every bound at its most', { port: 65_535, keepAliveSeconds: 65_535, operationTimeoutMs: tooLong - 1 }],
    ['a queue without bounds', { offlineQueue: { maxMessages: Infinity, drain: { perSecond: Infinity } } }],
    ['no queue', { offlineQueue: false }],
    [
      'a will with all that it may have',
      { will: { topic: 'a', payload: { gone: true }, qos: 1, retain: true } },
    ],
    [
      'undefined for what has a default',
      { port: undefined, reconnect: { maxMs: undefined }, will: undefined },
    ],
    [
      'undefined inside of the queue',
      { offlineQueue: { maxMessages: undefined, drain: { perSecond: undefined } } },
    ],
  ])('%s', (_what, options) => {
    const client = judged(createIotClient({ ...GOOD, ...options }));
    expect(client.status).toEqual({ state: 'idle', stable: false, queued: 0, inFlight: 0 });
  });

  it('are those of the moment: what the app changes in them afterwards has no effect (fault:G-8)', () => {
    const reconnect = { baseMs: 7, maxMs: 70 };
    const client = judged(createIotClient({ ...GOOD, reconnect }));
    reconnect.baseMs = 99;
    const { connection } = actorOf(client).getSnapshot().children;
    expect(connection?.getSnapshot().context.policy.backoff).toMatchObject({ baseMs: 7, maxMs: 70 });
  });

  it('have the defaults that the documentation names', () => {
    const client = judged(createIotClient(GOOD));
    const { context } = actorOf(client).getSnapshot();
    expect(context.connection).toEqual({
      attemptTimeoutMs: 15_000,
      backoff: { baseMs: 1_000, maxMs: 32_000, stableMs: 20_000, jitter: 'equal', firstRetryWithinMs: 0 },
    });
    expect(context.drain).toEqual({ perSecond: 2, adaptive: true });
    expect(context.operationTimeoutMs).toBe(5_000);
  });
});

describe('invalid calls reject at once, and none of them throws at its caller', () => {
  const client = (): ReturnType<typeof judged> => judged(createIotClient(GOOD));
  const wrong = (value: unknown): never => value as never;

  it.each<[string, (client: ReturnType<typeof judged>) => Promise<unknown>, RegExp]>([
    ['connect: an unknown option', (c) => c.connect(wrong({ timeout: 1 })), /"timeout".*signal, timeoutMs/],
    ['connect: timeout 0', (c) => c.connect({ timeoutMs: 0 }), /timeoutMs must be a number of milliseconds/],
    [
      'connect: no signal',
      (c) => c.connect({ signal: wrong({ aborted: false }) }),
      /signal must be an AbortSignal/,
    ],
    ['disconnect: -1', (c) => c.disconnect({ flushTimeoutMs: -1 }), /flushTimeoutMs/],
    ['disconnect: an unknown option', (c) => c.disconnect(wrong({ force: true })), /"force".*flushTimeoutMs/],
    ['close: null', (c) => c.close(wrong(null)), /options must be an object/],
    ['when: a state that is none', (c) => c.when(wrong('online')), /state must be "idle" or/],
    ['publish: no topic', (c) => c.publish(wrong(undefined), 'x'), /topic must be a string/],
    ['publish: a wildcard', (c) => c.publish('a/+', 'x'), /wildcards/],
    ['publish: no payload', (c) => c.publish('a', wrong(undefined)), /payload must be/],
    ['publish: QoS 2', (c) => c.publish('a', 'x', { qos: wrong(2) }), /qos must be 0 or 1/],
    ['publish: retain 1', (c) => c.publish('a', 'x', { retain: wrong(1) }), /retain must be true or false/],
    ['publish: expires at once', (c) => c.publish('a', 'x', { expiresInMs: 0 }), /expiresInMs/],
    ['publish: null for options', (c) => c.publish('a', 'x', wrong(null)), /options must be an object/],
    ['publish: an unknown option', (c) => c.publish('a', 'x', wrong({ dup: true })), /"dup"/],
    ['subscribe: an empty filter (py:S6)', (c) => c.subscribe('', () => undefined), /filter must be/],
    ['subscribe: # in the middle', (c) => c.subscribe('a/#/b', () => undefined), /filter must be/],
    ['subscribe: no handler', (c) => c.subscribe('a', wrong(undefined)), /handler must be a function/],
    [
      'subscribe: nothing but a filter',
      (c) => (c as unknown as { subscribe(filter: string): Promise<unknown> }).subscribe('a'),
      /handler must be a function; given: undefined/,
    ],
    ['publish: a promise', (c) => c.publish('a', Promise.resolve(1)), /payload must .* given: a Promise/],
    [
      'subscribe: no handler behind options',
      (c) => c.subscribe('a', {}, wrong(7)),
      /handler must be a function/,
    ],
    ['subscribe: QoS 2', (c) => c.subscribe('a', { qos: wrong(2) }, () => undefined), /qos must be 0 or 1/],
    ['subscribe: retain', (c) => c.subscribe('a', wrong({ retain: true }), () => undefined), /"retain"/],
    ['unsubscribe: no filter', (c) => c.unsubscribe(wrong(undefined)), /filter must be/],
  ])('%s', async (_what, call, message) => {
    const one = client();
    await expect(call(one)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    expect(one.status).toMatchObject({ state: 'idle', queued: 0 });
  });

  it('messages() and on() throw at once: they have no promise', () => {
    const one = client();
    expect(thrownBy(() => one.messages('a/#/b')).message).toMatch(/filter must be/);
    expect(thrownBy(() => one.messages('a', { bufferSize: 0 })).message).toMatch(/bufferSize must be/);
    expect(thrownBy(() => one.messages('a', { overflow: wrong('drop') })).message).toMatch(
      /overflow must be/,
    );
    expect(thrownBy(() => one.messages('a', wrong({ limit: 1 }))).message).toMatch(/"limit"/);
    expect(thrownBy(() => one.on(wrong('online'), () => undefined)).message).toMatch(
      /event must be "status" or/,
    );
    expect(thrownBy(() => one.on('status', wrong(undefined))).message).toMatch(/listener must be a function/);
  });

  it('on AWS, what would close the connection is refused here', async () => {
    const one = judged(createIotClient(AWS));
    const deep = '1/2/3/4/5/6/7/8/9';
    await expect(one.publish(deep, 'x')).rejects.toMatchObject({
      message: expect.stringMatching(/7 slashes/),
    });
    await expect(one.subscribe(deep, () => undefined)).rejects.toMatchObject({
      message: expect.stringMatching(/7 slashes/),
    });
    const large = new Uint8Array(131_073);
    await expect(one.publish('a', large)).rejects.toMatchObject({
      message: expect.stringMatching(/at most 131072 bytes.*131073 bytes/),
    });
    await expect(one.publish('a', large.subarray(1))).resolves.toMatchObject({ state: 'queued' });
  });
});
