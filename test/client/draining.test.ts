import { describe, expect, it } from 'vitest';
import type { IotClient, PublishReceipt } from '../../src/index.ts';
import { answer, type BrokerRecord, type ScriptedBroker } from '../../src/testing/index.ts';
import { inWorld, type World } from '../faults/support/world.ts';

const QUICK = { jitter: 'none' } as const;
const ASKING: readonly BrokerRecord['packet'][] = ['connect', 'publish', 'subscribe', 'unsubscribe'];

/** What comes to the broker from now on, each with the time since then by the client's clock. */
function watch(world: World, broker: ScriptedBroker): string[] {
  const seen: string[] = [];
  const began = world.clock.now();
  broker.onRecord(({ packet, direction, topic, filters = [] }) => {
    if (direction !== 'toBroker' || !ASKING.includes(packet)) return;
    const what = [packet, topic ?? filters.join(' ')].join(' ').trim();
    seen.push(`${what} @${world.clock.now() - began}`);
  });
  return seen;
}

/** Publishes to topics of these names, in order. */
async function queue(
  client: IotClient,
  topics: readonly string[],
  qos: 0 | 1 = 1,
): Promise<PublishReceipt[]> {
  const receipts: PublishReceipt[] = [];
  for (const topic of topics) receipts.push(await client.publish(topic, 'x', { qos }));
  return receipts;
}

const topics = (broker: ScriptedBroker): string[] => broker.messages.map(({ topic }) => topic);
const q = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `q${from + index}`);

async function lineLost(broker: ScriptedBroker, client: IotClient): Promise<void> {
  await broker.dropConnections();
  await client.when('backingOff');
}

