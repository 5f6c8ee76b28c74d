import { inspect } from 'node:util';
import { MqttClient } from 'mqtt';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { mutualTls, plainTcp } from '../../src/adapters/index.ts';
import { systemClock } from '../../src/protocol/clock.ts';
import type { Will } from '../../src/protocol/message.ts';
import { type ConnackAnswer, connack } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { makeAuthority, makeLeaf } from '../support/certificates.ts';
import { liveLine, turns } from './live-line.ts';
import { openTestLine, type TestOptions, testTransport } from './test-line.ts';

afterEach(() => vi.restoreAllMocks());

/** The CONNECT that these options make. */
async function connectOf(options: Partial<TestOptions>) {
  await using peer = await ScriptedBroker.start({ automatic: false });
  using line = openTestLine({ port: peer.port, ...options });
  const connect = await (await peer.connection()).accept();
  await line.until('transport.connected');
  return connect;
}

describe('CONNECT of MQTT 5', () => {
  test('says only what there is to say: the topic aliases that this side takes', async () => {
    const connect = await connectOf({ protocolVersion: 5, clean: true });
    expect(connect).toMatchObject({ protocolVersion: 5, clean: true, clientId: 'kitchen-lamp' });
    expect(connect.properties).toEqual({ topicAliasMaximum: 8 });
    expect([connect.username, connect.password, connect.will]).toEqual([undefined, undefined, undefined]);
  });

  test('a persistent session: no clean start, and how long the broker keeps it', async () => {
    const connect = await connectOf({ protocolVersion: 5, clean: false, sessionExpirySeconds: 3_600 });
    expect(connect.clean).toBe(false);
    expect(connect.properties).toEqual({ topicAliasMaximum: 8, sessionExpiryInterval: 3_600 });
  });

  test.each([0, undefined])('a session expiry of %s is not sent', async (seconds) => {
    const options = seconds === undefined ? {} : { sessionExpirySeconds: seconds };
    const connect = await connectOf({ protocolVersion: 5, clean: false, ...options });
    expect(connect.properties).toEqual({ topicAliasMaximum: 8 });
  });

  test('fault:B-16 the largest packet that this side takes, when there is a bound', async () => {
    expect((await connectOf({ protocolVersion: 5, maximumPacketBytes: 1_000 })).properties).toEqual({
      topicAliasMaximum: 8,
      maximumPacketSize: 1_000,
    });
    const unbounded = await connectOf({ protocolVersion: 5, maximumPacketBytes: 268_435_460 });
    expect(unbounded.properties).toEqual({ topicAliasMaximum: 8 });
  });

  const will: Will = {
    topic: 'lamps/will',
    payload: new Uint8Array(8).fill(7).subarray(2, 4),
    qos: 1,
    retain: true,
    delaySeconds: 30,
    properties: {
      contentType: 'text/plain',
      payloadFormat: 'utf8',
      responseTopic: 'answers',
      correlationData: Uint8Array.of(1, 0, 2),
      messageExpirySeconds: 60,
      userProperties: { site: 'north', tag: ['a', 'b'], none: [] },
    },
  };

  test('a will with everything that it can have', async () => {
    const connect = await connectOf({ protocolVersion: 5, will });
    expect(connect.will).toMatchObject({
      topic: 'lamps/will',
      payload: Buffer.from([7, 7]),
      qos: 1,
      retain: true,
    });
    const { userProperties, ...properties } = connect.will?.properties ?? {};
    expect(properties).toEqual({
      willDelayInterval: 30,
      contentType: 'text/plain',
      payloadFormatIndicator: true,
      responseTopic: 'answers',
      correlationData: Buffer.from([1, 0, 2]),
      messageExpiryInterval: 60,
    });
    expect({ ...userProperties }).toEqual({ site: 'north', tag: ['a', 'b'] });
  });

  test('sec:S-10 a will whose user properties are named as in every object, or have no value', async () => {
    const userProperties = JSON.parse('{"__proto__": "x", "constructor": ["y", "z"]}') as Record<
      string,
      string
    >;
    const connect = await connectOf({
      protocolVersion: 5,
      will: { ...will, properties: { userProperties } },
    });
    const got = connect.will?.properties?.userProperties ?? {};
    expect(Object.entries(got)).toEqual([
      ['__proto__', 'x'],
      ['constructor', ['y', 'z']],
    ]);
    for (const empty of [{}, { none: [] }]) {
      const bare = {
        topic: 'w',
        payload: '',
        qos: 0,
        retain: false,
        properties: { userProperties: empty },
      } as const;
      expect((await connectOf({ protocolVersion: 5, will: bare })).will).toMatchObject({ topic: 'w' });
    }
  });

  test('MQTT 3.1.1 says nothing of all that', async () => {
    const options = { sessionExpirySeconds: 9, maximumPacketBytes: 1_000, will };
    const connect = await connectOf({ protocolVersion: 4, clean: false, ...options });
    expect(connect.properties).toBeUndefined();
    expect(connect.will?.properties).toBeUndefined();
    expect(connect.will).toMatchObject({ topic: 'lamps/will', payload: Buffer.from([7, 7]) });
  });
});

