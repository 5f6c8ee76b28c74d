import net from 'node:net';
import tls from 'node:tls';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { createIotClient, mutualTls } from '../../../src/index.ts';
import { answer, type PacketOf, ScriptedBroker, SimulatedClock } from '../../../src/testing/index.ts';
import { makeAuthority, makeLeaf } from '../../support/certificates.ts';

/** mqtt.js, as somebody else's client, that does nothing by itself. */
async function clientOf(
  broker: ScriptedBroker,
  options: IClientOptions = {},
): Promise<MqttClient & AsyncDisposable> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, { reconnectPeriod: 0, ...options });
  client.on('error', () => {});
  await told(client, 'connect');
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.endAsync(true) });
}

/** What a client tells next with this event. Unlike `events.once` an error is an event like any other. */
function told<T = unknown>(
  client: MqttClient,
  event: 'connect' | 'close' | 'error' | 'disconnect',
): Promise<T> {
  return new Promise((resolve) => client.once(event, (value?: unknown) => resolve(value as T)));
}

/** A packet of a client, as bytes. */
const connectionBytes = (
  broker: ScriptedBroker,
  packet: Pick<PacketOf<'publish'>, 'cmd' | 'topic' | 'payload' | 'qos'> & { messageId: number },
): Buffer => broker.connections[0]!.bytesOf({ dup: false, retain: false, ...packet });

const BOTH = [4, 5] as const;

