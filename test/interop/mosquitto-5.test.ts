// What MQTT 5 adds, on mosquitto.
import { describe, expect, it } from 'vitest';

import type { Message } from '../../src/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { Inbox, nextReason, startMosquitto } from './support.ts';

const version = { protocolVersion: 5 } as const;

describe('MQTT 5 on mosquitto', () => {
  it('carries what a message says beside topic and payload', async () => {
    const world = await startMosquitto();
    const lamp = await world.client('lamp', version);
    await lamp.connect();
    const inbox = new Inbox<Message>();
    await lamp.subscribe('requests/+', { qos: 1 }, inbox.put);
    const properties = {
      contentType: 'application/json',
      payloadFormat: 'utf8',
      responseTopic: 'answers/lamp',
      correlationData: Uint8Array.from([0, 1, 254, 255]),
      userProperties: { room: 'kitchen', tag: ['a', 'b'] },
    } as const;
    await lamp.publish('requests/1', { on: true }, { qos: 1, properties });
    await lamp.publish('requests/2', 'plain', { qos: 0 });
    const [full, plain] = await inbox.count(2);
    expect(full?.properties).toEqual({
      ...properties,
      correlationData: expect.anything(),
    });
    expect([...(full?.properties.correlationData ?? [])]).toEqual([0, 1, 254, 255]);
    expect(plain?.properties).toEqual({});
  });

  it('tells how long a message that waited may still be delivered', async () => {
    const world = await startMosquitto();
    const away = { ...version, session: { expirySeconds: 300 } };
    const lamp = await world.client('lamp', away);
    await lamp.connect();
    const inbox = new Inbox<Message>();
    await lamp.subscribe('jobs', { qos: 1 }, inbox.put);
    await lamp.disconnect();
    const button = await world.client('button', version);
    await button.connect();
    await button.publish('jobs', 'soon', { qos: 1, properties: { messageExpirySeconds: 100 } });
    await lamp.connect();
    const [message] = await inbox.count(1);
    expect(message?.text()).toBe('soon');
    expect(message?.properties.messageExpirySeconds).toBeGreaterThan(90);
    expect(message?.properties.messageExpirySeconds).toBeLessThanOrEqual(100);
  });

  it('fault:C-9 forgets a session when its time is over, and not before', async () => {
    const world = await startMosquitto();
    const lamp = await world.client('lamp', { ...version, session: { expirySeconds: 1 } });
    await lamp.connect();
    await lamp.disconnect();
    await lamp.connect();
    expect(lamp.status).toMatchObject({ sessionPresent: true });
    await lamp.disconnect();
    await expect.poll(() => world.broker.log, { timeout: 7_000 }).toContain('Expiring client lamp');
    await lamp.connect();
    expect(lamp.status).toMatchObject({ sessionPresent: false });
  });

  it('does not get a packet that is larger than it takes, and its line stays', async () => {
    const world = await startMosquitto();
    const lamp = await world.client('lamp', { ...version, maximumPacketBytes: 1_024 });
    const button = await world.client('button', version);
    await Promise.all([lamp.connect(), button.connect()]);
    const inbox = new Inbox<Message>();
    await lamp.subscribe('a', { qos: 1 }, inbox.put);
    await lamp.when('live');
    const statuses = new Inbox<string>();
    lamp.on('status', ({ state }) => statuses.put(state));
    await button.publish('a', 'x'.repeat(1_024), { qos: 1 });
    await button.publish('a', 'small', { qos: 1 });
    await inbox.count(1);
    expect(inbox.all.map((message) => message.text())).toEqual(['small']);
    expect(statuses.all.filter((state) => state !== 'live')).toEqual([]);
  });

  it('publishes a will with its properties', async () => {
    const world = await startMosquitto();
    const proxy = await world.proxy();
    const watcher = await world.client('watcher', version);
    await watcher.connect();
    const inbox = new Inbox<Message>();
    await watcher.subscribe('gone', { qos: 1, retainAsPublished: true }, inbox.put);
    const lamp = await world.client('lamp', {
      ...version,
      port: proxy.port,
      // A will waits for its delay, or for the end of the session if that comes first.
      session: { expirySeconds: 300 },
      will: {
        ...{ topic: 'gone', payload: 'lamp', qos: 1, retain: true, delaySeconds: 1 },
        properties: { userProperties: { why: 'power' } },
      },
    });
    await lamp.connect();
    proxy.refuse();
    const cutAt = performance.now();
    proxy.cut();
    const [message] = await inbox.count(1);
    // The broker counts whole seconds.
    expect(performance.now() - cutAt).toBeGreaterThan(900);
    expect(message).toMatchObject({ qos: 1, retain: true, properties: { userProperties: { why: 'power' } } });
  });

  it('fault:B-18 has no more in flight than the receive maximum of the broker', async () => {
    const world = await startMosquitto({ settings: ['max_inflight_messages 5'] });
    const proxy = await world.proxy();
    const lamp = await world.client('lamp', { ...version, port: proxy.port, operationTimeoutMs: 60_000 });
    await lamp.connect();
    proxy.freeze('toClient');
    const all = Array.from({ length: 20 }, (_, index) => lamp.publish('numbers', index, { qos: 1 }));
    const took = (clientId: string) => world.broker.log.split(`Received PUBLISH from ${clientId}`).length - 1;
    await expect.poll(() => took('lamp')).toBeGreaterThanOrEqual(5);
    // By then a line that is not frozen would have brought its acknowledgements, and the next publishes.
    const button = await world.client('button', version);
    await button.connect();
    for (let trip = 1; trip <= 20; trip++) await button.publish('a', 'b', { qos: 1 });
    await expect.poll(() => took('button')).toBe(20);
    expect(took('lamp')).toBe(5);
    proxy.thaw();
    const receipts = await Promise.all(all);
    expect(receipts.every(({ state }) => state === 'delivered')).toBe(true);
  });

  it('fault:B-18 pings as often as the broker wants', async () => {
    const world = await startMosquitto({ settings: ['max_keepalive 20'] });
    const clock = new SimulatedClock();
    const lamp = await world.client('lamp', { ...version, keepAliveSeconds: 600, clock });
    await lamp.connect();
    const pings = () => world.broker.log.split('Received PINGREQ from lamp').length - 1;
    clock.advance(19_000);
    // The broker has read what came before this.
    await lamp.publish('a', 'b', { qos: 1 });
    expect(pings()).toBe(0);
    clock.advance(20_000);
    await lamp.publish('a', 'b', { qos: 1 });
    expect(pings()).toBe(1);
  });

  it('refuses a packet that is too large for the broker, and the line stays', async () => {
    const world = await startMosquitto({ settings: ['max_packet_size 1000'] });
    const lamp = await world.client('lamp', version);
    await lamp.connect();
    await expect(lamp.publish('a', 'x'.repeat(1_000), { qos: 1 })).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      message: expect.stringContaining('1000'),
    });
    expect((await lamp.publish('a', 'x'.repeat(900), { qos: 1 })).state).toBe('delivered');
    expect(lamp.status.state).toBe('live');
  });

  it('takes the client id that the broker assigns, and keeps it', async () => {
    const world = await startMosquitto();
    const proxy = await world.proxy();
    const lamp = await world.client('', { ...version, port: proxy.port });
    expect(lamp.clientId).toBe('');
    await lamp.connect();
    const assigned = lamp.clientId;
    expect(assigned).toMatch(/^auto-/);
    const isLost = nextReason(lamp);
    proxy.cut();
    await isLost;
    await lamp.when('live');
    expect(lamp.clientId).toBe(assigned);
    expect(world.broker.log.split(`as ${assigned} (p5`).length - 1).toBe(2);
  });

  it('does not get its own messages when it asks not to', async () => {
    const world = await startMosquitto();
    const lamp = await world.client('lamp', version);
    const button = await world.client('button', version);
    await Promise.all([lamp.connect(), button.connect()]);
    const inbox = new Inbox<Message>();
    await lamp.subscribe('a', { qos: 1, noLocal: true }, inbox.put);
    await lamp.publish('a', 'own', { qos: 1 });
    await button.publish('a', 'foreign', { qos: 1 });
    await inbox.count(1);
    expect(inbox.all.map((message) => message.text())).toEqual(['foreign']);
  });

  it('keeps the retain flag when it asks for it, and gets retained messages only when it wants them', async () => {
    const world = await startMosquitto();
    const lamp = await world.client('lamp', version);
    await lamp.connect();
    await lamp.publish('state', 'old', { qos: 1, retain: true });
    const asPublished = new Inbox<Message>();
    const plain = new Inbox<Message>();
    await lamp.subscribe('state', { qos: 1, retainAsPublished: true, retainHandling: 2 }, asPublished.put);
    await lamp.subscribe('+', { qos: 1, retainHandling: 2 }, plain.put);
    await lamp.publish('state', 'new', { qos: 1, retain: true });
    const [message] = await asPublished.count(1);
    expect([message?.text(), message?.retain]).toEqual(['new', true]);
    await plain.count(1);
    expect(plain.all.map((each) => each.text())).toEqual(expect.arrayContaining(['new']));
    expect([...asPublished.all, ...plain.all].map((each) => each.text())).not.toContain('old');
  });
});
