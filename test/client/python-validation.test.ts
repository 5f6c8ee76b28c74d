import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createIotClient,
  type IotClientOptions,
  type IotError,
  type MutualTlsOptions,
  mutualTls,
  type PayloadInput,
  plainTcp,
} from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { failureOf, freshId, judged, liveClient, thrownBy, useCore } from './support.ts';

const theCore = useCore();

const GOOD: IotClientOptions = { endpoint: 'broker.local', clientId: 'lamp', auth: plainTcp() };

/** What createIotClient says of these options, which it must refuse. */
function refusal(options: unknown): IotError {
  const error = thrownBy(() => createIotClient(options as IotClientOptions));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', recovery: 'none' });
  return error;
}

describe('options that the original refused too', () => {
  it.each<[string, object, RegExp]>([
    [
      'py:V1 an empty client id for a persistent session',
      { clientId: '', session: 'persistent' },
      /^clientId must be .* for a persistent session; given: ""$/,
    ],
    ['py:V5 keep-alive -1', { keepAliveSeconds: -1 }, /^keepAliveSeconds must be .*; given: -1$/],
    ['py:V6 keep-alive 1.5', { keepAliveSeconds: 1.5 }, /^keepAliveSeconds must be a whole .*; given: 1\.5$/],
    ['py:V11 a will without a topic', { will: { topic: '' } }, /^will\.topic must be .*; given: ""$/],
    ['py:V11 a will of QoS 3', { will: { topic: 'a', qos: 3 } }, /^will\.qos must be 0 or 1; given: 3$/],
    ['py:V14 base below 1', { reconnect: { baseMs: 0 } }, /^reconnect\.baseMs must be .*; given: 0$/],
    ['py:V14 max below base', { reconnect: { baseMs: 2, maxMs: 1 } }, /^reconnect\.maxMs must be .*: 1$/],
    ['py:V14 stable below base', { reconnect: { stableMs: 999 } }, /^reconnect\.stableMs must be .*: 999$/],
    [
      'py:V16 a sign-in that is none',
      { auth: { protocol: 'wss' } },
      /^auth must be what mutualTls\(.*; given: obj/,
    ],
    ['py:V16 no sign-in', { auth: undefined }, /^auth must be what mutualTls\(.*; given: undefined$/],
  ])('%s', (_what, options, message) => {
    expect(refusal({ ...GOOD, ...options }).message).toMatch(message);
  });

  it.each([
    ['py:V13 no options', {}],
    ['py:V4 py:V13 no endpoint', { clientId: 'lamp', auth: plainTcp() }],
  ])('%s: says at once that there is no endpoint', (_what, options) => {
    expect(refusal(options).message).toBe(
      'endpoint must be a host name without scheme, port or path; given: undefined',
    );
  });

  it('py:B2 base, max and stable are read as they are given', () => {
    const reconnect = { baseMs: 2_000, maxMs: 128_000, stableMs: 30_000 };
    const { connection } = actorOf(judged(createIotClient({ ...GOOD, reconnect }))).getSnapshot().children;
    expect(connection?.getSnapshot().context.policy.backoff).toMatchObject(reconnect);
  });
});

describe('py:V12 null is refused by its field, wherever an option stands', () => {
  /** The fields that a part of the options may have, as the refusal of a stranger names them. */
  const fieldsOf = (place: (part: object) => unknown): string[] => {
    const { message } = refusal(place({ stranger: 1 }));
    return message.replace(/^.* may have /, '').split(', ');
  };
  // All fields there are, those of MQTT 5 too.
  const all = { ...GOOD, protocolVersion: 5 } as const;
  const PLACES: readonly [string, string, (part: object) => unknown][] = [
    ['the options', '', (part) => ({ ...all, ...part })],
    ['reconnect', 'reconnect.', (part) => ({ ...all, reconnect: part })],
    ['offlineQueue', 'offlineQueue.', (part) => ({ ...all, offlineQueue: part })],
    ['offlineQueue.drain', 'offlineQueue.drain.', (part) => ({ ...all, offlineQueue: { drain: part } })],
    ['will', 'will.', (part) => ({ ...all, will: { topic: 'a', ...part } })],
  ];
  it.each(PLACES)('%s', (_what, prefix, place) => {
    const fields = fieldsOf(place);
    expect(fields.length).toBeGreaterThan(1);
    for (const field of fields) {
      const { message } = refusal(place({ [field]: null }));
      expect(message.startsWith(`${prefix}${field} `), message).toBe(true);
      expect(message).toMatch(/null/);
    }
  });

  it('mutualTls()', () => {
    for (const field of ['cert', 'key', 'passphrase', 'username', 'password']) {
      const options = { cert: 'a.pem', key: 'b.pem', [field]: null } as unknown as MutualTlsOptions;
      const { code, message } = thrownBy(() => mutualTls(options));
      expect(code).toBe('INVALID_ARGUMENT');
      expect(message).toMatch(new RegExp(`^${field} must be .*; given: null$`));
    }
    expect(thrownBy(() => mutualTls(null as never))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('certificates that are not there', () => {
  let directory: string;
  let cert: string;
  let key: string;
  let notPem: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'certificates-'));
    ({ cert, key } = await theCore().deviceCredentials('lamp'));
    notPem = join(directory, 'not.pem');
    await writeFile(notPem, 'hello', { mode: 0o600 });
  });
  afterAll(() => rm(directory, { recursive: true }));

  const missing = (): string => join(directory, 'missing.pem');

  /** Why connect() rejects with this sign-in and authority; nothing is dialed. */
  async function failure(options: { cert?: string; key?: string; ca?: string }): Promise<IotError> {
    const auth = mutualTls({ cert: options.cert ?? cert, key: options.key ?? key });
    const { ca, ...place } = theCore().deviceOptions(freshId());
    const client = judged(createIotClient({ ...place, auth, ca: options.ca ?? ca ?? '' }));
    return failureOf(client.connect());
  }

  it('py:V3 a CA that is not there is named by its path', async () => {
    const error = await failure({ ca: missing() });
    expect(error).toMatchObject({ code: 'CREDENTIAL_UNREADABLE', recovery: 'retrySlowly' });
    expect(error.message).toMatch(/^ca\b.*ENOENT/);
    expect(error.message).toContain(missing());
  });

  it('py:V15 each thing that is wrong has words of its own, which name the field', async () => {
    const only = (options: object): IotError => thrownBy(() => mutualTls(options as MutualTlsOptions));
    const wrong: [field: string, error: IotError][] = [
      ['cert', only({ key })],
      ['key', only({ cert })],
      ['cert', only({ cert: '', key })],
      ['key', only({ cert, key: '' })],
      ['ca', refusal({ ...GOOD, ca: '' })],
      ['cert', await failure({ cert: missing() })],
      ['key', await failure({ key: missing() })],
      ['ca', await failure({ ca: missing() })],
      ['cert', await failure({ cert: notPem })],
      ['key', await failure({ key: notPem })],
      ['ca', await failure({ ca: notPem })],
    ];
    for (const [field, { message }] of wrong) expect(message).toMatch(new RegExp(`^${field}\\b`));
    expect(new Set(wrong.map(([, { message }]) => message)).size).toBe(wrong.length);
    expect(wrong.map(([, { code }]) => code)).toEqual([
      ...Array<string>(5).fill('INVALID_ARGUMENT'),
      ...Array<string>(6).fill('CREDENTIAL_UNREADABLE'),
    ]);
  });
});

describe('a publish on a live line', () => {
  it.each<[string, string, unknown, object, RegExp]>([
    ['py:V7 to a wildcard', 'a/#', 'x', {}, /^topic must be .*wildcards.*; given: "a\/#"$/],
    ['py:V8 with QoS 3', 'a', 'x', { qos: 3 }, /^qos must be 0 or 1; given: 3$/],
    ['py:V10 of null', 'a', null, {}, /^payload must be .*; given: null$/],
  ])('%s is refused, and nothing is sent', async (_what, topic, payload, options, message) => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    expect(await failureOf(client.publish(topic, payload as PayloadInput, options))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    await client.disconnect();
    expect(core.tap.packets({ packet: 'publish', clientId })).toEqual([]);
  });

  it('py:V9 of an object goes as JSON, also as a will (py:V11): the original refused it, here it is a payload', async () => {
    const core = theCore();
    const clientId = freshId();
    const topic = `gone/${clientId}`;
    const client = await liveClient(core, { clientId, will: { topic, payload: {} } });
    await client.publish('a', {}, { qos: 1 });
    await core.faults.dropConnections({ clientId });
    await core.when(() => core.received.some((one) => one.topic === topic));
    const payloads = core.received
      .filter((one) => one.clientId === clientId || one.topic === topic)
      .map((one) => String(one.payload));
    expect(payloads).toEqual(['{}', '{}']);
  });
});