describe('a ScriptedBroker without a script', () => {
  it.each(BOTH)(
    'accepts, grants, acknowledges and delivers (protocol version %i)',
    async (protocolVersion) => {
      await using broker = await ScriptedBroker.start();
      await using client = await clientOf(broker, { protocolVersion, clientId: 'lamp' });
      const got: string[] = [];
      client.on('message', (topic, payload) => got.push(`${topic} ${payload.toString()}`));
      expect(await client.subscribeAsync(['a/+', 'b'], { qos: 1 })).toMatchObject([{ qos: 1 }, { qos: 1 }]);
      await client.publishAsync('a/1', 'one', { qos: 1 });
      await client.publishAsync('b', 'two');
      await broker.when(() => broker.messages.length === 2);
      expect(broker.publish('a/2', 'three', { qos: 1 })).toBe(1);
      expect(broker.publish('c', 'nobody')).toBe(0);
      await broker.when(() => broker.log.filter(({ packet }) => packet === 'puback').length === 3);
      expect(got).toEqual(['a/1 one', 'b two', 'a/2 three']);
      expect(broker.messages.map(({ topic, qos, payload }) => [topic, qos, payload.toString()])).toEqual([
        ['a/1', 1, 'one'],
        ['b', 0, 'two'],
      ]);
      await client.unsubscribeAsync('b');
      expect([...broker.subscriptionsOf('lamp')]).toEqual([['a/+', 1]]);
    },
  );

  it('shows no payload in its log', async () => {
    await using broker = await ScriptedBroker.start();
    await using client = await clientOf(broker, { clientId: 'lamp', password: 'secret', username: 'me' });
    await client.publishAsync('a', 'secret', { qos: 1 });
    expect(broker.log.map(({ direction, packet }) => `${direction} ${packet}`)).toEqual([
      'toBroker open',
      'toBroker connect',
      'toClient connack',
      'toBroker publish',
      'toClient puback',
    ]);
    expect(broker.log[3]).toMatchObject({
      topic: 'a',
      qos: 1,
      duplicate: false,
      clientId: 'lamp',
      connection: 1,
    });
    expect(JSON.stringify(broker.log)).not.toContain('secret');
  });

  it.each(BOTH)('keeps a session when asked to, and what came meanwhile (%i)', async (protocolVersion) => {
    await using broker = await ScriptedBroker.start();
    const kept: IClientOptions = {
      ...{ protocolVersion, clientId: 'lamp', clean: false },
      ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 3_600 } } : {}),
    };
    const before = await clientOf(broker, kept);
    await before.subscribeAsync('a', { qos: 1 });
    broker.publish('a', 'before', { qos: 1 });
    await broker.when(() => broker.connections[0]?.count('puback') === 1);
    await before.endAsync();
    await broker.when(() => broker.openConnections.length === 0);
    expect(broker.publish('a', 'meanwhile', { qos: 1 })).toBe(1);
    const got: string[] = [];
    const again = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, { ...kept, reconnectPeriod: 0 });
    again.on('message', (_topic, payload) => got.push(payload.toString()));
    expect(await told(again, 'connect')).toMatchObject({ sessionPresent: true });
    await broker.when(() => broker.connections[1]?.count('puback') === 1);
    expect(got).toEqual(['meanwhile']);
    await again.endAsync();
  });

  it('MQTT-3.3.1-1 marks as duplicate what it has sent before, and nothing else', async () => {
    await using broker = await ScriptedBroker.start({ automatic: false });
    // It answers what a broker must answer, and nobody acknowledges a message.
    for (const packet of ['connect', 'subscribe'] as const) broker.on({ packet }, answer.serve());
    const options: IClientOptions = { clientId: 'lamp', clean: false };
    const sent = () =>
      broker.log.filter(({ packet, direction }) => packet === 'publish' && direction === 'toClient');
    const first = await clientOf(broker, options);
    await first.subscribeAsync('+', { qos: 1 });
    broker.publish('here', '', { qos: 1 });
    await first.endAsync(true);
    await broker.when(() => broker.openConnections.length === 0);
    broker.publish('away', '', { qos: 1 });
    for (const _again of [1, 2]) {
      await using client = await clientOf(broker, options);
      await client.endAsync(true);
      await broker.when(() => broker.openConnections.length === 0);
    }
    expect(sent().map(({ connection, topic, duplicate }) => [connection, topic, duplicate])).toEqual([
      [1, 'here', false],
      [2, 'here', true],
      [2, 'away', false],
      [3, 'here', true],
      [3, 'away', true],
    ]);
  });

  it.each([
    ['a clean one', true, false],
    ['one that is kept', false, true],
  ])(
    'has no session for who takes over the connection of %s, if it was not kept',
    async (_what, clean, isKept) => {
      await using broker = await ScriptedBroker.start();
      await using older = await clientOf(broker, { clientId: 'lamp', clean });
      await older.subscribeAsync('a', { qos: 1 });
      const newer = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, {
        ...{ clientId: 'lamp', clean: false, reconnectPeriod: 0 },
      });
      expect(await told(newer, 'connect')).toMatchObject({ sessionPresent: isKept });
      expect([...broker.subscriptionsOf('lamp').keys()]).toEqual(isKept ? ['a'] : []);
      await newer.endAsync(true);
    },
  );

  it('publishes with the properties that the test says (MQTT 5)', async () => {
    await using broker = await ScriptedBroker.start();
    await using client = await clientOf(broker, { protocolVersion: 5 });
    await client.subscribeAsync('a');
    const came = new Promise((resolve) =>
      client.once('message', (_topic, _payload, packet) => resolve(packet)),
    );
    const properties = { contentType: 'text/plain', userProperties: { room: 'kitchen' } };
    broker.publish('a', 'b', { properties });
    expect(await came).toMatchObject({ properties });
  });

  it('refuses fields and values that it does not know, by their names', async () => {
    const refused = (text: string) =>
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(text) });
    await expect(ScriptedBroker.start({ prot: 1 } as never)).rejects.toEqual(refused('prot'));
    for (const wrong of [
      { tls: 1 },
      { port: -1 },
      { automatic: 1 },
      { connack: 0 },
      { clock: {} },
    ] as const) {
      const [field = ''] = Object.keys(wrong);
      await expect(ScriptedBroker.start(wrong as never)).rejects.toEqual(refused(field));
    }
    await using broker = await ScriptedBroker.start();
    expect(() => broker.on({ topik: 'a' } as never)).toThrow(refused('topik'));
    for (const wrong of [{ packet: 7 }, { topic: 7 }, { clientId: 7 }, { times: 0 }, { nth: '1' }] as const) {
      const [field = ''] = Object.keys(wrong);
      expect(() => broker.on(wrong as never)).toThrow(refused(field));
    }
    expect(() => broker.publish('x', {} as never)).toThrow(refused('payload'));
    expect(() => broker.publish('x', '', { retain: true } as never)).toThrow(refused('retain'));
    expect(() => broker.publish('x', '', { qos: 2 as never })).toThrow(refused('qos'));
  });

  it('forgets a clean session, and all of them when told to', async () => {
    await using broker = await ScriptedBroker.start();
    const clean = await clientOf(broker, { clientId: 'clean' });
    const kept = await clientOf(broker, { clientId: 'kept', clean: false });
    for (const client of [clean, kept]) {
      await client.subscribeAsync('a');
      await client.endAsync();
    }
    await broker.when(() => broker.openConnections.length === 0);
    expect(broker.subscriptionsOf('clean').size).toBe(0);
    expect(broker.subscriptionsOf('kept').size).toBe(1);
    broker.forgetSessions();
    expect(broker.subscriptionsOf('kept').size).toBe(0);
  });

  it.each([
    [4, undefined],
    [5, 142],
  ] as const)('drops the older of two with one client id (%i)', async (protocolVersion, reasonCode) => {
    await using broker = await ScriptedBroker.start();
    const older = await clientOf(broker, { protocolVersion, clientId: 'lamp' });
    const codes: unknown[] = [];
    older.on('disconnect', (packet) => codes.push(packet.reasonCode));
    const closed = told(older, 'close');
    await using newer = await clientOf(broker, { protocolVersion, clientId: 'lamp' });
    await newer.subscribeAsync('a');
    await closed;
    expect(codes).toEqual(reasonCode === undefined ? [] : [reasonCode]);
    await broker.when(() => broker.openConnections.length === 1);
    expect(broker.subscriptionsOf('lamp').size).toBe(1);
    expect(broker.mostOpenConnections('lamp')).toBe(2);
    expect(broker.mostOpenConnections()).toBe(2);
    await older.endAsync(true);
  });

  it('says in CONNACK what the test gave, and which client id it chose (MQTT 5)', async () => {
    await using broker = await ScriptedBroker.start({
      connack: { properties: { receiveMaximum: 3, serverKeepAlive: 17 } },
    });
    const client = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, {
      ...{ protocolVersion: 5, clientId: '', reconnectPeriod: 0 },
    });
    const { properties } = await told<{ properties: object }>(client, 'connect');
    expect(properties).toMatchObject({
      ...{ receiveMaximum: 3, serverKeepAlive: 17, assignedClientIdentifier: 'assigned-1' },
    });
    expect(broker.connections[0]?.clientId).toBe('assigned-1');
    await client.endAsync(true);
  });

  it('speaks TLS', async () => {
    const authority = await makeAuthority();
    const [server, device] = [await makeLeaf(authority), await makeLeaf(authority, { name: 'lamp' })];
    await using broker = await ScriptedBroker.start({
      tls: { ...server, ca: authority.cert, requestCert: true },
    });
    expect(() => broker.clientOptions('lamp')).toThrow(/auth/);
    await using client = createIotClient({
      ...broker.clientOptions('lamp', mutualTls(device)),
      ca: authority.cert,
    });
    await client.connect();
    await client.publish('a', 'b', { qos: 1 });
    expect(broker.messages).toMatchObject([{ topic: 'a' }]);
    broker.connections[0]?.reset();
    expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'CONNECTION_LOST' } });
  });

  it('refuses connections until it listens again, on the same port', async () => {
    await using broker = await ScriptedBroker.start();
    const { port } = broker;
    await using client = await clientOf(broker);
    broker.stopListening();
    const refused = mqtt.connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 });
    expect(await told(refused, 'error')).toMatchObject({ code: 'ECONNREFUSED' });
    await refused.endAsync(true);
    expect(client.connected).toBe(true);
    await broker.listen();
    expect(broker.port).toBe(port);
    await using _again = await clientOf(broker);
  });
});