describe('an empty client id', () => {
  test('fault:B-18 the broker assigns one: the facts tell it, and later attempts have it', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const transport = testTransport({ port: peer.port, protocolVersion: 5, clientId: '', clean: false });
    const first = transport.open();
    const there = await peer.connection();
    const connect = await there.accept({ properties: { assignedClientIdentifier: 'given-7' } });
    expect([connect.clientId, connect.clean]).toEqual(['', true]);
    expect((await first.until('transport.connected')).session.assignedClientId).toBe('given-7');
    there.end();
    await first.until('transport.closed');

    using second = transport.open();
    const again = await (await peer.connection()).accept({ sessionPresent: true });
    expect([again.clientId, again.clean]).toEqual(['given-7', false]);
    const { session } = await second.until('transport.connected');
    expect(session).toEqual({ sessionPresent: true, receiveMaximum: 65_535 });
  });

  test('a client that has an id keeps it, whatever the broker assigns', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const transport = testTransport({ port: peer.port, protocolVersion: 5, clientId: 'mine' });
    for (let attempt = 0; attempt < 2; attempt++) {
      using line = transport.open();
      const there = await peer.connection();
      const connect = await there.accept({ properties: { assignedClientIdentifier: 'yours' } });
      expect(connect.clientId).toBe('mine');
      expect((await line.until('transport.connected')).session).not.toHaveProperty('assignedClientId');
    }
  });

  test('an id that came with a refusal is not kept', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const transport = testTransport({ port: peer.port, protocolVersion: 5, clientId: '' });
    using first = transport.open();
    await (await peer.connection()).accept({ code: 0x88, properties: { assignedClientIdentifier: 'no' } });
    await first.until('transport.failed');
    using second = transport.open();
    expect((await (await peer.connection()).accept()).clientId).toBe('');
    await second.until('transport.connected');
  });

  test.each([4, 5] as const)(
    'is always a clean start (MQTT-3.1.3-7), in version %i',
    async (protocolVersion) => {
      const connect = await connectOf({ protocolVersion, clientId: '', clean: false });
      expect([connect.clientId, connect.clean]).toEqual(['', true]);
    },
  );
});

