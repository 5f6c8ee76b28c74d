import { describe, expect, it } from 'vitest';
import {
  createIotClient,
  type IotClient,
  type IotClientOptions,
  type Message,
  type MessageProperties,
  mutualTls,
  plainTcp,
  type SubscribeOptions,
  type SubscriptionOptions,
} from '../../src/index.ts';
import type { BrokerConnection } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import type { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { livePeerClient, peerClient } from './peer-client.ts';
import { judged, settled, thrownBy } from './support.ts';

const FIVE = { protocolVersion: 5 } as const;
const startPeer = (): Promise<ScriptedBroker> => ScriptedBroker.start({ automatic: false });
const wrong = (value: unknown): never => value as never;

/** What mqtt-packet calls the properties of a message; it reads user properties into an object without a prototype. */
const onTheWire = (properties: object | undefined): unknown => JSON.parse(JSON.stringify(properties ?? {}));

const ALL: Required<MessageProperties> = {
  contentType: 'application/json',
  payloadFormat: 'utf8',
  responseTopic: 'answers/1',
  correlationData: Uint8Array.of(1, 2, 3),
  messageExpirySeconds: 60,
  userProperties: { unit: '°C', tag: ['a', 'b'], empty: '' },
};

/** The same, as MQTT calls them. */
const ALL_ON_THE_WIRE = {
  payloadFormatIndicator: true,
  messageExpiryInterval: 60,
  contentType: 'application/json',
  responseTopic: 'answers/1',
  correlationData: Buffer.of(1, 2, 3),
  userProperties: { unit: '°C', tag: ['a', 'b'], empty: '' },
};

function offline(options: Partial<IotClientOptions> = FIVE): IotClient {
  return judged(
    createIotClient({ endpoint: 'broker.local', clientId: 'lamp', auth: plainTcp(), ...options }),
  );
}

async function live(
  peer: ScriptedBroker,
  options: Partial<IotClientOptions> = {},
): Promise<{ client: IotClient; clock: SimulatedClock; there: BrokerConnection }> {
  return await livePeerClient(peer, { ...FIVE, ...options });
}

describe('CONNECT of MQTT 5', () => {
  it.each<[string, Partial<IotClientOptions>, object]>([
    ['a clean session', {}, { protocolVersion: 5, clean: true }],
    [
      'a persistent session: an hour',
      { session: 'persistent' },
      { clean: false, properties: { sessionExpiryInterval: 3_600 } },
    ],
    [
      'a session that lasts for ever',
      { session: { expirySeconds: 4_294_967_295 } },
      { clean: false, properties: { sessionExpiryInterval: 4_294_967_295 } },
    ],
    ['the largest packet', {}, { properties: { maximumPacketSize: 16_777_216 } }],
    [
      'the largest packet as asked for',
      { maximumPacketBytes: 1_024 },
      { properties: { maximumPacketSize: 1_024 } },
    ],
    [
      'a will that waits, and what it says',
      { will: { topic: 'gone', payload: 'x', delaySeconds: 30, properties: ALL } },
      {
        will: {
          topic: 'gone',
          properties: {
            willDelayInterval: 30,
            ...ALL_ON_THE_WIRE,
          },
        },
      },
    ],
  ])('asks for %s', async (_what, options, asked) => {
    await using peer = await startPeer();
    const { client } = peerClient(peer, { ...FIVE, ...options });
    const connecting = client.connect();
    const connect = await (await peer.connection()).accept();
    await connecting;
    expect(connect).toMatchObject(asked);
  });

  it('MQTT-3.1.3-6 fault:B-18 without a client id uses the one that the broker assigns, also on later lines', async () => {
    await using peer = await startPeer();
    const { client, clock } = peerClient(peer, { ...FIVE, clientId: '' });
    expect(client.clientId).toBe('');
    const connecting = client.connect();
    const there = await peer.connection();
    const properties = { assignedClientIdentifier: 'lamp-7' };
    expect(await there.accept({ properties })).toMatchObject({ clientId: '' });
    await connecting;
    expect(client.clientId).toBe('lamp-7');
    const lost = client.when('backingOff');
    there.end();
    await lost;
    expect(client.clientId).toBe('lamp-7');
    clock.advance(1_000);
    expect(await (await peer.connection()).accept()).toMatchObject({ clientId: 'lamp-7' });
    await client.when('live');
    expect(client.clientId).toBe('lamp-7');
  });

  it('a session that was lost has its filters asked for again, with their options (fault:A-20)', async () => {
    await using peer = await startPeer();
    const { client, clock, there } = await live(peer, { session: { expirySeconds: 60 } });
    const subscribing = client.subscribe('a', { qos: 1, noLocal: true, retainHandling: 2 }, () => undefined);
    const first = await there.next('subscribe');
    there.send({ cmd: 'suback', messageId: first.messageId ?? 0, granted: [1] });
    await subscribing;
    const lost = client.when('backingOff');
    there.end();
    await lost;
    clock.advance(1_000);
    const next = await peer.connection();
    expect(await next.accept({ sessionPresent: false })).toMatchObject({ clean: false });
    const again = await next.next('subscribe');
    expect(again.subscriptions).toMatchObject([{ topic: 'a', qos: 1, nl: true, rh: 2 }]);
    next.send({ cmd: 'suback', messageId: again.messageId ?? 0, granted: [1] });
    await client.when('live');
  });
});

describe('the properties of a publish', () => {
  it('go out with it, all that there are', async () => {
    await using peer = await startPeer();
    const { client, there } = await live(peer);
    await client.publish('a', 'x', { properties: ALL });
    expect(onTheWire((await there.next('publish')).properties)).toEqual(onTheWire(ALL_ON_THE_WIRE));
  });

  it.each<[string, MessageProperties | undefined]>([
    ['none', undefined],
    ['an empty object', {}],
    ['undefined ones', wrong({ contentType: undefined, userProperties: undefined })],
  ])('may be missing: %s', async (_what, properties) => {
    await using peer = await startPeer();
    const { client, there } = await live(peer);
    await client.publish('a', 'x', wrong({ properties }));
    expect(onTheWire((await there.next('publish')).properties)).toEqual({});
  });

  it('fault:G-8 are those of the call: what the app changes afterwards has no effect', async () => {
    await using peer = await startPeer();
    const { client, there, clock } = await live(peer);
    const lost = client.when('backingOff');
    there.end();
    await lost;
    const properties = {
      contentType: 'text/plain',
      correlationData: Uint8Array.of(1),
      userProperties: { tag: ['a'] } as Record<string, string[]>,
    };
    const options = { qos: 1, properties } as const;
    const { delivered } = await client.publish('a', 'x', options);
    properties.contentType = 'changed';
    properties.correlationData[0] = 9;
    properties.userProperties['tag']?.push('b');
    properties.userProperties['more'] = ['c'];
    clock.advance(1_000);
    const next = await peer.connection();
    await next.accept();
    const inDrain = client.when('draining');
    await inDrain;
    clock.advance(500);
    const { messageId = 0, properties: sent } = await next.next('publish');
    next.send({ cmd: 'puback', messageId, reasonCode: 0 });
    await delivered;
    expect(sent).toMatchObject({ contentType: 'text/plain', correlationData: Buffer.of(1) });
    expect(onTheWire(sent?.userProperties)).toEqual({ tag: 'a' });
    clock.advance(1_000);
    await client.when('live');
  });

  it('keep a name that objects have already', async () => {
    await using peer = await startPeer();
    const { client, there } = await live(peer);
    const userProperties = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    const text = '\u0000\u0009__proto__\u0000\u0001x';
    let bytes = '';
    there.stream.on('data', (piece) => {
      bytes += piece.toString('latin1');
    });
    await client.publish('a', 'x', { properties: { userProperties } });
    await there.next('publish');
    expect(bytes).toContain(text);
  });

  const long = 'x'.repeat(65_536);
  it.each<[string, unknown, RegExp]>([
    ['text', 'text/plain', /^properties must be an object; given: "text\/plain"/],
    ['null', null, /^properties must be an object/],
    [
      'a stranger',
      { topicAlias: 1 },
      /^properties has no field "topicAlias"; it may have contentType, payloadF/,
    ],
    ['a number as content type', { contentType: 1 }, /^properties\.contentType must be a string/],
    ['NUL in the content type', { contentType: 'a\0' }, /^properties\.contentType .* without NUL/],
    ['half a character', { contentType: '\ud800' }, /^properties\.contentType .* lone surrogates/],
    [
      'a content type too long',
      { contentType: long },
      /^properties\.contentType must be at most 65535 bytes/,
    ],
    [
      'one that is too long only in UTF-8',
      { contentType: 'é'.repeat(32_768) },
      /^properties\.contentType must be at most 65535 bytes/,
    ],
    [
      'an unknown format',
      { payloadFormat: 1 },
      /^properties\.payloadFormat must be "bytes" or "utf8"; given: 1/,
    ],
    [
      'an empty response topic',
      { responseTopic: '' },
      /^properties\.responseTopic must be a string that is not/,
    ],
    [
      'MQTT-3.3.2-14 an answer to many',
      { responseTopic: 'a/+' },
      /^properties\.responseTopic .* without the wild/,
    ],
    [
      'a response topic too long',
      { responseTopic: long },
      /^properties\.responseTopic must be at most 65535/,
    ],
    ['text to correlate', { correlationData: 'id' }, /^properties\.correlationData must be a Uint8Array/],
    [
      'too much to correlate',
      { correlationData: new Uint8Array(65_536) },
      /^properties\.correlationData must be .* at most 65535 bytes; given: 65536 bytes/,
    ],
    ['expired', { messageExpirySeconds: 0 }, /^properties\.messageExpirySeconds .* from 1 to 4294967295/],
    ['half a second', { messageExpirySeconds: 1.5 }, /^properties\.messageExpirySeconds must be a whole/],
    [
      'beyond four bytes',
      { messageExpirySeconds: 2 ** 32 },
      /^properties\.messageExpirySeconds .* 4294967295/,
    ],
    [
      'user properties as text',
      { userProperties: 'a=b' },
      /^properties\.userProperties must be an object of names/,
    ],
    [
      'as a list of pairs',
      { userProperties: [['a', 'b']] },
      /^properties\.userProperties must be an object of/,
    ],
    ['null', { userProperties: null }, /^properties\.userProperties must be an object of names/],
    [
      'a number as value',
      { userProperties: { a: 1 } },
      /^properties\.userProperties\["a"\] must be a string/,
    ],
    [
      'undefined as value',
      { userProperties: { a: undefined } },
      /^properties\.userProperties\["a"\] must be a str/,
    ],
    [
      'a list with a number',
      { userProperties: { a: ['b', 1] } },
      /^properties\.userProperties\["a"\] must be a str/,
    ],
    [
      'a value too long',
      { userProperties: { a: long } },
      /^properties\.userProperties\["a"\] must be at most 65535/,
    ],
    [
      'a name too long',
      { userProperties: { [long]: 'a' } },
      /^a name in properties\.userProperties must be at most/,
    ],
    [
      'a name with NUL',
      { userProperties: { 'a\0': 'a' } },
      /^a name in properties\.userProperties .* without NUL/,
    ],
  ])('fault:G-9 are refused at once: %s', async (_what, properties, message) => {
    const client = offline();
    await expect(client.publish('a', 'x', { properties: wrong(properties) })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    expect(client.status.queued).toBe(0);
  });

  it('at their longest are taken', async () => {
    const most = 'x'.repeat(65_535);
    const receipt = await offline().publish('a', 'x', {
      properties: {
        contentType: most,
        responseTopic: most,
        correlationData: new Uint8Array(65_535),
        messageExpirySeconds: 4_294_967_295,
        userProperties: { [most]: [most, ''], '': '' },
      },
    });
    expect(receipt.state).toBe('queued');
  });

  it('MQTT-2.1.4 must fit a packet, together with topic and payload', async () => {
    const client = offline({ ...FIVE, offlineQueue: { maxBytes: Infinity } });
    const large = (count: number): MessageProperties => ({
      userProperties: { a: new Array<string>(count).fill('x'.repeat(65_000)) },
    });
    await expect(client.publish('a', 'x', { properties: large(4_200) })).rejects.toMatchObject({
      message: expect.stringMatching(/^properties must be at most 268435449 bytes long .* "273025203 bytes"/),
    });
    const room = 268_435_455 - 5 - 1 - 3 - 4_000 * 65_006;
    const payload = 'x'.repeat(room);
    await expect(client.publish('a', `${payload}x`, { properties: large(4_000) })).rejects.toMatchObject({
      message: `payload must be at most ${room} bytes long with this topic; given: "${room + 1} bytes"`,
    });
    await expect(client.publish('a', payload, { properties: large(4_000) })).resolves.toBeDefined();
  });

  it('on AWS expire after a week at most', async () => {
    const auth = mutualTls({ cert: 'cert.pem', key: 'key.pem' });
    const client = offline({ ...FIVE, endpoint: 'abc123-ats.iot.eu-west-1.amazonaws.com', auth });
    const publish = (messageExpirySeconds: number): Promise<unknown> =>
      client.publish('a', 'x', { properties: { messageExpirySeconds } });
    await expect(publish(604_801)).rejects.toMatchObject({
      message: expect.stringMatching(/from 1 to 604800/),
    });
    await expect(publish(604_800)).resolves.toMatchObject({ state: 'queued' });
  });
});

describe('the properties of a message', () => {
  const publish = { cmd: 'publish', topic: 'a', payload: 'x', qos: 0, dup: false, retain: false } as const;

  it('come with it, and nobody can change them for the next handler', async () => {
    await using peer = await startPeer();
    const { client, there } = await live(peer);
    const got = new Promise<Message>((resolve) => client.on('message', resolve));
    there.send({
      ...publish,
      properties: {
        ...ALL_ON_THE_WIRE,
      },
    });
    const { properties } = await got;
    expect({ ...properties }).toMatchObject({ ...ALL, correlationData: Buffer.of(1, 2, 3) });
    for (const part of [properties, properties.userProperties, properties.userProperties?.['tag']])
      expect(part).toSatisfy(Object.isFrozen);
  });

  it.each([4, 5] as const)('are an empty object when there are none: %d', async (protocolVersion) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, there } = await livePeerClient(peer, { protocolVersion });
    const got = new Promise<Message>((resolve) => client.on('message', resolve));
    there.send(publish);
    expect((await got).properties).toEqual({});
    expect((await got).properties).toSatisfy(Object.isFrozen);
  });

  it('are kept with a message that is held', async () => {
    await using peer = await startPeer();
    const { client, there } = await live(peer, { session: 'persistent' });
    const properties = { contentType: 'text/plain', userProperties: { a: 'b' } };
    there.send({ ...publish, properties }, { ...publish, qos: 1, messageId: 1 });
    await there.next('puback');
    const got: Message[] = [];
    client.on('message', (message) => got.push(message));
    await settled(2);
    expect(got[0]?.properties).toMatchObject({ contentType: 'text/plain' });
    expect(got[0]?.properties.userProperties).toMatchObject({ a: 'b' });
  });
});