describe('a script', () => {
  it('uses the first rule that matches, for the nth packet, so many times', async () => {
    await using broker = await ScriptedBroker.start();
    const used: string[] = [];
    const note = (name: string) => () => void used.push(name);
    const second = broker.on({ packet: 'publish', topic: 'a', nth: 2 }, note('second'), answer.serve());
    const others = broker.on({ packet: 'publish', topic: 'a', times: 2 }, note('other'), answer.serve());
    broker.on({ packet: 'publish' }, note('rest'), answer.serve());
    await using client = await clientOf(broker);
    for (const topic of ['a', 'a', 'a', 'a', 'b']) await client.publishAsync(topic, '', { qos: 1 });
    expect(used).toEqual(['other', 'second', 'other', 'rest', 'rest']);
    expect([second.used, others.used]).toEqual([1, 2]);
  });

  it('matches by client id and by connection, and no more once removed', async () => {
    await using broker = await ScriptedBroker.start();
    const used: string[] = [];
    const byId = broker.on({ packet: 'publish', clientId: 'b' }, () => void used.push('b'), answer.serve());
    broker.on({ packet: 'publish', connection: 1 }, () => void used.push('first'), answer.serve());
    await using a = await clientOf(broker, { clientId: 'a' });
    await using b = await clientOf(broker, { clientId: 'b' });
    await a.publishAsync('t', '', { qos: 1 });
    await b.publishAsync('t', '', { qos: 1 });
    byId.remove();
    await b.publishAsync('t', '', { qos: 1 });
    expect(used).toEqual(['first', 'b']);
  });

  it('hangs, and what was not answered was not taken', async () => {
    await using broker = await ScriptedBroker.start();
    broker.on({ packet: 'publish', times: 1 }, answer.hang());
    await using client = await clientOf(broker);
    client.publish('a', 'lost', { qos: 1 }, () => {});
    await client.publishAsync('a', 'taken', { qos: 1 });
    expect(broker.messages.map(({ payload }) => payload.toString())).toEqual(['taken']);
    const [lost] = broker.connections[0]!.received.filter(({ cmd }) => cmd === 'publish');
    broker.connections[0]?.send({ cmd: 'puback', messageId: lost!.messageId! });
    expect(broker.messages.map(({ payload }) => payload.toString())).toEqual(['taken', 'lost']);
  });

  it('takes what comes twice with the same message id twice', async () => {
    await using broker = await ScriptedBroker.start();
    await using client = await clientOf(broker);
    const twice = connectionBytes(broker, { cmd: 'publish', topic: 'a', payload: 'b', qos: 1, messageId: 9 });
    client.stream.write(Buffer.concat([twice, twice]));
    await broker.when(() => broker.messages.length === 2);
  });

  it('takes a PUBLISH without a word', async () => {
    await using broker = await ScriptedBroker.start();
    broker.on({ packet: 'publish' }, answer.take());
    await using client = await clientOf(broker);
    client.publish('a', 'b', { qos: 1 }, () => {});
    await broker.when(() => broker.messages.length === 1);
    expect(broker.log.some(({ packet }) => packet === 'puback')).toBe(false);
  });

  it('delays by a clock of the test, what comes behind is not delayed', async () => {
    await using broker = await ScriptedBroker.start();
    const clock = new SimulatedClock();
    broker.on({ packet: 'publish', topic: 'slow' }, answer.delay(3_000, clock), answer.serve());
    await using client = await clientOf(broker);
    const slow = client.publishAsync('slow', '', { qos: 1 });
    await client.publishAsync('quick', '', { qos: 1 });
    clock.advance(2_999);
    await client.publishAsync('quick', '', { qos: 1 });
    expect(broker.messages.map(({ topic }) => topic)).toEqual(['quick', 'quick']);
    clock.advance(1);
    await slow;
  });

  it('leaves no timer of a delay behind when the broker stops', async () => {
    const clock = new SimulatedClock();
    const broker = await ScriptedBroker.start({ clock });
    broker.on({ packet: 'publish' }, answer.delay(1_000), answer.serve());
    await using client = await clientOf(broker);
    client.publish('a', '', { qos: 1 }, () => {});
    await broker.when(() => clock.pending === 1);
    await broker.stop();
    expect(clock.pending).toBe(0);
  });

  it('replies with packets of the test, with the message id that is asked for', async () => {
    await using broker = await ScriptedBroker.start();
    broker.on({ packet: 'publish' }, answer.reply({ cmd: 'puback', reasonCode: 0x97 }));
    broker.on(
      { packet: 'subscribe' },
      answer.reply(({ messageId }) => ({ cmd: 'suback', messageId: messageId!, granted: [0x80] })),
    );
    await using client = await clientOf(broker, { protocolVersion: 5 });
    await expect(client.publishAsync('a', '', { qos: 1 })).rejects.toMatchObject({ code: 0x97 });
    await expect(client.subscribeAsync('a')).rejects.toThrow();
    expect(broker.messages).toEqual([]);
  });

  it.each([
    ['FIN', answer.close(), null],
    ['RST', answer.reset(), 'ECONNRESET'],
    ['no MQTT', answer.raw(Buffer.from([0x00, 0x00])), 'parser'],
  ] as const)('closes by %s as soon as a connection is open', async (_how, how, code) => {
    await using broker = await ScriptedBroker.start();
    broker.on({ packet: 'open' }, how);
    const client = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, { reconnectPeriod: 0 });
    const errors: string[] = [];
    client.on('error', (error) => errors.push('code' in error ? String(error.code) : 'parser'));
    await told(client, code === 'parser' ? 'error' : 'close');
    expect(errors).toEqual(code === null ? [] : [code]);
    await client.endAsync(true);
  });

  it.each([
    [4, undefined],
    [5, 135],
  ] as const)('closes on a denied topic and on a denied filter (%i)', async (protocolVersion, reasonCode) => {
    await using broker = await ScriptedBroker.start();
    broker.closeOnPublish((topic) => topic.startsWith('denied/'));
    broker.closeOnSubscribe((filter) => filter.startsWith('denied/'));
    const attempts: ((client: MqttClient) => unknown)[] = [
      (client) => client.publish('denied/a', '', { qos: 1 }, () => {}),
      (client) => client.subscribe(['fine', 'denied/a'], () => {}),
    ];
    for (const attempt of attempts) {
      await using client = await clientOf(broker, { protocolVersion });
      await client.publishAsync('fine', '', { qos: 1 });
      const codes: unknown[] = [];
      client.on('disconnect', (packet) => codes.push(packet.reasonCode));
      const closed = told(client, 'close');
      attempt(client);
      await closed;
      expect(codes).toEqual(reasonCode === undefined ? [] : [reasonCode]);
    }
    expect(broker.messages.map(({ topic }) => topic)).toEqual(['fine', 'fine']);
    expect(broker.log.some(({ packet }) => packet === 'suback')).toBe(false);
  });

  it('tells at its end what an answer of the test threw', async () => {
    const broker = await ScriptedBroker.start();
    broker.on({ packet: 'publish' }, () => {
      throw new Error('a slip');
    });
    await using client = await clientOf(broker);
    client.publish('a', '');
    await broker.when(() => broker.log.some(({ packet }) => packet === 'publish'));
    await expect(broker.stop()).rejects.toThrow('a slip');
  });
});