describe('when the line is back', () => {
  it('py:D1 without subscriptions and without messages it is live at once', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      const seen = watch(world, broker);
      await client.connect();
      await client.when('live');
      expect([world.clock.now(), seen]).toEqual([0, ['connect @0']]);
    }));

  it('py:D2 each of three filters is asked for in the order of the calls, and each call is told', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      const granted: string[] = [];
      for (const [index, filter] of ['t1', 't2', 't3'].entries()) {
        const subscription = await client.subscribe(filter, { qos: index === 1 ? 1 : 0 }, () => undefined);
        void subscription.granted.then(({ qos }) => granted.push(`${filter} ${qos}`));
      }
      const seen = watch(world, broker);
      await client.connect();
      await client.when('live');
      expect(seen).toEqual(['connect @0', 'subscribe t1 t2 t3 @0']);
      expect(granted).toEqual(['t1 0', 't2 1', 't3 0']);
    }));

  it('py:D3 a publish, a subscribe and an unsubscribe made offline are each sent once, within three beats', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ session: 'persistent', reconnect: QUICK });
      await client.subscribe('c', () => undefined);
      await lineLost(broker, client);
      await queue(client, ['a']);
      await client.subscribe('b', () => undefined);
      await client.unsubscribe('c');
      const seen = watch(world, broker);
      await world.pass(1_000 + 1_500);
      expect(client.status.state).toBe('live');
      expect([...seen].sort()).toEqual([
        ...['connect @1000', 'publish a @1000', 'subscribe b @1000', 'unsubscribe c @1000'],
      ]);
    }));

  it('py:D4 py:R8 it asks for what it had and for what is new, four filters, and drains after that', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ reconnect: QUICK });
      for (const filter of ['t1', 't2', 't3', 'c']) await client.subscribe(filter, () => undefined);
      await lineLost(broker, client);
      await queue(client, ['a']);
      await client.subscribe('b', () => undefined);
      // Nothing is there to be unsubscribed: the broker has forgotten the session.
      await client.unsubscribe('c');
      const seen = watch(world, broker);
      await world.pass(1_000 + 1_500);
      expect(client.status.state).toBe('live');
      expect(seen).toEqual(['connect @1000', 'subscribe t1 t2 t3 b @1000', 'publish a @1000']);
    }));

  it('py:R8 py:D6 it drains when the last SUBACK has come: the first at once, then two a second', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ reconnect: QUICK });
      const filters = Array.from({ length: 9 }, (_, index) => `t${index}`);
      for (const filter of filters) await client.subscribe(filter, () => undefined);
      await lineLost(broker, client);
      await queue(client, q(1, 3));
      broker.on({ packet: 'subscribe' }, answer.delay(700, world.clock), answer.serve());
      const seen = watch(world, broker);
      await world.pass(10_000);
      expect(seen).toEqual([
        'connect @1000',
        `subscribe ${filters.slice(0, 8).join(' ')} @1000`,
        'subscribe t8 @1700',
        'publish q1 @2400',
        'publish q2 @2900',
        'publish q3 @3400',
      ]);
    }));

  it('py:D5 ten a second, five: at 0, 100, 200, 300 and 400 ms, and live at 500 ms', () =>
    inWorld(async (world, broker) => {
      const client = world.client({ offlineQueue: { drain: { perSecond: 10 } } });
      await queue(client, q(1, 5));
      const seen = watch(world, broker);
      await client.connect();
      await world.pass(499);
      expect(seen.slice(1)).toEqual(q(1, 5).map((topic, index) => `publish ${topic} @${index * 100}`));
      expect(client.status.state).toBe('draining');
      await world.pass(1);
      expect(client.status.state).toBe('live');
    }));

  it.each([
    [1, [0, 1_000, 2_000]],
    [2.5, [0, 400, 800]],
    [8, [0, 125, 250]],
    [0.1, [0, 10_000, 20_000]],
    [Number.POSITIVE_INFINITY, [0, 0, 0]],
  ])('py:D19 %d a second: one each 1/f of a second, at %j ms', (perSecond, at) =>
    inWorld(async (world, broker) => {
      const client = world.client({ offlineQueue: { drain: { perSecond } } });
      await queue(client, q(1, 3));
      const seen = watch(world, broker);
      await client.connect();
      await world.pass(40_000);
      expect(seen.slice(1, 4)).toEqual(at.map((ms, index) => `publish q${index + 1} @${ms}`));
    }),
  );

  it('py:D16 what was in flight goes first, then the filters, then what waited', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ reconnect: QUICK });
      await client.subscribe('t', () => undefined);
      broker.on({ packet: 'publish', topic: 'open', times: 1 }, answer.hang());
      const open = client.publish('open', 'x', { qos: 1 });
      await broker.when(() => broker.connections[0]?.count('publish') === 1);
      await lineLost(broker, client);
      await queue(client, ['waited']);
      const seen = watch(world, broker);
      await world.pass(3_000);
      expect(seen).toEqual([
        'connect @1000',
        'publish open @1000',
        'subscribe t @1000',
        'publish waited @1000',
      ]);
      // The design stands over the row: DUP is not set, AWS ignores it.
      expect(broker.messages.map(({ topic, duplicate }) => [topic, duplicate])).toEqual([
        ['open', false],
        ['waited', false],
      ]);
      await (await open).delivered;
    }));

  it('py:D20 what is published right after connect() goes at once, when nothing had waited', () =>
    inWorld(async (world, broker) => {
      const client = world.client({ offlineQueue: { drain: { perSecond: 4 } } });
      const seen = watch(world, broker);
      await client.connect();
      const receipts = await Promise.all(q(1, 6).map((topic) => client.publish(topic, 'x', { qos: 1 })));
      await Promise.all(receipts.map(({ delivered }) => delivered));
      expect(seen.slice(1)).toEqual(q(1, 6).map((topic) => `publish ${topic} @0`));
    }));

  it('py:R10 py:D9 what is published meanwhile joins the tail, in its order', () =>
    inWorld(async (world, broker) => {
      const client = world.client({ offlineQueue: { drain: { adaptive: false } } });
      await queue(client, q(1, 3));
      const seen = watch(world, broker);
      await client.connect();
      await world.pass(600);
      expect((await queue(client, ['new 1', 'new 2'])).map(({ state }) => state)).toEqual([
        'queued',
        'queued',
      ]);
      await world.pass(5_000);
      expect(seen.slice(1)).toEqual([
        ...['publish q1 @0', 'publish q2 @500', 'publish q3 @1000'],
        ...['publish new 1 @1500', 'publish new 2 @2000'],
      ]);
      expect(client.status.state).toBe('live');
    }));

  it.each([
    ['adaptive: it ends all the same', true],
    ['not adaptive: it does not end, and that is told', false],
  ])('py:R10 py:D10 more is published than the pace lets go, %s', (_what, adaptive) =>
    inWorld(async (world) => {
      const offlineQueue = { maxMessages: Number.POSITIVE_INFINITY, drain: { adaptive } };
      const client = world.client({ offlineQueue });
      let endless = 0;
      client.on('endlessDrain', () => {
        endless += 1;
      });
      await queue(client, q(1, 5));
      await client.connect();
      for (let second = 0; second < 10; second++) {
        for (const part of ['a', 'b', 'c', 'd']) {
          await client.publish(`${second}${part}`, 'x', { qos: 1 });
          await world.pass(250);
        }
      }
      expect([client.status.state, endless]).toEqual(adaptive ? ['live', 0] : ['draining', 1]);
    }),
  );
});