describe('the options of a subscription', () => {
  it.each<[string, SubscribeOptions, object]>([
    ['none', {}, { nl: false, rap: false, rh: 0 }],
    ['noLocal', { noLocal: true }, { nl: true, rap: false, rh: 0 }],
    ['retainAsPublished', { retainAsPublished: true }, { nl: false, rap: true, rh: 0 }],
    ['retainHandling 1', { retainHandling: 1 }, { rh: 1 }],
    ['retainHandling 2', { qos: 1, retainHandling: 2 }, { qos: 1, rh: 2 }],
  ])('go out with it: %s', async (_what, options, asked) => {
    await using peer = await startPeer();
    const { client, there } = await live(peer);
    const subscribing = client.subscribe('a', options, () => undefined);
    const { messageId = 0, subscriptions } = await there.next('subscribe');
    there.send({ cmd: 'suback', messageId, granted: [options.qos ?? 0] });
    await subscribing;
    expect(subscriptions).toMatchObject([{ topic: 'a', ...asked }]);
  });

  it('go out with messages() too', async () => {
    await using peer = await startPeer();
    const { client, there } = await live(peer);
    const iterator = client.messages('a', { noLocal: true, retainHandling: 1 })[Symbol.asyncIterator]();
    const { messageId = 0, subscriptions } = await there.next('subscribe');
    there.send({ cmd: 'suback', messageId, granted: [0] });
    expect(subscriptions).toMatchObject([{ topic: 'a', nl: true, rh: 1 }]);
    const done = iterator.return?.();
    there.send({
      cmd: 'unsuback',
      messageId: (await there.next('unsubscribe')).messageId ?? 0,
      granted: [0],
    });
    await done;
  });

  it('are those of the newest call when a filter has several holders', async () => {
    await using peer = await startPeer();
    const { client, there } = await live(peer);
    const asked: unknown[] = [];
    for (const options of [{ noLocal: true }, { retainHandling: 2 }, {}] as const) {
      const subscribing = client.subscribe('a', options, () => undefined);
      const { messageId = 0, subscriptions } = await there.next('subscribe');
      there.send({ cmd: 'suback', messageId, granted: [0] });
      await subscribing;
      asked.push(...subscriptions);
    }
    expect(asked).toMatchObject([
      { nl: true, rh: 0 },
      { nl: false, rh: 2 },
      { nl: false, rh: 0 },
    ]);
  });

  it.each<[string, SubscriptionOptions, string, RegExp]>([
    [
      'MQTT-3.8.3-4 noLocal of a share',
      { noLocal: true },
      '$share/g/a',
      /^noLocal must be false .* given: true/,
    ],
    ['noLocal 1', { noLocal: wrong(1) }, 'a', /^noLocal must be true or false; given: 1/],
    [
      'null',
      { retainAsPublished: wrong(null) },
      'a',
      /^retainAsPublished must be true or false; given: null/,
    ],
    ['retainHandling 3', { retainHandling: wrong(3) }, 'a', /^retainHandling must be 0 or 1 or 2; given: 3/],
    ['retainHandling true', { retainHandling: wrong(true) }, 'a', /^retainHandling must be 0 or 1 or 2/],
  ])('fault:G-9 are refused: %s', async (_what, options, filter, message) => {
    const client = offline();
    const refused = { code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) };
    await expect(client.subscribe(filter, options, () => undefined)).rejects.toMatchObject(refused);
    expect(thrownBy(() => client.messages(filter, options))).toMatchObject(refused);
  });

  it('without noLocal, a shared filter has the others', async () => {
    const options = { noLocal: false, retainAsPublished: true };
    const { state } = await offline().subscribe('$share/g/a', options, () => undefined);
    expect(state).toBe('recorded');
  });
});

describe('what only MQTT 5 has is refused with 3.1.1, by its name', () => {
  it.each<[string, (client: IotClient) => Promise<unknown>]>([
    ['properties', (client) => client.publish('a', 'x', { properties: {} })],
    ['noLocal', (client) => client.subscribe('a', { noLocal: false }, () => undefined)],
    ['retainAsPublished', (client) => client.subscribe('a', { retainAsPublished: true }, () => undefined)],
    ['retainHandling', (client) => client.subscribe('a', { retainHandling: 0 }, () => undefined)],
    ['noLocal', async (client) => client.messages('a', { noLocal: true })],
  ])('%s', async (field, call) => {
    const client = offline({});
    await expect(call(client)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `${field} needs protocolVersion 5`,
    });
    expect(client.status.queued).toBe(0);
  });
});