describe('a connection in the hands of the test', () => {
  it('is answered by nobody else', async () => {
    await using broker = await ScriptedBroker.start({ automatic: false });
    const client = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, {
      ...{ protocolVersion: 5, clientId: 'lamp', reconnectPeriod: 0 },
    });
    const there = await broker.connection();
    const connected = told(client, 'connect');
    const connect = await there.accept({ properties: { receiveMaximum: 7 } });
    expect(connect).toMatchObject({ clientId: 'lamp', protocolVersion: 5 });
    expect(await connected).toMatchObject({ properties: { receiveMaximum: 7 } });
    client.publish('a', 'b', { qos: 1 }, () => {});
    expect(await there.next('publish')).toMatchObject({ topic: 'a' });
    expect(there.count('publish')).toBe(1);
    expect(broker.messages).toEqual([]);
    const goodbye = told(client, 'disconnect');
    there.disconnect(0x8b);
    expect(await goodbye).toMatchObject({ reasonCode: 0x8b });
    await there.closed;
    await expect(there.next('pingreq')).rejects.toMatchObject({ code: 'CLOSED' });
    await client.endAsync(true);
  });

  it.each(['TCP', 'TLS'])('is cut also while its end is on the way, over %s', async (way) => {
    const server = way === 'TLS' ? { tls: await makeLeaf(await makeAuthority()) } : {};
    for (const cut of ['reset', 'stop'] as const) {
      for (let turns = 0; turns < 4; turns++) {
        await using broker = await ScriptedBroker.start({ automatic: false, ...server });
        const at = { host: '127.0.0.1', port: broker.port, rejectUnauthorized: false };
        const client = way === 'TLS' ? tls.connect(at) : net.connect(at);
        client.on('error', () => {});
        const there = await broker.connection();
        there.end();
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        if (cut === 'reset') there.reset();
        else await broker.stop();
        await there.closed;
        client.destroy();
      }
    }
  });

  it('says when it was sent something that is no MQTT', async () => {
    await using broker = await ScriptedBroker.start();
    await using client = await clientOf(broker);
    const closed = told(client, 'close');
    client.stream.write(Buffer.from([0x00, 0x00]));
    await closed;
    expect(broker.log.at(-1)).toMatchObject({ packet: 'closed' });
    expect(broker.log.at(-2)).toMatchObject({ packet: 'malformed' });
  });
});
