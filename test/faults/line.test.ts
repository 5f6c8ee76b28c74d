import { describe, expect, it } from 'vitest';
import type { PublishReceipt } from '../../src/index.ts';
import { type Answer, answer, type ScriptedBroker, type SimulatedClock } from '../../src/testing/index.ts';
import { inWorld } from './support/world.ts';

const LAW = { jitter: 'none' } as const;
const KEEP_ALIVE_MS = 30_000;
const PING_MS = 5_000;
const OPERATION_MS = 5_000;

/** Loses what the client sends: on a line that is half open, or open in one direction only. */
function loseEverything(broker: ScriptedBroker): () => void {
  const connection = broker.connections.length;
  const rule = broker.on({ connection }, answer.hang());
  return () => rule.remove();
}

const pings = (broker: ScriptedBroker): number =>
  broker.log.filter(({ packet }) => packet === 'pingreq').length;

/** Serves each packet after a time of its own; as on a real line none overtakes another. */
function latency(clock: SimulatedClock, nextMs: () => number): Answer {
  let dueAt = 0;
  return async (exchange) => {
    dueAt = Math.max(dueAt, clock.now() + nextMs());
    await exchange.wait(dueAt - clock.now(), clock);
    exchange.serve();
  };
}

describe('a line that is half open', () => {
  it('fault:A-13 is pinged after the keep-alive, and dead when no byte comes after the ping', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      loseEverything(broker);
      world.clock.advance(KEEP_ALIVE_MS - 1);
      await world.settled();
      expect(pings(broker)).toBe(0);
      world.clock.advance(1);
      await broker.when(() => pings(broker) === 1);
      world.clock.advance(PING_MS - 1);
      await world.settled();
      expect(client.status.state).toBe('live');
      world.clock.advance(1);
      expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'PING_TIMEOUT' } });
      await world.retry(client);
      await client.when('live');
    }));

  it('fault:A-13 has what was in flight sent again on the next one, in order', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      loseEverything(broker);
      const publishing = ['1', '2', '3'].map((text) => client.publish('a', text, { qos: 1 }));
      await broker.when(() => broker.connections[0]!.count('publish') === 3);
      world.clock.advance(OPERATION_MS);
      await broker.when(() => pings(broker) === 1);
      world.clock.advance(PING_MS);
      const receipts = await Promise.all(publishing);
      expect(receipts.map(({ state }) => state)).toEqual(['queued', 'queued', 'queued']);
      await world.retry(client);
      await Promise.all(receipts.map(({ delivered }) => delivered));
      expect(broker.messages.map(({ payload }) => payload.toString())).toEqual(['1', '2', '3']);
    }));
});

describe('a line that is open in one direction', () => {
  it('fault:A-14 what comes in does not postpone the ping, nor hide that nothing is acknowledged', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      await client.subscribe('news', () => undefined);
      loseEverything(broker);
      const publishing = client.publish('a', 'b', { qos: 1 });
      const news = broker.log.length;
      for (let second = 1; second < 30; second++) {
        broker.publish('news', `${second}`);
        await world.settled(4);
        world.clock.advance(1_000);
      }
      await world.settled();
      expect(client.status.state).toBe('live');
      // Asked each time that the PUBACK was overdue; and the answers that came were no answers to that.
      expect(pings(broker)).toBeGreaterThanOrEqual(3);
      expect(broker.log.length).toBeGreaterThan(news + 29);
      world.clock.advance(1_000);
      expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'OPERATION_TIMEOUT' } });
      await world.retry(client);
      await (await publishing).delivered;
      expect(broker.messages).toHaveLength(1);
    }));

  it('fault:A-14 an idle client pings after the keep-alive, whatever comes in', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      await client.subscribe('news', () => undefined);
      for (let second = 1; second <= 30; second++) {
        broker.publish('news', `${second}`);
        await world.settled(4);
        expect(pings(broker)).toBe(0);
        world.clock.advance(1_000);
      }
      await broker.when(() => pings(broker) === 1);
    }));

  it('fault:A-14 the other way: what the broker has and could not say so is sent again', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      broker.on({ packet: 'publish', connection: 1 }, answer.take());
      broker.on({ packet: 'pingreq', connection: 1 }, answer.hang());
      const publishing = client.publish('a', 'b', { qos: 1 });
      await broker.when(() => broker.messages.length === 1);
      world.clock.advance(OPERATION_MS);
      await broker.when(() => pings(broker) === 1);
      world.clock.advance(PING_MS);
      expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'PING_TIMEOUT' } });
      await world.retry(client);
      await (await publishing).delivered;
      expect(broker.messages.map(({ payload }) => payload.toString())).toEqual(['b', 'b']);
    }));
});