describe('a drain that is cut', () => {
  it.each([0, 1] as const)(
    'py:D13 goes back to backing off, and the next line has everything: filters, and QoS %i in order',
    (qos) =>
      inWorld(async (world, broker) => {
        const client = world.client({ reconnect: QUICK });
        const told: string[] = [];
        client.on('status', ({ state }) => told.at(-1) !== state && told.push(state));
        await client.subscribe('t', () => undefined);
        await queue(client, q(1, 5), qos);
        await client.connect();
        await world.pass(750);
        expect(client.status.state).toBe('draining');
        await lineLost(broker, client);
        expect(client.status).toMatchObject({ queued: 3, inFlight: 0 });
        const seen = watch(world, broker);
        await world.pass(5_000);
        expect(seen).toEqual([
          ...['connect @1000', 'subscribe t @1000'],
          ...['publish q3 @1000', 'publish q4 @1500', 'publish q5 @2000'],
        ]);
        expect(topics(broker)).toEqual(q(1, 5));
        expect(told).toEqual([
          ...['connecting', 'resubscribing', 'draining', 'backingOff'],
          ...['connecting', 'resubscribing', 'draining', 'live'],
        ]);
      }),
  );

  it('py:D11 py:D12 after the first of five, QoS 0: no beat takes one without a line, exactly the other four go', () =>
    inWorld(async (world, broker) => {
      const client = world.client({ reconnect: { ...QUICK, baseMs: 10_000 } });
      broker.on({ packet: 'publish', times: 1 }, answer.serve(), answer.reset());
      const receipts = await queue(client, q(1, 5), 0);
      const undelivered: string[] = [];
      client.on('undelivered', ({ topic }) => undelivered.push(topic));
      await client.connect();
      await client.when('backingOff');
      await world.pass(9_000);
      expect(client.status).toMatchObject({ state: 'backingOff', queued: 4 });
      await world.pass(5_000);
      expect(client.status.state).toBe('live');
      await Promise.all(receipts.map(({ delivered }) => delivered));
      expect(topics(broker)).toEqual(q(1, 5));
      expect(undelivered).toEqual([]);
    }));

  it('py:D14 is not a second drain on the next line: one beat, one message', () =>
    inWorld(async (world, broker) => {
      const reconnect = { ...QUICK, baseMs: 100 };
      const client = world.client({ reconnect, offlineQueue: { drain: { perSecond: 1 } } });
      await queue(client, q(1, 5));
      const seen = watch(world, broker);
      await client.connect();
      await world.pass(1_300);
      await lineLost(broker, client);
      // The next beat of the first drain would have been at 2,000.
      await world.pass(10_000);
      expect(seen.filter((line) => line.startsWith('publish'))).toEqual([
        ...['publish q1 @0', 'publish q2 @1000', 'publish q3 @1400', 'publish q4 @2400', 'publish q5 @3400'],
      ]);
    }));

  it.each([
    ['MQTT 3.1.1: FIN', 4],
    ['MQTT 5: DISCONNECT 139', 5],
  ] as const)(
    'py:D21 fault:C-12 by a broker that shuts down, %s: what is left goes on with the next line, none is lost',
    (_what, protocolVersion) =>
      inWorld(async (world, broker) => {
        const offlineQueue = { drain: { perSecond: 4 } };
        const client = world.client({ protocolVersion, reconnect: QUICK, offlineQueue });
        // The third is on the wire when the broker ends the line, and is never acknowledged.
        broker.on({ packet: 'publish', topic: 'q2', times: 1 }, answer.disconnect(139));
        const receipts = await queue(client, q(0, 5));
        const seen = watch(world, broker);
        await client.connect();
        await world.pass(600);
        expect(client.status).toMatchObject({ state: 'backingOff', queued: 4, inFlight: 0 });
        await world.pass(5_000);
        expect(client.status.state).toBe('live');
        await Promise.all(receipts.map(({ delivered }) => delivered));
        expect(topics(broker)).toEqual(q(0, 5));
        const [first, second] = [seen.indexOf('publish q2 @500'), seen.indexOf('connect @1500')];
        expect([first, second]).toEqual([3, 4]);
        expect(seen.slice(second + 1)).toEqual([
          ...['publish q2 @1500', 'publish q3 @1500', 'publish q4 @1750', 'publish q5 @2000'],
        ]);
      }),
  );
});

