import { describe, expect, it } from 'vitest';
import {
  createIotClient,
  type IotClient,
  IotError,
  levelStore,
  plainTcp,
  type QueueStore,
} from '../../src/index.ts';
import { type ScriptedBroker, SimulatedClock } from '../../src/testing/index.ts';
import { inWorld, type World } from '../faults/support/world.ts';
import { freshPath } from '../support/level-world.ts';
import { MemoryDurableStore, type StoreFailure } from '../support/memory-durable-store.ts';
import {
  CROWDED,
  clientOn,
  eventsOf,
  fateOf,
  keptIn,
  killed,
  LIVES,
  live,
  liveBeforeStore,
  publishAll,
  topicsOf,
} from './durable-support.ts';
import { failureOf, thrownBy } from './support.ts';

describe('a store that fails', () => {
  const FULL = new IotError('STORE_FULL', 'no room');
  const LOCKED = new IotError('STORE_LOCKED', 'in use by process 4711');
  /** What a store may say, and what its client makes of it. */
  const FAILURES: readonly (readonly [string, StoreFailure, string])[] = [
    ['rejects with an error of a store', { error: FULL }, 'STORE_FULL'],
    ['rejects with another error', { error: new Error('disk on fire') }, 'STORE_FAILED'],
    ['rejects with a text', { error: 'no' }, 'STORE_FAILED'],
    ['rejects with null', { error: null }, 'STORE_FAILED'],
    ['throws', { throws: true, error: new TypeError('a bug') }, 'STORE_FAILED'],
  ];

  /** All that needs no store works. */
  async function expectTheRestWorks(client: IotClient, broker: ScriptedBroker): Promise<void> {
    const got: string[] = [];
    const subscription = await client.subscribe('in', ({ topic }) => void got.push(topic));
    await live(client);
    expect(await client.publish('zero', '')).toMatchObject({ state: 'delivered' });
    broker.publish('in', '');
    await broker.when(() => got.length === 1);
    expect(await subscription.granted).toEqual({ qos: 0 });
  }

  it.each(FAILURES)(
    'at its opening, and %s: QoS 1 is refused, all else works; a second later it is tried again',
    (_what, failure, code) =>
      inWorld(async (world, broker) => {
        const store = new MemoryDurableStore();
        await publishAll(clientOn(world, store), 'old');
        const next = killed(store);
        next.failNext('open', failure, failure);
        const client = clientOn(world, next);
        const told = eventsOf(client);
        expect(await failureOf(client.queue.recovered)).toMatchObject({ code });
        expect(await failureOf(client.publish('a', '', { qos: 1 }))).toMatchObject({
          code,
          outcomeUnknown: false,
        });
        await expectTheRestWorks(client, broker);
        expect(await failureOf(client.publish('b', '', { qos: 1 }))).toMatchObject({ code });
        world.clock.advance(1_000);
        expect(await failureOf(client.publish('c', '', { qos: 1 }))).toMatchObject({ code });
        world.clock.advance(1_000);
        expect(await client.publish('d', '', { qos: 1 })).toMatchObject({ state: 'delivered' });
        await world.settled();
        expect(topicsOf(broker)).toEqual(['zero', 'old', 'd']);
        // One outage, told once.
        expect(told).toEqual([`storeError ${code}`, 'recovered 1 0']);
        expect(await failureOf(client.queue.recovered)).toMatchObject({ code });
        expect(next.violations).toEqual([]);
      }, LIVES),
  );

  it.each(FAILURES)(
    'at a write, and %s: QoS 1 is refused, what is accepted goes on, and it is tried again',
    (_what, failure, code) =>
      inWorld(async (world, broker) => {
        const store = new MemoryDurableStore();
        const client = clientOn(world, store);
        const told = eventsOf(client);
        await publishAll(client, 'accepted');
        store.failNext('write', failure);
        expect(await failureOf(client.publish('a', '', { qos: 1 }))).toMatchObject({
          code,
          outcomeUnknown: true,
        });
        await expectTheRestWorks(client, broker);
        expect(await failureOf(client.publish('b', '', { qos: 1 }))).toMatchObject({ code });
        expect(topicsOf(broker)).toEqual(['accepted', 'zero']);
        world.clock.advance(1_000);
        expect(await client.publish('c', '', { qos: 1 })).toMatchObject({ state: 'delivered' });
        await world.settled();
        expect([topicsOf(broker), keptIn(store)]).toEqual([['accepted', 'zero', 'c'], []]);
        expect(told).toEqual(['recovered 0 0', 'queued accepted 1', `storeError ${code}`]);
        expect(store.violations).toEqual([]);
      }),
  );

  /** A live client whose store holds a message, and could not be opened. */
  const lockedOut = async (world: World) => {
    const store = new MemoryDurableStore();
    await publishAll(clientOn(world, store), 'old');
    const next = killed(store);
    next.failNext('open', { error: LOCKED });
    return { next, client: await live(clientOn(world, next)) };
  };

  it('is tried again at each new line, also when nobody publishes', () =>
    inWorld(async (world, broker) => {
      const { next, client } = await lockedOut(world);
      await world.pass(20_000);
      expect(topicsOf(broker)).toEqual([]);
      await broker.dropConnections();
      await world.retry(client);
      await client.when('live');
      await world.settled();
      expect(topicsOf(broker)).toEqual(['old']);
      expect(next.operations.filter((operation) => operation === 'open')).toHaveLength(2);
    }, LIVES));

  it('is tried again after half a minute by itself, and what it has is sent', () =>
    inWorld(async (world, broker) => {
      const { next, client } = await lockedOut(world);
      await world.pass(29_000);
      expect(next.operations).toEqual(['open']);
      await world.pass(1_000);
      expect([topicsOf(broker), keptIn(next)]).toEqual([['old'], []]);
      expect(client.status.state).toBe('live');
    }, LIVES));

  it('in a format that is newer is not tried again', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore();
      const error = new IotError('STORE_INCOMPATIBLE', 'of version 2');
      store.failNext('open', { error });
      const client = clientOn(world, store);
      expect(await failureOf(client.queue.recovered)).toBe(error);
      await world.pass(3_600_000);
      expect(await failureOf(client.publish('a', '', { qos: 1 }))).toBe(error);
      expect(store.operations).toEqual(['open']);
    }));

  it('while it is read: it is closed, and opened again', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore();
      await publishAll(clientOn(world, store), 'a1', 'a2', 'a3', 'a4', 'a5');
      const next = killed(store);
      next.failNext('read', { after: 1 });
      const client = clientOn(world, next);
      expect(await failureOf(client.queue.recovered)).toMatchObject({ code: 'STORE_FAILED' });
      const told = eventsOf(client);
      world.clock.advance(1_000);
      await publishAll(client, 'b');
      expect([...client.queue].map(({ topic }) => topic)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'b']);
      expect(told).toContain('recovered 5 0');
    }, LIVES));

  it('when it is closed: close() resolves all the same', () =>
    inWorld(async (world) => {
      for (const failure of FAILURES.map(([, given]) => given)) {
        const store = new MemoryDurableStore();
        const client = clientOn(world, store);
        await client.queue.recovered;
        store.failNext('close', failure);
        await client.close();
      }
    }));

  it('by giving something that is no store: QoS 1 is refused, nothing else suffers', () =>
    inWorld(async (world, broker) => {
      for (const opened of [undefined, null, 5, {}, { read: () => [] }]) {
        const client = clientOn(world, { kind: 'durable', open: () => Promise.resolve(opened as never) });
        expect(await failureOf(client.publish('a', '', { qos: 1 }))).toMatchObject({
          code: 'STORE_FAILED',
        });
        await expectTheRestWorks(client, broker);
      }
    }));

  it('does not hurry the drain by what it refuses meanwhile', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      const client = clientOn(world, store, { offlineQueue: { drain: { perSecond: 2 } } });
      for (const topic of ['a1', 'a2', 'a3', 'a4', 'a5', 'a6']) await client.publish(topic, '', { qos: 1 });
      const at: number[] = [];
      broker.onRecord(({ packet }) => packet === 'publish' && at.push(world.clock.now()));
      await client.connect();
      await world.settled();
      store.failNext('write', ...Array.from({ length: 20 }, () => ({})));
      store.failNext('open', ...Array.from({ length: 20 }, () => ({})));
      for (let ms = 0; ms < 2_500; ms += 250) {
        const refused = ['b1', 'b2', 'b3'].map((b) => failureOf(client.publish(b, `${ms}`, { qos: 1 })));
        await world.pass(250);
        expect(await Promise.all(refused)).toMatchObject([1, 2, 3].map(() => ({ code: 'STORE_FAILED' })));
      }
      expect(at).toEqual([0, 500, 1_000, 1_500, 2_000, 2_500]);
    }, CROWDED));

  it('by not answering for a while: publishes wait for it, all else works, and their own deadline ends them', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore('manual');
      const client = clientOn(world, store);
      const waits = fateOf(client.publish('waits', '', { qos: 1 }));
      const gaveUp = failureOf(client.publish('gave up', '', { qos: 1, timeoutMs: 30_000 }));
      await expectTheRestWorks(world.client(), broker);
      await liveBeforeStore(world, client);
      await world.pass(30_000);
      expect(await gaveUp).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: false });
      expect(waits.now).toBe('open');
      store.mode = 'automatic';
      store.next.succeed();
      await world.settled();
      expect([waits.now, topicsOf(broker)]).toEqual(['queued', ['zero', 'waits']]);
    }));
});

