import { describe, expect, it } from 'vitest';

import { connectDevice, connected, connectPlain, deafClient, dial, messages, startCore } from './support.ts';

describe('the packet tap', () => {
  it('shows the packets of both directions, on both ports', async () => {
    const core = await startCore();
    const seen: string[] = [];
    const stop = core.tap.on(({ direction, packet }) => seen.push(`${direction} ${packet}`));
    const lamp = await connectDevice(core, 'lamp');
    await lamp.subscribeAsync('a/b', { qos: 1 });
    await lamp.publishAsync('a/b', 'x', { qos: 1, retain: true });
    stop();
    const plain = await connectPlain(core, 'plain');
    await plain.unsubscribeAsync('a/b');

    expect(seen.slice(0, 5)).toEqual([
      'toBroker connect',
      'toClient connack',
      'toBroker subscribe',
      'toClient suback',
      'toBroker publish',
    ]);
    expect(seen).not.toContain('toBroker unsubscribe');
    expect(core.tap.packets({ clientId: 'lamp', packet: 'connect' })).toMatchObject([
      { connection: 1, protocolVersion: 4, clean: true, keepAliveSeconds: 60, fate: 'passed' },
    ]);
    expect(core.tap.packets({ topic: 'a/b', direction: 'toBroker' })).toMatchObject([
      { packet: 'subscribe', clientId: 'lamp', filters: ['a/b'], codes: [1] },
      { packet: 'publish', clientId: 'lamp', topic: 'a/b', qos: 1, retain: true, payloadBytes: 1 },
      { packet: 'unsubscribe', clientId: 'plain', connection: 2 },
    ]);
    expect(core.tap.packets({ packet: 'connack' })).toMatchObject([
      { returnCode: 0, sessionPresent: false },
      {},
    ]);
    expect(core.tap.packets({ packet: 'suback' })).toMatchObject([{ codes: [1] }]);
  });

  it('never shows a password', async () => {
    const core = await startCore();
    await connectPlain(core, 'lamp', { username: 'user', password: 'canary-1' });
    expect(JSON.stringify(core.tap.log)).not.toContain('canary');
  });

  it('holds a CONNACK until it is released', async () => {
    const core = await startCore();
    const hold = core.tap.hold({ direction: 'toClient', packet: 'connack' });
    const lamp = dial(core, 'lamp');
    await hold.caught();
    expect(hold.held).toBe(1);
    expect(lamp.connected).toBe(false);
    expect(core.clients).toMatchObject([{ clientId: 'lamp' }]);
    hold.release();
    await connected(lamp);
    await connectPlain(core, 'button');
  });

  it('keeps the order: what comes behind a held packet waits too', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync('a');
    const hold = core.tap.hold({ direction: 'toClient', packet: 'suback' });
    const subscribed = lamp.subscribeAsync('b');
    await hold.caught();
    const arrived = messages(lamp, 1);
    await core.publish('a', 'behind');
    const passed = core.tap.log.length;
    expect(core.tap.packets({ direction: 'toClient', packet: 'publish' })).toEqual([]);
    hold.release();
    await subscribed;
    expect(await arrived).toEqual(['a=behind']);
    expect(core.tap.log.slice(passed).map(({ packet }) => packet)).toEqual(['suback', 'publish']);
  });

  it('releases held packets one by one, and goes on holding', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const hold = core.tap.hold({ direction: 'toClient', packet: 'puback', clientId: 'lamp' });
    const acknowledged: string[] = [];
    const publishes = ['1', '2', '3'].map((payload) =>
      lamp.publishAsync('a', payload, { qos: 1 }).then(() => acknowledged.push(payload)),
    );
    await hold.caught(3);
    hold.releaseOne();
    await publishes[0];
    expect(acknowledged).toEqual(['1']);
    expect(hold.held).toBe(2);
    hold.release();
    await Promise.all(publishes);
    expect(acknowledged).toEqual(['1', '2', '3']);
  });

  it('loses held packets when told to, and only those', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const hold = core.tap.hold({ direction: 'toBroker', packet: 'publish', topic: 'lost' });
    lamp.publish('lost', 'x');
    await hold.caught();
    hold.drop();
    lamp.publish('lost', 'y');
    await lamp.publishAsync('kept', 'z', { qos: 1 });
    expect(core.received.map(({ topic, payload }) => `${topic}=${payload.toString()}`)).toEqual([
      'lost=y',
      'kept=z',
    ]);
    expect(core.tap.packets({ topic: 'lost' })).toMatchObject([{ fate: 'dropped' }, { fate: 'passed' }]);
  });

  it('forgets the packets of a connection that died', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const hold = core.tap.hold({ packet: 'puback' });
    lamp.publish('a', 'x', { qos: 1 });
    await hold.caught();
    await core.faults.dropConnections();
    expect(hold.held).toBe(0);
  });

  it('stops its source when a reader is stuck, so that a burst does not pile up here', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync('flood');
    const flooder = await connectPlain(core, 'flooder');
    const hold = core.tap.hold({ clientId: 'lamp', direction: 'toClient' });
    const payload = Buffer.alloc(1_000);
    const total = 20_000;
    let arrived = 0;
    const all = new Promise<void>((resolve) => {
      lamp.on('message', () => {
        arrived += 1;
        if (arrived === total) resolve();
      });
    });
    for (let index = 0; index < total; index++) flooder.publish('flood', payload);
    await hold.caught(4_000);
    await quiet(() => hold.held);
    expect(hold.held).toBeLessThan(6_000);
    hold.release();
    await all;
    expect(arrived).toBe(total);
  });

  it('stops its source when a socket takes no more', async () => {
    const core = await startCore();
    const total = 20_000;
    const deaf = deafClient(core, [
      { cmd: 'connect', clientId: 'deaf', keepalive: 60 },
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'flood', qos: 0 }] },
    ]);
    await core.when(() => core.clients[0]?.subscriptions.length === 1);
    const seen = { toBroker: 0, toClient: 0, waiting: 0 };
    core.tap.on(({ packet, direction }) => {
      if (packet === 'publish') seen[direction] += 1;
      seen.waiting = Math.max(seen.waiting, seen.toBroker - seen.toClient);
    });
    const flooder = await connectPlain(core, 'flooder');
    for (let index = 0; index < total; index++) flooder.publish('flood', Buffer.alloc(2_000));
    await core.when(() => seen.waiting > 1_500);
    await quiet(() => seen.toBroker);
    deaf.resume();
    await core.when(() => seen.toClient === total);
    expect(seen.waiting).toBeLessThan(4_000);
  });

  it('passes on bytes as they came', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync('bytes', { qos: 0 });
    const payload = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index & 0xff));
    const arrived = new Promise<Buffer>((resolve) => lamp.once('message', (_topic, bytes) => resolve(bytes)));
    await lamp.publishAsync('bytes', payload, { qos: 1 });
    expect((await arrived).equals(payload)).toBe(true);
  });
});

/** Waits until a count has not grown for a while: whatever is under way has come to its end. */
async function quiet(count: () => number): Promise<void> {
  for (let turns = 0, last = -1; turns < 200; turns = last === count() ? turns + 1 : 0) {
    last = count();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
