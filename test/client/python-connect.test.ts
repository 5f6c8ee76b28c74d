import net from 'node:net';
import type { IConnectPacket } from 'mqtt-packet';
import { describe, expect, it, vi } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { type IotClientOptions, mutualTls, plainTcp } from '../../src/index.ts';
import { connack } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { makeAuthority, makeLeaf } from '../support/certificates.ts';
import { livePeerClient, peerClient } from './peer-client.ts';
import { cutLine, failureOf, freshId, liveClient, settled, stillClient, useCore } from './support.ts';

const theCore = useCore();

describe('what connect() of the Python SDK promises', () => {
  it.each([
    ['30 s by default', {}, 30],
    ['what the options say', { keepAliveSeconds: 600 }, 600],
  ])('py:C1 the broker is told a keep-alive: %s', async (_what, options, keepalive) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client } = peerClient(peer, options);
    const connecting = client.connect();
    const there = await peer.connection();
    expect(await there.accept()).toMatchObject({ keepalive, clean: true, protocolVersion: 4 });
    await connecting;
  });

  it.each([
    ['a refusal that can be mended from outside', 5, 'NOT_AUTHORIZED', 'backingOff'],
    ['a refusal that only the options can mend', 2, 'INVALID_CLIENT_ID', 'failed'],
  ] as const)('py:C2 rejects at %s, with one socket, which it closes', async (_what, code, name, state) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, story } = peerClient(peer);
    const connecting = failureOf(client.connect());
    const there = await peer.connection();
    await there.accept({ code });
    expect(await connecting).toMatchObject({ code: name });
    await there.closed;
    await settled();
    expect(story).toEqual(['connecting', state]);
    expect(peer.connections).toHaveLength(1);
  });

  it('py:C2 rejects at a sign-in that fails, without a socket', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const auth = mutualTls({ cert: '/nowhere/cert.pem', key: '/nowhere/key.pem' });
    const { client, story } = peerClient(peer, { auth });
    expect(await failureOf(client.connect())).toMatchObject({ code: 'CREDENTIAL_UNREADABLE' });
    await settled();
    expect(story).toEqual(['connecting', 'backingOff']);
    expect(peer.connections).toEqual([]);
  });

  it('py:C3 rejects at its timeout when no CONNACK comes, and one that comes late brings nothing up', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, story } = peerClient(peer);
    const connecting = failureOf(client.connect({ timeoutMs: 10_000 }));
    const there = await peer.connection();
    await there.next('connect');
    clock.advance(9_999);
    expect(client.status.state).toBe('connecting');
    clock.advance(1);
    there.send(connack());
    expect(await connecting).toMatchObject({ code: 'TIMEOUT' });
    await there.closed;
    await settled();
    expect(story).toEqual(['connecting', 'idle']);
    expect(clock.pending).toBe(0);
  });

  it('py:C12 a broker that is addressed by an IP that its certificate does not name is refused', async () => {
    const authority = await makeAuthority();
    const server = await makeLeaf(authority, { altNames: [{ type: 2, value: 'localhost' }] });
    const auth = mutualTls(await makeLeaf(authority));
    await using peer = await ScriptedBroker.start({ automatic: false, tls: server });
    const byName = peerClient(peer, { endpoint: 'localhost', ca: authority.cert, auth });
    const connecting = byName.client.connect();
    await (await peer.connection()).accept();
    await connecting;
    const byAddress = peerClient(peer, { endpoint: '127.0.0.1', ca: authority.cert, auth });
    expect(await failureOf(byAddress.client.connect())).toMatchObject({ code: 'SERVER_NAME_MISMATCH' });
    expect(byAddress.story).toEqual(['connecting', 'backingOff']);
    expect(peer.connections.slice(1).flatMap(({ received }) => received)).toEqual([]);
  });

  it('py:C14 a broker that closes twice before CONNACK, then accepts: resolves after 1 s and 2 s', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock } = peerClient(peer);
    const connecting = client.connect({ timeoutMs: 10_000 });
    for (const delay of [1_000, 2_000]) {
      const there = await peer.connection();
      await there.next('connect');
      there.end();
      const status = await client.when('backingOff');
      expect(status).toMatchObject({
        retryAt: clock.now() + delay,
        reason: { code: 'CLOSED_BEFORE_CONNACK' },
      });
      clock.advance(delay);
    }
    await (await peer.connection()).accept();
    await connecting;
    expect(clock.now()).toBe(3_000);
  });

  it('py:C18 (CONNACK 4: there is no WebSocket yet) signs in anew for each attempt, and comes back unaided', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const renewed: number[] = [];
    const inner = plainTcp();
    const auth: IotClientOptions['auth'] = {
      kind: 'plainTcp',
      defaultPort: () => 1883,
      validate: () => undefined,
      signIn: (context) => {
        renewed.push(clock.now());
        return inner.signIn(context);
      },
    };
    const { client, clock } = peerClient(peer, { auth });
    const connecting = failureOf(client.connect());
    for (const delay of [1_000, 32_000, 32_000]) {
      await (await peer.connection()).accept({ code: 4 });
      expect(await client.when('backingOff')).toMatchObject({ retryAt: clock.now() + delay });
      clock.advance(delay);
    }
    expect(await connecting).toMatchObject({ code: 'BAD_CREDENTIALS', recovery: 'reauthenticate' });
    await (await peer.connection()).accept();
    await client.when('live');
    expect(renewed).toEqual([0, 1_000, 33_000, 65_000]);
  });

  it('py:B20 refused each time: rejects with the reason, is never shown as connected, and goes on slowly', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, story } = peerClient(peer);
    const connecting = failureOf(client.connect());
    for (let attempt = 1; attempt <= 3; attempt++) {
      await (await peer.connection()).accept({ code: 5 });
      expect(await client.when('backingOff')).toMatchObject({ attempt, retryAt: clock.now() + 32_000 });
      clock.advance(32_000);
    }
    expect(await connecting).toMatchObject({ code: 'NOT_AUTHORIZED', recovery: 'retrySlowly' });
    expect(new Set(story)).toEqual(new Set(['connecting', 'backingOff']));
  });
});

