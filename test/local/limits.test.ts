import type { IClientOptions, MqttClient } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';

import { createIotClient } from '../../src/index.ts';
import { type LocalIotCore, type LocalIotCoreLimits, startLocalIotCore } from '../../src/local/index.ts';
import { SimulatedClock } from '../../src/testing/index.ts';
import { settled } from '../client/support.ts';
import { closed, connected, connectPlain, connectWebSocket, dial, messages, startCore } from './support.ts';

type Core = Awaited<ReturnType<typeof startCore>>;

const OFF = { publishesPerSecond: Infinity, bytesPerSecond: Infinity } as const;

interface Limited {
  readonly core: Core;
  readonly clock: SimulatedClock;
}

/** A core with these limits by the second and no other, whose time stands still. */
async function limited(limits: Partial<LocalIotCoreLimits>): Promise<Limited> {
  const clock = new SimulatedClock();
  const core = await startCore({ clock, limits });
  // After the core's own end.
  onTestFinished(() => expect(clock.pending).toBe(0));
  return { core, clock };
}

/** What the client has been answered once everything that it sent is handled, in its order. */
async function afterAllThatWasSent(client: MqttClient): Promise<void> {
  await client.subscribeAsync('a/barrier');
}

const named = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index}`);

function publishAll(client: MqttClient, topic: string, payloads: readonly string[], qos: 0 | 1 = 1): void {
  // What is discarded is never answered.
  for (const payload of payloads) client.publish(topic, payload, { qos }, () => {});
}

async function publishFromCloud(
  core: LocalIotCore,
  payloads: readonly string[],
  qos: 0 | 1 = 1,
): Promise<void> {
  for (const payload of payloads) await core.publish('news', payload, { qos });
}

const payloadsReceived = (core: LocalIotCore): string[] =>
  core.received.map(({ payload }) => payload.toString());
const toLamp = (core: LocalIotCore): number =>
  core.tap.packets({ direction: 'toClient', packet: 'publish', clientId: 'lamp' }).length;
const pubacks = (core: LocalIotCore): number =>
  core.tap.packets({ direction: 'toClient', packet: 'puback', clientId: 'lamp' }).length;

/** The core tells of its warnings by calling, and of nothing else that they change. */
async function warned(core: Core): Promise<void> {
  while (core.warnings.length === 0) await settled(1);
}

async function subscriber(core: LocalIotCore, options: IClientOptions = {}): Promise<MqttClient> {
  const lamp = await connectPlain(core, 'lamp', options);
  await lamp.subscribeAsync('news', { qos: 1 });
  return lamp;
}

describe('100 publishes a second', () => {
  it('takes 100 at once, without a warning', async () => {
    const { core } = await limited({ publishesPerSecond: 100 });
    const lamp = await connectPlain(core, 'lamp');
    await Promise.all(named(100).map((payload) => lamp.publishAsync('a', payload, { qos: 1 })));
    expect(core.warnings).toEqual([]);
  });

  it('discards what is more, without a PUBACK, says so once a second, and takes more a tenth of a second later', async () => {
    const { core, clock } = await limited({ publishesPerSecond: 100 });
    const lamp = await connectPlain(core, 'lamp');
    publishAll(lamp, 'a', named(130));
    await afterAllThatWasSent(lamp);
    expect(payloadsReceived(core)).toEqual(named(100));
    expect(pubacks(core)).toBe(100);
    expect(core.warnings).toMatchObject([{ code: 'LIMITED', clientId: 'lamp' }]);
    expect(core.warnings[0]?.message).toMatch(/more than 100 messages a second.*discarded.*no PUBACK/);
    expect(core.tap.packets({ packet: 'publish' }).filter(({ fate }) => fate === 'dropped')).toHaveLength(30);

    clock.advance(100);
    publishAll(lamp, 'b', named(12));
    await afterAllThatWasSent(lamp);
    expect(core.received.filter(({ topic }) => topic === 'b')).toHaveLength(10);
    expect(core.warnings).toHaveLength(1);
    clock.advance(1_000);
    publishAll(lamp, 'c', named(101));
    await afterAllThatWasSent(lamp);
    expect(core.received.filter(({ topic }) => topic === 'c')).toHaveLength(100);
    expect(core.warnings).toHaveLength(2);
  });

  it('counts what a client is sent too', async () => {
    const { core } = await limited({ publishesPerSecond: 10 });
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync('own');
    const echoes = messages(lamp, 5);
    for (const payload of named(5)) await lamp.publishAsync('own', payload, { qos: 1 });
    expect(await echoes).toHaveLength(5);
    publishAll(lamp, 'own', ['6']);
    await afterAllThatWasSent(lamp);
    expect(payloadsReceived(core)).toEqual(named(5));
  });

  it('counts each connection by itself', async () => {
    const { core } = await limited({ publishesPerSecond: 2 });
    for (const id of ['lamp', 'button']) {
      const client = await connectPlain(core, id);
      await client.publishAsync('a', 'x', { qos: 1 });
      await client.publishAsync('a', 'y', { qos: 1 });
    }
    expect(core.warnings).toEqual([]);
  });

  it('discards what a client would be sent beyond with QoS 0', async () => {
    const { core, clock } = await limited({ publishesPerSecond: 10 });
    const lamp = await subscriber(core);
    await publishFromCloud(core, named(12), 0);
    expect(toLamp(core)).toBe(10);
    expect(core.warnings).toMatchObject([{ code: 'LIMITED', clientId: 'lamp' }]);
    expect(core.warnings[0]?.message).toMatch(/was sent more than 10 messages.*discarded/);
    clock.advance(1_000);
    const arrived = messages(lamp, 1);
    await publishFromCloud(core, ['later'], 0);
    expect(await arrived).toEqual(['news=later']);
  });

  it('sends what is beyond with QoS 1 later, in order, and lets answers pass it by', async () => {
    const { core, clock } = await limited({ publishesPerSecond: 10 });
    const lamp = await subscriber(core);
    const arrived = messages(lamp, 25);
    await publishFromCloud(core, named(25));
    expect(toLamp(core)).toBe(10);
    expect(core.warnings[0]?.message).toMatch(/was sent more than 10 messages.*comes later/);
    await afterAllThatWasSent(lamp);
    expect(toLamp(core)).toBe(10);
    clock.advance(1_000);
    expect(toLamp(core)).toBe(20);
    clock.advance(1_000);
    expect(await arrived).toEqual(named(25).map((payload) => `news=${payload}`));
  });

  it('throws away with the line what waits for it', async () => {
    const { core, clock } = await limited({ publishesPerSecond: 1 });
    await subscriber(core);
    await publishFromCloud(core, named(3));
    await core.faults.dropConnections();
    clock.advance(5_000);
    expect(toLamp(core)).toBe(1);
  });

  it('is switched off by Infinity', async () => {
    const { core } = await limited({ publishesPerSecond: Infinity });
    const lamp = await connectPlain(core, 'lamp');
    await Promise.all(named(500).map((payload) => lamp.publishAsync('a', payload, { qos: 1 })));
    expect(core.warnings).toEqual([]);
  });
});

describe('512 KiB a second', () => {
  const KIB = 1_024;
  const big = (name: string): string => name.padEnd(100 * KIB, '.');

  it('holds up what a client sends beyond, and says so', async () => {
    const { core, clock } = await limited({ bytesPerSecond: 512 * KIB });
    const lamp = await connectPlain(core, 'lamp');
    const last = Promise.all(
      ['1', '2', '3', '4', '5'].map((name) => lamp.publishAsync('a', big(name), { qos: 1 })),
    );
    await last;
    expect(core.warnings).toEqual([]);
    const sixth = lamp.publishAsync('a', big('6'), { qos: 1 });
    await warned(core);
    expect(core.warnings[0]?.message).toMatch(/more than 524288 bytes a second.*later/);
    clock.advance(100);
    await settled();
    expect(core.received).toHaveLength(5);
    clock.advance(100);
    await sixth;
    expect(core.received).toHaveLength(6);
  });

  it('holds up what a client is sent beyond, but no answers', async () => {
    const { core, clock } = await limited({ bytesPerSecond: 512 * KIB });
    const lamp = await subscriber(core);
    const arrived = messages(lamp, 7);
    await publishFromCloud(core, ['1', '2', '3', '4'].map(big), 0);
    await publishFromCloud(core, ['5', '6', '7'].map(big));
    expect(toLamp(core)).toBe(5);
    await afterAllThatWasSent(lamp);
    expect(toLamp(core)).toBe(5);
    clock.advance(1_000);
    expect(await arrived).toHaveLength(7);
    expect(core.warnings).toMatchObject([{ code: 'LIMITED', clientId: 'lamp' }]);
  });

  it('lets a packet through that is larger than all of it', async () => {
    const { core, clock } = await limited({ bytesPerSecond: 200 });
    const lamp = await connectPlain(core, 'lamp');
    const published = lamp.publishAsync('a', big('1'), { qos: 1 });
    await warned(core);
    clock.advance(1_000);
    await published;
  });

  it('is switched off by Infinity', async () => {
    const { core } = await limited({ bytesPerSecond: Infinity });
    const lamp = await connectPlain(core, 'lamp');
    await Promise.all(named(20).map((name) => lamp.publishAsync('a', big(name), { qos: 1 })));
    expect(core.warnings).toEqual([]);
  });
});

describe('one CONNECT a second of a client id', () => {
  it('lets the next one wait, and says so; another client comes in at once', async () => {
    const { core, clock } = await limited({ connectsPerSecondPerClientId: 1 });
    const first = await connectPlain(core, 'lamp');
    await first.endAsync();
    clock.advance(400);
    const second = dial(core, 'lamp');
    await warned(core);
    expect(core.warnings).toMatchObject([{ code: 'LIMITED', clientId: 'lamp' }]);
    expect(core.warnings[0]?.message).toMatch(/more often than 1 a second: AWS throttles it/);
    await connectPlain(core, 'button');
    clock.advance(599);
    await settled();
    expect(core.clients.map(({ clientId }) => clientId)).toEqual(['button']);
    clock.advance(1);
    await connected(second);
    expect(core.warnings).toHaveLength(1);
  });

  it('lets wait without a word who comes a little early, as by a shorter way in', async () => {
    const { core, clock } = await limited({ connectsPerSecondPerClientId: 1 });
    await (await connectPlain(core, 'lamp')).endAsync();
    clock.advance(750);
    const second = dial(core, 'lamp');
    await core.when(() => core.connections.some(({ clientId }) => clientId === 'lamp'));
    await settled();
    expect(core.clients).toEqual([]);
    clock.advance(250);
    await connected(second);
    expect(core.warnings).toEqual([]);
  });

  it('is what a client of ours keeps to', async () => {
    const { core, clock } = await limited({ connectsPerSecondPerClientId: 1 });
    const reconnect = { baseMs: 1, maxMs: 1, stableMs: 20_000, jitter: 'none' } as const;
    const client = createIotClient({ ...core.plainOptions('lamp'), clock, reconnect });
    await client.connect();
    await core.faults.dropConnections();
    await client.when('backingOff');
    for (let ms = 0; ms < 999; ms += 3) {
      clock.advance(3);
      await settled(1);
    }
    expect(core.connections).toEqual([]);
    const back = client.when('live');
    clock.advance(10);
    await back;
    expect(core.warnings).toEqual([]);
    const closing = client.close({ flushTimeoutMs: 0 });
    clock.advance(60_000);
    await closing;
  });

  it('is no warning after a second', async () => {
    const { core, clock } = await limited({ connectsPerSecondPerClientId: 1 });
    for (const _ of named(3)) {
      await (await connectPlain(core, 'lamp')).endAsync();
      clock.advance(1_000);
    }
    expect(core.warnings).toEqual([]);
  });

  it('lets nobody in who has left while waiting: neither the place nor the turn is taken', async () => {
    const { core, clock } = await limited({ connectsPerSecondPerClientId: 1 });
    const first = await connectPlain(core, 'lamp');
    const impatient = dial(core, 'lamp');
    await warned(core);
    impatient.stream.destroy();
    await core.when(() => core.connections.length === 1);
    clock.advance(1_000);
    await settled();
    expect(first.connected).toBe(true);
    expect(core.clients).toMatchObject([{ connection: 1 }]);
    await connectPlain(core, 'lamp');
    expect(core.warnings).toHaveLength(1);
  });

  it('is switched off by Infinity', async () => {
    const { core } = await limited({ connectsPerSecondPerClientId: Infinity });
    for (const _ of named(5)) await (await connectPlain(core, 'lamp')).endAsync();
    expect(core.warnings).toEqual([]);
  });
});

describe('100 messages without an acknowledgement', () => {
  it('sends the next one after a PUBACK; QoS 0 and answers pass by', async () => {
    const { core } = await limited({ unacknowledgedPublishes: 3 });
    const lamp = await subscriber(core);
    const held = core.tap.hold({ packet: 'puback', clientId: 'lamp' });
    const arrived = messages(lamp, 6);
    await publishFromCloud(core, named(5));
    await publishFromCloud(core, ['passes'], 0);
    await held.caught(3);
    expect(toLamp(core)).toBe(4);
    expect(core.warnings).toMatchObject([{ code: 'LIMITED', clientId: 'lamp' }]);
    expect(core.warnings[0]?.message).toMatch(/has not acknowledged 3 messages/);
    held.releaseOne();
    await held.caught(3);
    expect(toLamp(core)).toBe(5);
    held.release();
    expect(await arrived).toEqual(['0', '1', '2', 'passes', '3', '4'].map((payload) => `news=${payload}`));
  });

  it('is switched off by Infinity', async () => {
    const { core } = await limited({ unacknowledgedPublishes: Infinity });
    await subscriber(core);
    const held = core.tap.hold({ packet: 'puback', clientId: 'lamp' });
    await publishFromCloud(core, named(150));
    await held.caught(150);
    expect(core.warnings).toEqual([]);
    held.release();
  });
});

describe('a session without its client', () => {
  /** Whether the session was still there; then it is left again. */
  async function comeBack(core: LocalIotCore): Promise<boolean> {
    const lamp = dial(core, 'lamp', { clean: false, resubscribe: false });
    const { sessionPresent } = await new Promise<{ sessionPresent: boolean }>((resolve) =>
      lamp.once('connect', resolve),
    );
    await leave(core, lamp);
    return sessionPresent;
  }

  async function leave(core: LocalIotCore, lamp: MqttClient): Promise<void> {
    await lamp.endAsync();
    await core.when(() => core.clients.length === 0);
  }

  it('is kept for an hour, and then forgotten with all that waited for it', async () => {
    const { core, clock } = await limited({ sessionExpirySeconds: 3_600 });
    await leave(core, await subscriber(core, { clean: false }));
    await publishFromCloud(core, ['one']);
    clock.advance(3_599_999);
    const held = core.tap.hold({ packet: 'publish', direction: 'toClient' });
    expect(await comeBack(core)).toBe(true);
    held.drop();
    expect(core.warnings).toEqual([]);

    clock.advance(3_600_000);
    const before = toLamp(core);
    expect(await comeBack(core)).toBe(false);
    expect(core.warnings).toMatchObject([{ code: 'LIMITED', clientId: 'lamp' }]);
    expect(core.warnings[0]?.message).toMatch(/stayed away for 3600 s: its session has expired/);
    const lamp = await subscriber(core, { clean: false });
    const arrived = messages(lamp, 1);
    await publishFromCloud(core, ['two']);
    expect(await arrived).toEqual(['news=two']);
    expect(toLamp(core)).toBe(before + 1);
    await leave(core, lamp);
  });

  it('is kept for ever with Infinity', async () => {
    const { core, clock } = await limited({ sessionExpirySeconds: Infinity });
    await leave(core, await subscriber(core, { clean: false }));
    clock.advance(365 * 24 * 3_600_000);
    expect(await comeBack(core)).toBe(true);
  });

  it('is no session when it was a clean one', async () => {
    const { core, clock } = await limited({ sessionExpirySeconds: 1 });
    await leave(core, await subscriber(core));
    clock.advance(5_000);
    await connectPlain(core, 'button');
    expect(core.warnings).toEqual([]);
  });
});

describe('10 messages a second of what a session kept', () => {
  async function keep(core: LocalIotCore, payloads: readonly string[]): Promise<void> {
    const lamp = await subscriber(core, { clean: false });
    await lamp.endAsync();
    await core.when(() => core.clients.length === 0);
    await publishFromCloud(core, payloads);
  }

  it('come one each tenth of a second; new ones do not wait for them', async () => {
    const { core, clock } = await limited({ queuedPublishesPerSecond: 10 });
    await keep(core, named(4));
    const lamp = dial(core, 'lamp', { clean: false, resubscribe: false });
    const arrived = messages(lamp, 5);
    await core.tap.waitFor({ direction: 'toClient', packet: 'publish' }, 1);
    clock.advance(99);
    await settled();
    expect(toLamp(core)).toBe(1);
    await publishFromCloud(core, ['new']);
    for (const count of [3, 4, 5]) {
      clock.advance(100);
      await core.tap.waitFor({ direction: 'toClient', packet: 'publish' }, count);
    }
    expect(await arrived).toEqual(['0', 'new', '1', '2', '3'].map((payload) => `news=${payload}`));
  });

  it('wait for the client when it leaves meanwhile', async () => {
    const { core, clock } = await limited({ queuedPublishesPerSecond: 10 });
    await keep(core, named(3));
    const lamp = dial(core, 'lamp', { clean: false, resubscribe: false });
    await messages(lamp, 1);
    await core.tap.waitFor({ direction: 'toBroker', packet: 'puback' });
    expect(clock.pending).toBe(1);
    await lamp.endAsync();
    await core.when(() => core.clients.length === 0);
    expect(clock.pending).toBe(0);
    clock.advance(1_000);
    const again = messages(dial(core, 'lamp', { clean: false, resubscribe: false }), 2);
    await core.tap.waitFor({ direction: 'toClient', packet: 'publish' }, 2);
    await settled();
    clock.advance(100);
    expect(await again).toEqual(['news=1', 'news=2']);
  });

  it('come at once with Infinity', async () => {
    const { core } = await limited({ queuedPublishesPerSecond: Infinity });
    await keep(core, named(50));
    const lamp = dial(core, 'lamp', { clean: false, resubscribe: false });
    expect(await messages(lamp, 50)).toHaveLength(50);
  });
});

describe('a WebSocket of 24 hours', () => {
  const DAY_MS = 24 * 3_600_000;

  it('is closed at the next packet of its client, and the lifecycle event says why', async () => {
    const { core, clock } = await limited({ webSocketLifetimeSeconds: 86_400 });
    const watcher = await connectPlain(core, 'watcher');
    await watcher.subscribeAsync('$aws/events/presence/disconnected/page', { qos: 1 });
    const event = messages(watcher, 1);
    const page = await connectWebSocket(core, 'page');
    clock.advance(DAY_MS - 1);
    await page.publishAsync('a', 'in time', { qos: 1 });
    clock.advance(1);
    await publishFromCloud(core, ['it is still there']);
    expect(page.connected).toBe(true);
    const over = closed(page);
    page.publish('a', 'too late', { qos: 1 });
    await over;
    expect((await event)[0]).toMatch('"disconnectReason":"WEBSOCKET_TTL_EXPIRATION"');
    expect(payloadsReceived(core)).toEqual(['in time']);
    expect(core.warnings).toMatchObject([{ code: 'REFUSED', clientId: 'page' }]);
    expect(core.warnings[0]?.message).toMatch(/WebSocket that is older than 86400 s/);
    await watcher.publishAsync('a', 'this is none', { qos: 1 });
  });

  it('is as old as it gets with Infinity', async () => {
    const { core, clock } = await limited({ webSocketLifetimeSeconds: Infinity });
    const page = await connectWebSocket(core, 'page');
    clock.advance(30 * DAY_MS);
    await page.publishAsync('a', 'x', { qos: 1 });
  });
});

describe('the limits', () => {
  it('are on by default', async () => {
    const clock = new SimulatedClock();
    const warnings: string[] = [];
    await using core = await startLocalIotCore({
      plainPort: 0,
      clock,
      onWarning: ({ message }) => warnings.push(message),
    });
    const lamp = await connectPlain(core, 'lamp');
    publishAll(lamp, 'a', named(101));
    await afterAllThatWasSent(lamp);
    expect(core.received).toHaveLength(100);
    expect(warnings).toHaveLength(1);
    dial(core, 'lamp');
    await core.when(() => warnings.length === 2);
    await lamp.endAsync(true);
  });

  it('are told to the clients of this core, so that they publish as fast as AWS lets them', async () => {
    await using aws = await startLocalIotCore({ plainPort: 0, onWarning: () => {} });
    const credentials = { name: 'Mine', token: 'x', tokenKeyName: 'key', signature: 'c2lnbmF0dXJl' };
    for (const options of [
      aws.deviceOptions('lamp'),
      aws.plainOptions('lamp'),
      aws.webSocketOptions('lamp'),
      aws.authorizerOptions('lamp', credentials),
    ]) {
      expect(options).toMatchObject({
        rateLimit: { publishesPerSecond: 100, bytesPerSecond: 524_288 },
        maxSubscriptions: 50,
        connectIntervalMs: 1_000,
      });
    }
    const { core } = await limited(OFF);
    expect(core.deviceOptions('lamp')).toMatchObject({ rateLimit: false, connectIntervalMs: 0 });
    const { core: half } = await limited({ ...OFF, bytesPerSecond: 0.5 });
    expect(half.plainOptions('lamp').rateLimit).toEqual({ publishesPerSecond: Infinity, bytesPerSecond: 1 });
  });

  it('discard nothing of a client of ours', async () => {
    const { core, clock } = await limited({ publishesPerSecond: 100 });
    const client = createIotClient({ ...core.plainOptions('lamp'), clock });
    await client.connect();
    await client.when('live');
    const began = clock.now();
    const all = Promise.all(named(250).map((payload) => client.publish('a', payload, { qos: 1 })));
    while (core.received.length < 250) {
      clock.advance(20);
      await settled(2);
    }
    await all;
    expect(payloadsReceived(core)).toEqual(named(250));
    expect(core.warnings).toEqual([]);
    expect(clock.now() - began).toBeGreaterThan(2_000);
    const closing = client.close({ flushTimeoutMs: 0 });
    clock.advance(60_000);
    await closing;
  });

  it.each([
    [{ limits: { publishesPerSecond: -1 } }, /limits\.publishesPerSecond/],
    [{ limits: { nothing: 1 } }, /limits/],
    [{ limits: { toString: 1 } }, /limits/],
    [{ deviations: { ignoresQos2: 'no' } }, /deviations\.ignoresQos2/],
    [{ deviations: { nothing: true } }, /deviations/],
    [{ clock: {} }, /clock/],
    [{ clock: null }, /clock/],
  ])('are refused when they are none: %o', async (options, message) => {
    await expect(startLocalIotCore(options as object)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });
});