describe('CONNACK', () => {
  test('a session that was to be forgotten is not present, whatever the broker says', async () => {
    for (const clean of [true, false]) {
      await using connection = await liveLine({ clean }, { sessionPresent: true });
      expect((await connection.line.until('transport.connected')).session.sessionPresent).toBe(!clean);
    }
  });

  test('fault:B-18 mqttjs:B11 the receive maximum is told, and the wire has it', async () => {
    await using connection = await liveLine({ protocolVersion: 5 }, { properties: { receiveMaximum: 1 } });
    expect((await connection.line.until('transport.connected')).session.receiveMaximum).toBe(1);
    expect(connection.line.live.receiveMaximum).toBe(1);
  });

  test.each([
    ['shorter than ours stands in its place', 30, 7, 7],
    ['longer than ours changes nothing: ours says how soon a dead line is found', 30, 600, 30],
    ['of 0 changes nothing', 30, 0, 30],
    ['stands when we asked for none', 0, 7, 7],
  ])("fault:B-18 the broker's keep-alive: one %s", async (_, keepAliveSeconds, serverKeepAlive, seconds) => {
    const clock = new SimulatedClock();
    await using connection = await liveLine(
      { protocolVersion: 5, clock, keepAliveSeconds },
      { properties: { serverKeepAlive } },
    );
    const { session } = await connection.line.until('transport.connected');
    expect(session.serverKeepAliveSeconds).toBe(serverKeepAlive);
    clock.advance(seconds * 1_000 - 1);
    await turns();
    expect(connection.there.count('pingreq')).toBe(0);
    clock.advance(1);
    await connection.there.next('pingreq');
  });

  test('without a keep-alive on either side there are no pings', async () => {
    const clock = new SimulatedClock();
    await using _ = await liveLine(
      { protocolVersion: 5, clock, keepAliveSeconds: 0 },
      { properties: { serverKeepAlive: 0 } },
    );
    expect(clock.pending).toBe(0);
  });

  test.each<[string, number[]]>([
    ['a receive maximum of 0', [0x21, 0, 0]],
    ['two receive maxima', [0x21, 0, 1, 0x21, 0, 2]],
    ['a maximum packet size of 0', [0x27, 0, 0, 0, 0]],
    ['a maximum QoS of 2', [0x24, 2]],
    ['two keep-alives', [0x13, 0, 1, 0x13, 0, 1]],
    ['an assigned id that is cut short', [0x12, 0, 9, 97]],
    ['an assigned id that is empty', [0x12, 0, 0]],
    ['two answers about retained messages', [0x25, 1, 0x25, 1]],
    ['a property that nobody knows', [0x7f, 1]],
  ])('%s fails the attempt as PROTOCOL_ERROR', async (_, properties) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port, protocolVersion: 5 });
    const there = await peer.connection();
    await there.next('connect');
    there.raw(Uint8Array.of(0x20, 3 + properties.length, 0, 0, properties.length, ...properties));
    expect(await line.error('transport.failed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
    await there.closed;
    expect(line.story).toEqual(['transport.signedIn', 'transport.failed']);
    // AWS: nothing may be sent before CONNACK.
    expect(there.count('disconnect')).toBe(0);
  });

  async function refusal(answer: ConnackAnswer) {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port, protocolVersion: 5 });
    await (await peer.connection()).accept(answer);
    return await line.error('transport.failed');
  }

  test('fault:A-11 a refusal of MQTT 5 has its code and its reason in it, made harmless', async () => {
    const reasonString = `no such thing \u001b[31m\n${'x'.repeat(200)}`;
    const error = await refusal({ code: 0x87, properties: { reasonString } });
    expect(error).toMatchObject({ code: 'NOT_AUTHORIZED', reasonCode: 0x87 });
    expect(error.message).toContain('no such thing');
    for (const character of ['\u001b', '\n']) expect(error.message).not.toContain(character);
    expect(error.message.length).toBeLessThan(250);
  });

  test.each([0x9c, 0x9d])(
    'fault:A-11 sec:S-31 a redirection (%i) is told, and not followed',
    async (code) => {
      const error = await refusal({ code, properties: { serverReference: 'other.example:8883' } });
      expect(error).toMatchObject({ code: 'SERVER_MOVED', reasonCode: code });
      expect(error.message).toContain('other.example:8883');
    },
  );

  test('an answer of MQTT 3.1.1 to a CONNECT of MQTT 5: the version is not supported', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port, protocolVersion: 5 });
    const there = await peer.connection();
    await there.next('connect');
    there.raw(Uint8Array.of(0x20, 2, 0, 1));
    expect(await line.error('transport.failed')).toMatchObject({ code: 'UNSUPPORTED_PROTOCOL_VERSION' });
  });
});

