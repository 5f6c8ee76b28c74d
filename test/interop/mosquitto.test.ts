// Our client on mosquitto, with mutual TLS.
import { beforeEach, describe, expect, it } from 'vitest';

import { type IotClientOptions, type Message, mutualTls } from '../../src/index.ts';
import { cleanHistory } from '../../src/testing/history-checker.ts';
import { makeAuthority, makeLeaf } from '../support/certificates.ts';
import { Inbox, makeClient, nextReason, startMosquitto, Traffic, type World } from './support.ts';

const VERSIONS = [
  { name: 'MQTT 3.1.1', version: { protocolVersion: 4 } },
  { name: 'MQTT 5', version: { protocolVersion: 5 } },
] as const;

describe.each(VERSIONS)('on mosquitto, $name', ({ version }) => {
  let world: World;
  const client = (clientId: string, options: Partial<IotClientOptions> = {}) =>
    world.client(clientId, { ...version, ...options });

  beforeEach(async () => {
    world = await startMosquitto();
  });

  /** A lamp behind a proxy, and a listener of its traffic that is not. */
  const overProxy = async () => {
    const proxy = await world.proxy();
    const listener = await client('listener');
    const lamp = await client('lamp', { port: proxy.port });
    await Promise.all([listener.connect(), lamp.connect()]);
    const traffic = new Traffic('numbers');
    await traffic.receive(listener);
    return { proxy, lamp, traffic };
  };

  it.each([0, 1] as const)('carries messages with QoS %i, byte for byte', async (qos) => {
    const lamp = await client('lamp');
    const button = await client('button');
    await Promise.all([lamp.connect(), button.connect()]);
    const inbox = new Inbox<Message>();
    const subscription = await lamp.subscribe('kitchen/+', { qos }, inbox.put);
    expect([subscription.state, await subscription.granted]).toEqual(['granted', { qos }]);
    const everyByte = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
    const receipt = await button.publish('kitchen/light', everyByte, { qos });
    expect(receipt.state).toBe('delivered');
    await button.publish('kitchen/empty', '', { qos });
    const [light, empty] = await inbox.count(2);
    expect(light).toMatchObject({ topic: 'kitchen/light', qos, retain: false, duplicate: false });
    expect(Buffer.from(light?.payload ?? []).equals(everyByte)).toBe(true);
    expect(empty).toMatchObject({ topic: 'kitchen/empty', qos });
    expect(empty?.payload).toHaveLength(0);
  });

  it('ends a subscription: nothing comes any more', async () => {
    const lamp = await client('lamp');
    await lamp.connect();
    const all = new Inbox<Message>();
    // Of what comes in, whether somebody has subscribed to it or not.
    lamp.on('message', all.put);
    await lamp.subscribe('a', { qos: 1 }, () => {});
    await lamp.subscribe('b', { qos: 1 }, () => {});
    await lamp.unsubscribe('a');
    await lamp.publish('a', '1', { qos: 1 });
    await lamp.publish('b', '2', { qos: 1 });
    await all.until((each) => each.some(({ topic }) => topic === 'b'));
    expect(all.all.map(({ topic }) => topic)).toEqual(['b']);
  });

  it('keeps a retained message for later subscribers, until an empty one takes it away', async () => {
    const lamp = await client('lamp');
    await lamp.connect();
    await lamp.publish('state', 'on', { qos: 1, retain: true });
    const first = new Inbox<Message>();
    const subscription = await lamp.subscribe('state', { qos: 1 }, first.put);
    const [kept] = await first.count(1);
    expect([kept?.text(), kept?.retain]).toEqual(['on', true]);
    await subscription.unsubscribe();
    await lamp.publish('state', '', { qos: 1, retain: true });
    const second = new Inbox<Message>();
    await lamp.subscribe('state', { qos: 1 }, second.put);
    await lamp.publish('state', 'live', { qos: 1 });
    const [live] = await second.count(1);
    expect([live?.text(), live?.retain]).toEqual(['live', false]);
  });

  it('has its will published when its line is cut, and not when it says goodbye', async () => {
    const proxy = await world.proxy();
    const watcher = await client('watcher');
    await watcher.connect();
    const inbox = new Inbox<Message>();
    await watcher.subscribe('gone/+', { qos: 1 }, inbox.put);
    const will = (topic: string) => ({ will: { topic, payload: 'gone', qos: 1 as const, retain: true } });
    const polite = await client('polite', will('gone/polite'));
    const lamp = await client('lamp', { ...will('gone/lamp'), port: proxy.port });
    await Promise.all([polite.connect(), lamp.connect()]);
    await polite.disconnect();
    proxy.refuse();
    proxy.cut();
    const [gone] = await inbox.count(1);
    expect([gone?.topic, gone?.text(), gone?.qos]).toEqual(['gone/lamp', 'gone', 1]);
    const late = await client('late');
    await late.connect();
    const retained = new Inbox<Message>();
    await late.subscribe('gone/+', { qos: 1 }, retained.put);
    const [kept] = await retained.count(1);
    expect([kept?.topic, kept?.retain]).toEqual(['gone/lamp', true]);
  });

  it('fault:C-9 gets what came while it was away with a persistent session, and not with a clean one', async () => {
    const button = await client('button');
    await button.connect();
    const inboxes = { persistent: new Inbox<Message>(), clean: new Inbox<Message>() };
    for (const session of ['persistent', 'clean'] as const) {
      const lamp = await client(session, { session });
      await lamp.connect();
      await lamp.subscribe('jobs', { qos: 1 }, inboxes[session].put);
      await lamp.disconnect();
    }
    await button.publish('jobs', 'while away', { qos: 1 });
    for (const session of ['persistent', 'clean'] as const) {
      const lamp = await client(session, { session });
      await lamp.connect();
      await lamp.subscribe('jobs', { qos: 1 }, inboxes[session].put);
    }
    await button.publish('jobs', 'when back', { qos: 1 });
    await inboxes.clean.count(1);
    await inboxes.persistent.count(2);
    expect(inboxes.clean.all.map((message) => message.text())).toEqual(['when back']);
    expect(inboxes.persistent.all.map((message) => message.text())).toEqual(['while away', 'when back']);
  });

  it('keeps its persistent session over a restart of the broker', async () => {
    const proxy = await world.proxy();
    const lamp = await client('lamp', { session: 'persistent', port: proxy.port });
    await lamp.connect();
    const inbox = new Inbox<Message>();
    await lamp.subscribe('jobs', { qos: 1 }, inbox.put);
    proxy.refuse();
    await world.broker.stop();
    await world.broker.start();
    const button = await client('button');
    await button.connect();
    await button.publish('jobs', 'while away', { qos: 1 });
    await proxy.accept();
    const [message] = await inbox.count(1);
    expect(message?.text()).toBe('while away');
  });

  it('fault:A-20 subscribes again when the broker has lost its session', async () => {
    const lamp = await client('lamp', { session: 'persistent' });
    await lamp.connect();
    const inbox = new Inbox<Message>();
    await lamp.subscribe('jobs', { qos: 1 }, inbox.put);
    await world.broker.stop();
    await world.broker.forget();
    await world.broker.start();
    await lamp.when('live');
    await lamp.publish('jobs', 'after', { qos: 1 });
    const [message] = await inbox.count(1);
    expect(message?.text()).toBe('after');
  });

  it.each(['cut', 'end'] as const)('delivers all in order over lines that it loses by %s', async (fault) => {
    const { proxy, lamp, traffic } = await overProxy();
    traffic.publish(lamp, 2_000);
    for (const arrived of [100, 700, 1_300]) {
      await traffic.arrived(arrived);
      const isLost = nextReason(lamp);
      proxy[fault]();
      await isLost;
    }
    expect(await traffic.delivered(2_000)).toEqual(cleanHistory);
  });

  it('delivers all in order over connections that are cut in the middle of a packet', async () => {
    const { proxy, lamp, traffic } = await overProxy();
    for (const [round, direction] of (['toBroker', 'toClient'] as const).entries()) {
      await lamp.when('live');
      const isLost = nextReason(lamp);
      proxy.cutAfterBytes(101 + round, direction);
      traffic.publish(lamp, 200, round * 200);
      expect(await isLost).toBe('CONNECTION_LOST');
    }
    expect(await traffic.delivered(400)).toEqual(cleanHistory);
  });

  it('delivers all in order to a broker that is killed and started again under load', async () => {
    const proxy = await world.proxy();
    const listener = await client('listener', { session: 'persistent' });
    const lamp = await client('lamp', { port: proxy.port });
    await Promise.all([listener.connect(), lamp.connect()]);
    const traffic = new Traffic('numbers');
    await traffic.receive(listener);
    for (let round = 1; round <= 3; round++) {
      traffic.publish(lamp, 500, (round - 1) * 500);
      await traffic.arrived((round - 1) * 500 + 100);
      // It acknowledges before it writes to the disk: what it says last must not arrive, or it loses what it promised.
      proxy.freeze('toClient');
      await world.broker.saved();
      await world.broker.kill();
      proxy.cut();
      proxy.thaw();
      await world.broker.start();
    }
    expect(await traffic.delivered(1_500)).toEqual(cleanHistory);
  });

  it('fault:A-13 gives up a broker that stands still, and comes back when it goes on', async () => {
    const listener = await client('listener');
    const lamp = await client('lamp', { keepAliveSeconds: 1 });
    await Promise.all([listener.connect(), lamp.connect()]);
    const traffic = new Traffic('numbers');
    await traffic.receive(listener);
    const isLost = nextReason(lamp);
    world.broker.pause();
    traffic.publish(lamp, 10);
    expect(await isLost).toBe('PING_TIMEOUT');
    expect(await nextReason(lamp)).toBe('ATTEMPT_TIMEOUT');
    world.broker.resume();
    await lamp.when('live');
    expect(await traffic.delivered(10)).toEqual(cleanHistory);
  });

  it('fault:D-5 is refused with a certificate of another authority, and fault:D-1 refuses such a broker', async () => {
    const { cert, key } = await makeLeaf(await makeAuthority('Somebody Else'), { name: 'lamp' });
    const stranger = await client('lamp', { auth: mutualTls({ cert, key }) });
    await expect(stranger.connect()).rejects.toMatchObject({
      code: 'CLIENT_CERTIFICATE_REFUSED',
      recovery: 'retrySlowly',
    });
    const careful = makeClient({ ...(await world.options('lamp')), ...version, ca: cert });
    await expect(careful.connect()).rejects.toMatchObject({ code: 'SERVER_CERTIFICATE_UNTRUSTED' });
  });
});
