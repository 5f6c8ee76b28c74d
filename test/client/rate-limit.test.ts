import { afterEach, describe, expect, it } from 'vitest';
import {
  createIotClient,
  type IotClient,
  type IotClientOptions,
  mutualTls,
  plainTcp,
  type RateLimit,
} from '../../src/index.ts';
import { answer, ScriptedBroker, SimulatedClock } from '../../src/testing/index.ts';
import { resolver } from '../faults/support/resolver.ts';
import { inWorld } from '../faults/support/world.ts';
import { makeAuthority, makeLeaf } from '../support/certificates.ts';
import { thrownBy } from './support.ts';

const UNPACED = { perSecond: Number.POSITIVE_INFINITY } as const;
const QUICK = { jitter: 'none' } as const;
const SECOND_MS = 1_000;

/** When what came to the broker, by the client's clock, from now on. */
function arrivals(world: { readonly clock: SimulatedClock }, broker: ScriptedBroker) {
  const seen: { readonly topic: string; readonly at: number }[] = [];
  const began = world.clock.now();
  broker.onRecord(({ packet, direction, topic = '' }) => {
    if (packet === 'publish' && direction === 'toBroker') seen.push({ topic, at: world.clock.now() - began });
  });
  return seen;
}

/** The most that came in any time of this length, wherever it began. */
function mostIn(durationMs: number, seen: readonly { readonly at: number }[]): number {
  return Math.max(
    ...seen.map(({ at }) => seen.filter((other) => other.at >= at && other.at < at + durationMs).length),
  );
}

const named = (count: number, prefix = 't'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe('fault:C-6 a rate of 100 a second', () => {
  const rateLimit: Partial<RateLimit> = { publishesPerSecond: 100 };

  it.each([0, 1] as const)(
    'lets 250 publishes of QoS %i through in order, at most 100 in any second; each call is open until then',
    (qos) =>
      inWorld(async (world, broker) => {
        const client = await world.liveClient({ rateLimit });
        const seen = arrivals(world, broker);
        const ends: { topic: string; at: number }[] = [];
        const began = world.clock.now();
        for (const topic of named(250)) {
          void client.publish(topic, 'x', { qos }).then(({ state }) => {
            ends.push({ topic, at: world.clock.now() - began });
            expect(state).toBe('delivered');
          });
        }
        await world.pass(999);
        expect([seen.length, ends.length]).toEqual([100, 100]);
        expect(client.status).toMatchObject({ state: 'live', queued: 150, inFlight: 0 });
        await world.pass(2_000);
        expect(seen.map(({ topic }) => topic)).toEqual(named(250));
        expect(ends).toEqual(seen);
        expect([mostIn(SECOND_MS, seen), mostIn(100, seen)]).toEqual([100, 10]);
        // No later than the rate asks for.
        expect(seen.at(-1)?.at).toBe(2_400);
      }),
  );

  it('counts what is sent again', () =>
    inWorld(async (world, broker) => {
      const offlineQueue = { drain: UNPACED, maxMessages: 1_000 };
      const client = await world.liveClient({
        rateLimit,
        offlineQueue,
        reconnect: { ...QUICK, baseMs: 500 },
      });
      const silence = broker.on({ packet: 'publish' }, answer.hang());
      const seen = arrivals(world, broker);
      const calls = named(60).map((topic) => client.publish(topic, 'x', { qos: 1 }));
      await world.pass(600);
      expect(seen).toHaveLength(60);
      silence.remove();
      await broker.dropConnections();
      await client.when('backingOff');
      const later = named(60, 'later').map((topic) => client.publish(topic, 'x', { qos: 1 }));
      await world.pass(5_000);
      expect(seen.map(({ topic }) => topic)).toEqual([...named(60), ...named(60), ...named(60, 'later')]);
      expect(mostIn(SECOND_MS, seen)).toBe(100);
      expect(mostIn(100, seen)).toBe(10);
      for (const call of [...calls, ...later]) await (await call).delivered;
    }));

  it('bounds a drain that has no pace, and what is published during it', () =>
    inWorld(async (world, broker) => {
      const client = world.client({ rateLimit, offlineQueue: { drain: UNPACED, maxMessages: 1_000 } });
      for (const topic of named(150)) await client.publish(topic, 'x', { qos: 1 });
      const seen = arrivals(world, broker);
      await client.connect();
      await world.pass(200);
      void client.publish('new', 'x', { qos: 1 });
      await world.pass(3_000);
      expect(seen.map(({ topic }) => topic)).toEqual([...named(150), 'new']);
      expect(mostIn(SECOND_MS, seen)).toBe(100);
      expect(client.status.state).toBe('live');
    }));

  it('holds back nothing but publishes: a call ends by its own deadline, and is not sent', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ rateLimit: { publishesPerSecond: 1 } });
      const seen = arrivals(world, broker);
      await client.publish('first', 'x');
      const waits = client.publish('waits', 'x', { timeoutMs: 500 });
      const expired = client.publish('expires', 'x', { expiresInMs: 700 });
      const after = client.publish('after', 'x');
      await client.subscribe('filter', () => undefined);
      const ends = Promise.allSettled([waits, expired]);
      await world.pass(2_000);
      expect((await ends).map((end) => end.status === 'rejected' && end.reason.code)).toEqual([
        ...['TIMEOUT', 'MESSAGE_EXPIRED'],
      ]);
      expect(await after).toMatchObject({ state: 'delivered' });
      expect(seen).toEqual([
        { topic: 'first', at: 0 },
        { topic: 'after', at: 1_000 },
      ]);
    }));

  it('is forgotten at the end: what waits is told, and no timer stays', () =>
    inWorld(async (world) => {
      const client = await world.liveClient({ rateLimit: { publishesPerSecond: 1 } });
      const ends = named(3).map(async (topic) => {
        // What cannot go any more counts as queued before it ends.
        const { delivered } = await client.publish(topic, 'x');
        return delivered.then(
          () => 'sent',
          ({ code }: { code: string }) => code,
        );
      });
      await client.close();
      expect(await Promise.all(ends)).toEqual(['sent', 'CLOSED', 'CLOSED']);
      expect(world.clock.pending).toBe(0);
    }));
});