describe('who CONNECT says that it is', () => {
  it('py:V2 without a client id: a random one, which is kept from line to line', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, there } = await livePeerClient(peer, { clientId: '' });
    const { clientId } = there.received[0] as IConnectPacket;
    expect(clientId).toMatch(/^[\w-]{20,}$/);
    there.end();
    await client.when('backingOff');
    clock.advance(1_000);
    expect(await (await peer.connection()).accept()).toMatchObject({ clientId });
    await client.when('live');
    const other = await livePeerClient(peer, { clientId: '' });
    expect((other.there.received[0] as IConnectPacket).clientId).not.toBe(clientId);
  });

  const aws = 'abc123-ats.iot.eu-west-1.amazonaws.com';
  const sdk = `?SDK=aws-iot-machines&Version=${manifest.version}`;
  const user = { username: 'U', password: 'pw' };
  const password = Buffer.from('pw');
  it.each<[string, object, object, string, object]>([
    ['py:C7 metrics, a user', user, {}, aws, { username: `U${sdk}`, password }],
    ['py:C8 metrics, no user', {}, {}, aws, { username: sdk, password: undefined }],
    ['py:C9 no metrics, a user', user, { metrics: false }, aws, { username: 'U', password }],
    ['py:C9 no metrics, no user', {}, { metrics: false }, aws, { username: undefined, password: undefined }],
    ['no metrics for brokers that are not AWS', user, {}, 'broker.local', { username: 'U', password }],
  ])('%s', async (_what, credentials, options, endpoint, sent) => {
    const authority = await makeAuthority();
    const server = await makeLeaf(authority, { altNames: [{ type: 2, value: endpoint }] });
    const device = await makeLeaf(authority);
    await using peer = await ScriptedBroker.start({ automatic: false, tls: server });
    const connect = net.connect;
    vi.spyOn(net, 'connect').mockImplementation(((to: net.TcpNetConnectOpts) =>
      connect({ ...to, host: '127.0.0.1' })) as typeof net.connect);
    const auth = mutualTls({ ...device, ...credentials });
    const { there } = await livePeerClient(peer, { endpoint, ca: authority.cert, auth, ...options });
    const { username, password } = there.received[0] as IConnectPacket;
    expect({ username, password }).toEqual(sent);
  });
});