describe('disconnect() before the drain has ended', () => {
  it('py:D15 while resubscribing: no further SUBSCRIBE, no PUBLISH, everything stays for the next connect()', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      const filters = Array.from({ length: 9 }, (_, index) => `t${index}`);
      for (const filter of filters) await client.subscribe(filter, () => undefined);
      await queue(client, q(1, 2));
      const hang = broker.on({ packet: 'subscribe' }, answer.hang());
      const seen = watch(world, broker);
      await client.connect();
      await broker.when(() => hang.used === 1);
      await client.disconnect();
      hang.remove();
      await world.pass(10_000);
      expect(client.status).toMatchObject({ state: 'idle', queued: 2, inFlight: 0 });
      expect(seen).toHaveLength(2);
      await client.connect();
      await world.pass(2_000);
      expect(client.status.state).toBe('live');
      expect([...broker.subscriptionsOf('device-1').keys()]).toEqual(filters);
      expect(topics(broker)).toEqual(q(1, 2));
    }));

  it('py:D15 while draining: no further beat, also while it waits for a PUBACK; what is left stays in its order', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      let acknowledge = (): void => undefined;
      broker.on({ packet: 'publish', nth: 2 }, (exchange) => {
        acknowledge = () => exchange.serve();
      });
      await queue(client, q(1, 5));
      const seen = watch(world, broker);
      await client.connect();
      await world.pass(600);
      const ending = client.disconnect({ flushTimeoutMs: 10_000 });
      await world.pass(3_000);
      expect(client.status).toMatchObject({ state: 'disconnecting', queued: 3, inFlight: 1 });
      expect(seen.slice(1)).toEqual(['publish q1 @0', 'publish q2 @500']);
      acknowledge();
      await ending;
      await world.pass(10_000);
      expect(client.status).toMatchObject({ state: 'idle', queued: 3, inFlight: 0 });
      await client.connect();
      await world.pass(2_000);
      expect(topics(broker)).toEqual(q(1, 5));
      expect(seen).toHaveLength(2 + 5);
    }));
});