it('fault:C-6 a rate of bytes counts topics, payloads and properties; one that is larger than all goes alone', () =>
  inWorld(async (world, broker) => {
    const client = await world.liveClient({ rateLimit: { bytesPerSecond: 1_000 } });
    const seen = arrivals(world, broker);
    const calls = [400, 400, 200, 5_000, 10].map((bytes, index) =>
      // Each has a topic of two bytes.
      client.publish(`t${index}`, new Uint8Array(bytes - 2), { qos: 1 }),
    );
    await world.pass(10_000);
    await Promise.all(calls);
    expect(seen).toEqual([
      { topic: 't0', at: 0 },
      { topic: 't1', at: 0 },
      { topic: 't2', at: 0 },
      { topic: 't3', at: 1_000 },
      { topic: 't4', at: 2_000 },
    ]);
  }));

it('without a rate, elsewhere than on AWS, all goes at once', () =>
  inWorld(async (world, broker) => {
    for (const rateLimit of [undefined, false] as const) {
      const client = await world.liveClient(rateLimit === undefined ? {} : { rateLimit });
      const seen = arrivals(world, broker);
      const topics = named(150, String(rateLimit));
      await Promise.all(topics.map((topic) => client.publish(topic, new Uint8Array(4_096), { qos: 1 })));
      expect([seen.length, seen.at(-1)?.at]).toEqual([150, 0]);
      await client.close();
    }
  }));