describe('what becomes of a line', () => {
  it('py:C4 closed by the broker while it is being ended: it has ended, and nothing dials', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, story, there } = await livePeerClient(peer);
    const published = client.publish('a', 'b', { qos: 1 });
    await there.next('publish');
    const ending = client.disconnect();
    expect(client.status.state).toBe('disconnecting');
    there.end();
    await ending;
    expect(await published).toMatchObject({ state: 'queued' });
    expect(clock.pending).toBe(0);
    clock.advance(3_600_000);
    await settled();
    expect(story.slice(-2)).toEqual(['disconnecting', 'idle']);
    expect(peer.connections).toHaveLength(1);
  });

  it('py:C5 py:R5 closed by the broker while it is live: it comes back by itself', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, story, there } = await livePeerClient(peer);
    there.end();
    expect(await client.when('backingOff')).toMatchObject({
      reason: { code: 'CONNECTION_LOST' },
      retryAt: clock.now() + 1_000,
    });
    clock.advance(1_000);
    await (await peer.connection()).accept();
    await client.when('live');
    expect(story.slice(-5)).toEqual(['backingOff', 'connecting', 'resubscribing', 'draining', 'live']);
  });

  it('py:C6 after disconnect() nothing but connect() brings it up again', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, there } = await livePeerClient(peer);
    const ending = client.disconnect();
    await there.next('disconnect');
    there.end();
    await ending;
    client.networkOnline();
    await client.publish('a', 'b', { qos: 1 });
    await client.subscribe('new', () => undefined);
    await client.unsubscribe('new');
    clock.advance(3_600_000);
    await settled();
    expect(client.status).toMatchObject({ state: 'idle', queued: 1 });
    expect(peer.connections).toHaveLength(1);
    const connecting = client.connect();
    await (await peer.connection()).accept();
    await connecting;
  });

  it.each([
    ['30 s and 5 s by default', {}, 30_000, 35_000],
    ['2 s and 5 s, more than two keep-alives', { keepAliveSeconds: 2 }, 2_000, 7_000],
    [
      '2 s and 2 s, where the original gives up too',
      { keepAliveSeconds: 2, pingTimeoutMs: 2_000 },
      2_000,
      4_000,
    ],
  ])('py:C15 mute, it is over after keep-alive and ping timeout: %s', async (_what, options, ping, end) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, there } = await livePeerClient(peer, options);
    clock.advance(ping - 1);
    await settled();
    expect(there.count('pingreq')).toBe(0);
    clock.advance(1);
    await there.next('pingreq');
    clock.advance(end - ping - 1);
    await settled();
    expect(client.status.state).toBe('live');
    clock.advance(1);
    expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'PING_TIMEOUT' } });
  });

  it('py:C16 20 publishes of QoS 1 in a second: all are received, in order, over one line', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    await client.connect();
    await client.when('live');
    const texts = Array.from({ length: 20 }, (_, index) => String(index));
    const receipts = texts.map((text) => {
      clock.advance(50);
      return client.publish('a', text, { qos: 1 });
    });
    expect((await Promise.all(receipts)).map(({ state }) => state)).toEqual(Array(20).fill('delivered'));
    const received = core.received.filter((one) => one.clientId === clientId);
    expect(received.map(({ payload }) => String(payload))).toEqual(texts);
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });

  it('py:B13 lines of 3 to 66 s with stable at 60 s: 1, 2, 4, 8, 16, 16, 1 s, and every QoS 1 message arrives', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, {
      clientId,
      keepAliveSeconds: 1_200,
      reconnect: { maxMs: 16_000, stableMs: 60_000, jitter: 'none' },
      offlineQueue: { drain: { perSecond: Infinity } },
    });
    await client.connect();
    const delays: number[] = [];
    const delivered: Promise<void>[] = [];
    const publish = async (text: string): Promise<void> => {
      const receipt = await client.publish('a', text, { qos: 1 });
      delivered.push(receipt.delivered);
    };
    for (const seconds of [3, 4, 6, 10, 18, 34, 66]) {
      await client.when('live');
      await publish(`${seconds} on`);
      clock.advance(seconds * 1_000);
      await cutLine(core, client, clientId);
      await publish(`${seconds} off`);
      const { status } = client;
      if (status.state !== 'backingOff') throw new Error(status.state);
      delays.push((status.retryAt - clock.now()) / 1_000);
      clock.advance(status.retryAt - clock.now());
    }
    await client.when('live');
    await Promise.all(delivered);
    expect(delays).toEqual([1, 2, 4, 8, 16, 16, 1]);
    const received = core.received.filter((one) => one.clientId === clientId);
    expect(received.map(({ payload }) => String(payload))).toEqual(
      [3, 4, 6, 10, 18, 34, 66].flatMap((seconds) => [`${seconds} on`, `${seconds} off`]),
    );
  });
});

describe('the programs of the original README', () => {
  it('py:R1 py:R3 connect, publish, subscribe, unsubscribe, disconnect, over mutual TLS, with its options', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, {
      clientId,
      tls: true,
      operationTimeoutMs: 5_000,
      offlineQueue: { maxMessages: Infinity, drain: { perSecond: 2 } },
    });
    const got: string[] = [];
    expect(await client.publish('myTopic', 'before', { qos: 0 })).toMatchObject({ state: 'delivered' });
    await client.subscribe('myTopic', { qos: 1 }, (message) => void got.push(message.text()));
    await client.publish('myTopic', 'myPayload', { qos: 1 });
    await core.tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId });
    await client.unsubscribe('myTopic');
    await client.publish('myTopic', 'after', { qos: 1 });
    await client.disconnect();
    expect(got).toEqual(['myPayload']);
    expect(core.tap.packets({ packet: 'unsubscribe', clientId })).toMatchObject([{ filters: ['myTopic'] }]);
    expect(core.tap.packets({ packet: 'publish', direction: 'toClient', clientId })).toHaveLength(1);
    const sent = core.received.filter((one) => one.clientId === clientId);
    expect(sent.map(({ payload }) => String(payload))).toEqual(['before', 'myPayload', 'after']);
    expect(client.status.state).toBe('idle');
  });
});