describe('user name and password', () => {
  const auth = plainTcp({ username: 'U', password: 'canary-password' });

  test.each([4, 5] as const)('are in CONNECT, version %i', async (protocolVersion) => {
    const connect = await connectOf({ protocolVersion, authentication: auth });
    expect([connect.username, connect.password?.toString()]).toEqual(['U', 'canary-password']);
  });

  test('are in CONNECT over TLS with a certificate too', async () => {
    const authority = await makeAuthority();
    const server = await makeLeaf(authority);
    const device = await makeLeaf(authority, { name: 'kitchen-lamp' });
    await using peer = await ScriptedBroker.start({
      automatic: false,
      tls: { ...server, ca: authority.cert, requestCert: true },
    });
    const authentication = mutualTls({ ...device, username: 'U', password: 'canary-password' });
    using line = openTestLine({ port: peer.port, endpoint: 'localhost', ca: authority.cert, authentication });
    const connect = await (await peer.connection()).accept();
    expect([connect.username, connect.password?.toString()]).toEqual(['U', 'canary-password']);
    await line.until('transport.connected');
  });

  test('py:C7 the suffix is appended to the user name', async () => {
    const connect = await connectOf({ authentication: auth, userNameSuffix: '?SDK=X&Version=1' });
    expect([connect.username, connect.password?.toString()]).toEqual([
      'U?SDK=X&Version=1',
      'canary-password',
    ]);
  });

  test.each([
    ['lamp?x-amz-customauthorizer-name=mine', 'lamp?x-amz-customauthorizer-name=mine&SDK=X&Version=1'],
    ['?a=1&b=2', '?a=1&b=2&SDK=X&Version=1'],
    ['', '?SDK=X&Version=1'],
  ])('py:C7 a user name has one query: %j', async (username, sent) => {
    const authentication = plainTcp({ username });
    const connect = await connectOf({ authentication, userNameSuffix: '?SDK=X&Version=1' });
    expect(connect.username).toBe(sent);
  });

  test('py:C8 without a user name the suffix is it, and there is no password', async () => {
    const connect = await connectOf({ userNameSuffix: '?SDK=X&Version=1' });
    expect([connect.username, connect.password]).toEqual(['?SDK=X&Version=1', undefined]);
  });

  test('py:C9 without a suffix there is nothing but what was given', async () => {
    expect((await connectOf({ authentication: plainTcp({ username: 'U' }) })).username).toBe('U');
    expect((await connectOf({})).username).toBeUndefined();
  });

  test('an empty user name, and an empty password, are sent as such', async () => {
    const connect = await connectOf({ authentication: plainTcp({ username: '', password: '' }) });
    expect([connect.username, connect.password?.toString()]).toEqual(['', '']);
  });

  test.each<[string, unknown]>([
    ['MQTT 3.1.1 [MQTT-3.1.2-22] a password alone', { password: 'canary' }],
    ['a user name that is no text', { username: 7 }],
    ['a user name with NUL in it', { username: 'canary\0' }],
    ['a user name with half a character', { username: 'canary\ud800' }],
    ['a user name that is too long', { username: `canary${'x'.repeat(65_530)}` }],
    ['a password that is no text', { username: 'U', password: Buffer.from('canary') }],
    ['a password with half a character', { username: 'U', password: 'canary\ud800' }],
    ['a password that is too long', { username: 'U', password: `canary${'x'.repeat(65_530)}` }],
    ['null', null],
    ['a password instead of options', 'canary'],
    ['a field that nobody knows', { user: 'canary' }],
  ])('%s is refused, and not shown', (_, options) => {
    for (const make of [plainTcp, (given: object) => mutualTls({ cert: 'c', key: 'k', ...given })]) {
      if (make !== plainTcp && (options === null || typeof options === 'string')) continue;
      let thrown: unknown;
      try {
        make(options as never);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(inspect(thrown)).not.toContain('canary');
    }
  });

  test('the longest that CONNECT can carry are sent', async () => {
    const long = 'x'.repeat(65_535);
    const connect = await connectOf({ authentication: plainTcp({ username: long, password: long }) });
    expect([connect.username?.length, connect.password?.length]).toEqual([65_535, 65_535]);
  });

  test('sec:S-6 sec:S-7 the password shows nowhere: not in the sign-in, the stream, the line, or its errors', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const signal = new AbortController().signal;
    const context = {
      endpoint: '127.0.0.1',
      port: peer.port,
      signal,
      clock: systemClock,
      wallClock: Date.now,
    };
    const opened = await (await auth.signIn(context))(signal);
    opened.stream.destroy();
    await peer.connection();
    using line = openTestLine({ port: peer.port, protocolVersion: 5, authentication: auth });
    const there = await peer.connection();
    await there.next('connect');
    there.send(connack({ code: 0x86, properties: { reasonString: 'bad' } }));
    const error = await line.error('transport.failed');
    for (const value of [auth, opened, line, error, error.cause]) {
      const shown = inspect(value, { showHidden: true, depth: 12, getters: true });
      expect(shown).not.toContain('canary');
      expect(shown).not.toContain(inspect(Buffer.from('canary')).slice(8, -1));
    }
    expect(JSON.stringify([auth, error, opened.credentials])).not.toContain('canary');
    expect(structuredClone(auth)).toEqual({ kind: 'plainTcp' });
  });

  test('sec:S-9 mqtt.js does not keep user name and password once CONNECT is written', async () => {
    const connect = vi.spyOn(MqttClient.prototype, 'connect');
    await using connection = await liveLine({ authentication: auth });
    const client = connect.mock.contexts[0] as MqttClient | undefined;
    expect(connection.there.count('connect')).toBe(1);
    expect(client?.options.clientId).toBe('kitchen-lamp');
    // A user name may have the token of a custom authorizer in it.
    expect([client?.options.username, client?.options.password]).toEqual([undefined, undefined]);
  });
});

test('mqtt.js makes no room for the topic aliases that a broker offers: we use none', async () => {
  const connect = vi.spyOn(MqttClient.prototype, 'connect');
  await using _ = await liveLine({ protocolVersion: 5 }, { properties: { topicAliasMaximum: 65_535 } });
  await turns();
  const client = connect.mock.contexts[0] as MqttClient | undefined;
  expect(client?.connected).toBe(true);
  expect(client).not.toHaveProperty('topicAliasSend.aliasToTopic');
});