describe('fault:C-6 on an endpoint of AWS', () => {
  const ENDPOINT = 'abc123-ats.iot.eu-west-1.amazonaws.com';
  let broker: ScriptedBroker | undefined;
  let client: IotClient | undefined;

  afterEach(async () => {
    await client?.close({ flushTimeoutMs: 0 });
    await broker?.stop();
  });

  /** A live client of what it takes for AWS: the name leads to the loopback. */
  async function onAws(options: Pick<IotClientOptions, 'rateLimit'>) {
    const authority = await makeAuthority();
    const server = await makeLeaf(authority, { altNames: [{ type: 2, value: ENDPOINT }] });
    const device = await makeLeaf(authority, { name: 'device' });
    broker = await ScriptedBroker.start({ tls: { ...server, ca: authority.cert, requestCert: true } });
    resolver().answer('127.0.0.1');
    const clock = new SimulatedClock();
    const place = { endpoint: ENDPOINT, port: broker.port, ca: authority.cert, auth: mutualTls(device) };
    client = createIotClient({ ...place, clientId: 'lamp', clock, ...options });
    await client.connect();
    await client.when('live');
    const seen = arrivals({ clock }, broker);
    const pass = async (durationMs: number): Promise<void> => {
      for (let leftMs = durationMs; leftMs > 0; leftMs -= 100) {
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
        clock.advance(100);
      }
    };
    return { client, seen, pass };
  }

  it.each<[string, Pick<IotClientOptions, 'rateLimit'>, number, number]>([
    ['100 publishes and 512 KiB a second by default', {}, 100, 3],
    ['as many publishes as it is told, and 512 KiB', { rateLimit: { publishesPerSecond: 50 } }, 50, 3],
    ['as many bytes as it is told, and 100 publishes', { rateLimit: { bytesPerSecond: 300_000 } }, 100, 2],
    ['everything when it is told so', { rateLimit: false }, 120, 6],
  ])('%s go out', async (_what, options, publishes, large) => {
    const made = await onAws(options);
    const calls = named(120).map((topic) => made.client.publish(topic, 'x', { qos: 1 }));
    await made.pass(1_000);
    expect(made.seen.filter(({ at }) => at < SECOND_MS)).toHaveLength(publishes);
    await made.pass(2_000);
    await Promise.all(calls);
    const before = made.seen.length;
    const began = made.seen.at(-1)?.at ?? 0;
    expect(began).toBeLessThan(3_000);
    const second = named(6).map((topic) => made.client.publish(topic, new Uint8Array(131_072), { qos: 1 }));
    await made.pass(900);
    expect(made.seen.length - before).toBe(large);
    await made.pass(3_000);
    await Promise.all(second);
  });
});

const WHOLE = 'must be a whole number from 1, or Infinity; given:';

it.each<[unknown, string]>([
  [true, 'rateLimit must be an object, or false; given: true'],
  [null, 'rateLimit must be an object, or false; given: null'],
  [100, 'rateLimit must be an object, or false; given: 100'],
  [[100], 'rateLimit must be an object; given: an array of 1'],
  [{ publishesPerSecond: 0 }, `rateLimit.publishesPerSecond ${WHOLE} 0`],
  [{ publishesPerSecond: 1.5 }, `rateLimit.publishesPerSecond ${WHOLE} 1.5`],
  [{ publishesPerSecond: '9' }, `rateLimit.publishesPerSecond ${WHOLE} "9"`],
  [{ bytesPerSecond: -1 }, `rateLimit.bytesPerSecond ${WHOLE} -1`],
  [{ bytesPerSecond: Number.NaN }, `rateLimit.bytesPerSecond ${WHOLE} NaN`],
  [{ bytesPerSecond: null }, `rateLimit.bytesPerSecond ${WHOLE} null`],
  [
    { messagesPerSecond: 5 },
    'rateLimit has no field "messagesPerSecond"; it may have publishesPerSecond, bytesPerSecond',
  ],
])('a rate of %j is refused', (rateLimit, message) => {
  const options = { endpoint: '127.0.0.1', clientId: 'lamp', auth: plainTcp() };
  const error = thrownBy(() => createIotClient({ ...options, rateLimit: rateLimit as RateLimit }));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message });
});

it('a rate of Infinity, or of undefined, limits nothing', () =>
  inWorld(async (world, broker) => {
    const rateLimit = { publishesPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: undefined } as never;
    const client = await world.liveClient({ rateLimit });
    const seen = arrivals(world, broker);
    await Promise.all(named(150).map((topic) => client.publish(topic, new Uint8Array(4_096), { qos: 1 })));
    expect(seen).toHaveLength(150);
  }));