describe('a slow line', () => {
  it('fault:A-16 three seconds each way: everything arrives once, and the line stays', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      broker.on(
        {},
        latency(world.clock, () => 3_000),
      );
      const publishing: Promise<PublishReceipt>[] = [];
      for (let number = 0; number < 20; number++) {
        publishing.push(client.publish('a', `${number}`, { qos: 1 }));
        await world.pass(500);
      }
      await world.pass(60_000);
      await Promise.all(publishing);
      expect(broker.messages.map(({ payload }) => payload.toString())).toEqual(
        Array.from({ length: 20 }, (_, number) => `${number}`),
      );
      expect(broker.connections).toHaveLength(1);
    }));

  it('fault:A-16 three seconds and three more or less: nothing is sent again but what a lost line had open', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      const delays = [0, 6_000, 1_000, 5_500, 3_000, 4_500, 200];
      let turn = 0;
      broker.on(
        {},
        latency(world.clock, () => delays[turn++ % delays.length]!),
      );
      const publishing: Promise<PublishReceipt>[] = [];
      for (let number = 0; number < 20; number++) {
        publishing.push(client.publish('a', `${number}`, { qos: 1 }));
        await world.pass(700);
      }
      await world.pass(300_000);
      const receipts = await Promise.all(publishing);
      await Promise.all(receipts.map(({ delivered }) => delivered));
      const lines = broker.connections.length;
      const times = (number: number): number =>
        broker.messages.filter(({ payload }) => payload.toString() === `${number}`).length;
      for (let number = 0; number < 20; number++) {
        expect(times(number)).toBeGreaterThanOrEqual(1);
        expect(times(number)).toBeLessThanOrEqual(lines);
      }
      for (const connection of broker.connections) {
        const texts = connection.received.flatMap((packet) =>
          packet.cmd === 'publish' ? [packet.payload.toString()] : [],
        );
        expect(new Set(texts).size).toBe(texts.length);
      }
    }));
});

describe('a broker that comes and goes', () => {
  it.each([
    [10, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000]],
    [100, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000]],
    [1_000, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000]],
    [29_000, [1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000]],
  ])('fault:A-18 a line of %i ms is forgiven only when it was stable', (livedMs, delays) =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'connect' }, answer.serve(), answer.delay(livedMs, world.clock), answer.reset());
      const client = world.client({ reconnect: LAW });
      await client.connect();
      const waited: number[] = [];
      for (const _ of delays) {
        await client.when('live');
        world.clock.advance(livedMs);
        await client.when('backingOff');
        waited.push(await world.retry(client));
      }
      expect(waited).toEqual(delays);
      await client.when('live');
    }),
  );

  it('fault:A-18 a broker that closes each line without a word is tried ever later, too', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'connect' }, answer.serve(), answer.delay(100, world.clock), answer.close());
      const client = world.client({ reconnect: LAW });
      await client.connect();
      for (const least of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]) {
        await client.when('live');
        world.clock.advance(100);
        await client.when('backingOff');
        // It may be another client with the same id: then it is the longest delay, sooner than by the law.
        expect(await world.retry(client)).toBeGreaterThanOrEqual(least);
      }
      await client.when('live');
    }));

  it('fault:A-19 after an hour away it is found again within one longest delay, and has what waited', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      broker.stopListening();
      await broker.dropConnections();
      await client.when('backingOff');
      const receipt = await client.publish('a', 'b', { qos: 1 });
      const began = world.clock.now();
      let longest = 0;
      while (world.clock.now() - began < 3_600_000) longest = Math.max(longest, await world.retry(client));
      expect(longest).toBeGreaterThan(16_000);
      expect(longest).toBeLessThanOrEqual(32_000);
      await client.when('backingOff');
      await broker.listen();
      const backAt = world.clock.now();
      await world.retry(client);
      await client.when('draining');
      expect(world.clock.now() - backAt).toBeLessThanOrEqual(32_001);
      await world.pass(1_000);
      await receipt.delivered;
      expect(client.status.state).toBe('live');
    }));

  it('fault:A-20 without the sessions that it had: every subscription is renewed', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ session: 'persistent', clientId: 'lamp' });
      const got: string[] = [];
      for (let number = 0; number < 10; number++)
        await client.subscribe(`a/${number}`, { qos: 1 }, ({ topic }) => void got.push(topic));
      broker.forgetSessions();
      await broker.dropConnections();
      await world.retry(client);
      await client.when('live');
      expect(broker.subscriptionsOf('lamp').size).toBe(10);
      broker.publish('a/7', 'after', { qos: 1 });
      await broker.when(() => broker.connections[1]?.count('puback') === 1);
      expect(got).toEqual(['a/7']);
    }));
});