describe('close()', () => {
  it('waits no longer than 5 seconds for a store that does not answer', () =>
    inWorld(async (world) => {
      const client = clientOn(world, new MemoryDurableStore('manual'));
      const closed: string[] = [];
      await world.settled();
      const closing = client.close().then(() => void closed.push('closed'));
      await world.pass(4_999);
      expect(closed).toEqual([]);
      await world.pass(1);
      await closing;
    }));

  it('before the store is open: the promises reject with CLOSED, and the store is free again', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore('manual');
      const client = clientOn(world, store);
      const told = eventsOf(client);
      const call = client.publish('a', '', { qos: 1 });
      const recovered = failureOf(client.queue.recovered);
      await world.settled();
      const closing = client.close();
      expect(await failureOf(call)).toMatchObject({ code: 'CLOSED', message: 'the client was closed' });
      expect(await recovered).toMatchObject({ code: 'CLOSED' });
      store.mode = 'automatic';
      store.next.succeed();
      await closing;
      expect([store.isOpen, store.batches, told]).toEqual([false, [], []]);
    }));

  it('at any moment of the opening: nothing is told afterwards, and nothing is left open', async () => {
    const before = new MemoryDurableStore();
    const write = createIotClient(place({ store: before }));
    await write.publish('a', '', { qos: 1, expiresInMs: 3_600_000 });
    await write.close();
    const moments = new Set<string>();
    for (let turns = 0; turns < 60; turns++) {
      const store = killed(before);
      const clock = new SimulatedClock(performance.timeOrigin + performance.now());
      const client = createIotClient({ ...place({ store }), clock });
      const told = eventsOf(client);
      client.on('status', ({ state }) => told.push(state));
      const recovered = client.queue.recovered.then(
        ({ messages }) => `${messages}`,
        ({ code }) => code,
      );
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const closing = client.close();
      await closing;
      expect([store.isOpen, keptIn(store), clock.pending, [...client.queue]]).toEqual([false, ['a'], 0, []]);
      moments.add(`${await recovered}: ${told.join(', ')}`);
    }
    expect([...moments]).toEqual(['CLOSED: closed', '1: recovered 1 0, undelivered a CLOSED, closed']);
  });

  it('frees a level store: the next client of the same process opens it at once, and finds what was left', async () => {
    const directory = await freshPath();
    for (let life = 0; life < 3; life++) {
      const client = createIotClient(place({ store: levelStore({ directory, sync: 'never' }) }));
      expect(await client.queue.recovered).toEqual({ messages: life, missing: 0 });
      await client.publish(`t${life}`, '', { qos: 1 });
      await client.close();
    }
  });

  it('of one of two clients on one level store: the other one was refused, and now may have it', async () => {
    const store = levelStore({ directory: await freshPath(), sync: 'never' });
    const clock = new SimulatedClock();
    await using first = createIotClient(place({ store }));
    await first.queue.recovered;
    await using second = createIotClient({ ...place({ store }), clock });
    const refused = { code: 'STORE_LOCKED', message: expect.stringContaining('in use by this process') };
    expect(await failureOf(second.queue.recovered)).toMatchObject(refused);
    expect(await failureOf(second.publish('a', '', { qos: 1 }))).toMatchObject(refused);
    expect(await first.publish('b', '', { qos: 1 })).toMatchObject({ state: 'queued' });
    await first.close();
    clock.advance(1_000);
    expect(await second.publish('c', '', { qos: 1 })).toMatchObject({ state: 'queued' });
    expect([...second.queue].map(({ topic }) => topic)).toEqual(['b', 'c']);
  });

  function place(offlineQueue: { readonly store: QueueStore }) {
    return { endpoint: '127.0.0.1', port: 1, clientId: 'lamp', auth: plainTcp(), offlineQueue };
  }
});

it.each<[string, unknown, string]>([
  ['a directory', '/var/lib/lamp', '"/var/lib/lamp"'],
  ['null', null, 'null'],
  ['the function that makes one', levelStore, 'a function'],
  ['no fields', {}, 'an object ()'],
  ['another kind', { kind: 'disk', open: () => undefined }, 'an object (kind, open)'],
  ['a durable one without open', { kind: 'durable' }, 'an object (kind)'],
])('a store that is %s is refused', (_what, store, given) => {
  const options = { endpoint: '127.0.0.1', clientId: 'lamp', auth: plainTcp() };
  const error = thrownBy(() => createIotClient({ ...options, offlineQueue: { store: store as QueueStore } }));
  expect(error).toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: `offlineQueue.store must be memoryStore() or levelStore({ directory }); given: ${given}`,
  });
});
