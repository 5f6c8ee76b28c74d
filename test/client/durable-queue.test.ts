import { describe, expect, it } from 'vitest';
import { decodeRecord } from '../../src/delivery/record.ts';
import {
  type ClientEvents,
  createIotClient,
  type IotClient,
  IotError,
  levelStore,
  memoryStore,
  type PublishOptions,
  type PublishReceipt,
  plainTcp,
  type QueueStore,
} from '../../src/index.ts';
import { answer, type ScriptedBroker, type TakenMessage, VirtualClock } from '../../src/testing/index.ts';
import { type ClientOptions, inWorld, type World } from '../faults/support/world.ts';
import { freshPath } from '../support/level-world.ts';
import { MemoryDurableStore, type StoreFailure } from '../support/memory-durable-store.ts';
import { failureOf, thrownBy } from './support.ts';

const UNPACED = { perSecond: Number.POSITIVE_INFINITY } as const;
const QUICK = { jitter: 'none' } as const;
/** The harness looks at one client at a time. */
const LIVES = { except: { I4: 'what one client has accepted, the next one delivers' } };
/** The harness counts what is published until the end of the call, also when that end is a refusal. */
const CROWDED = {
  except: { ...LIVES.except, I9: 'a publish that is refused counts until its call has ended' },
};

const topicsOf = (broker: ScriptedBroker): string[] => broker.messages.map(({ topic }) => topic);

/** The topics of the messages that a store has, by their numbers. */
function keptIn(store: MemoryDurableStore): string[] {
  return store.records.flatMap(({ number, value }) => {
    const found = decodeRecord(number, value);
    return typeof found === 'object' ? [found.message.topic] : [];
  });
}

/** What the next process finds when the one that has this store is killed now. */
function killed(store: MemoryDurableStore): MemoryDurableStore {
  const next = new MemoryDurableStore();
  for (const { number, value } of store.records) next.plant(number, value);
  return next;
}

/** A client with this store; unpaced, so that time need not pass. */
function clientOn(world: World, store: QueueStore, options: ClientOptions = {}): IotClient {
  const offlineQueue = { maxMessages: 1_000, drain: UNPACED, ...options.offlineQueue, store };
  return world.client({ reconnect: QUICK, ...options, offlineQueue });
}

async function live(client: IotClient): Promise<IotClient> {
  await client.connect();
  await client.when('live');
  return client;
}

/** Publishes to these topics, in order; QoS 1. */
async function publishAll(client: IotClient, ...topics: readonly string[]): Promise<void> {
  for (const topic of topics) await client.publish(topic, topic, { qos: 1 });
}

/** What a publish has come to so far: `open`, the state of its receipt, or why it was refused. */
function fateOf(call: Promise<PublishReceipt>): { now: string } {
  const fate = { now: 'open' };
  call.then(
    ({ state }) => {
      fate.now = state;
    },
    (reason: IotError) => {
      fate.now = reason.code;
    },
  );
  return fate;
}

/** What a client tells from now on, each as a line. */
function eventsOf(client: IotClient): string[] {
  const told: string[] = [];
  const note = <K extends keyof ClientEvents>(event: K, line: (value: ClientEvents[K]) => string): void =>
    void client.on(event, (value) => told.push(`${event} ${line(value)}`));
  note('queued', ({ topic, queued }) => `${topic} ${queued}`);
  note('dropped', ({ topic, error }) => `${topic} ${error.code}`);
  note('undelivered', ({ topic, error }) => `${topic} ${error.code}`);
  note('recovered', ({ messages, missing }) => `${messages} ${missing}`);
  note('storeError', ({ error }) => error.code);
  return told;
}

describe('a QoS 1 publish', () => {
  it('on a live line goes out, and its promise ends, only when the store has it', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      const client = await live(clientOn(world, store));
      store.mode = 'manual';
      const fate = fateOf(client.publish('a', 'x', { qos: 1 }));
      await world.settled();
      expect(store.held.map(({ operation }) => operation)).toEqual(['write']);
      expect([fate.now, topicsOf(broker)]).toEqual(['open', []]);
      expect(client.status).toMatchObject({ state: 'live', queued: 1, inFlight: 0 });
      store.mode = 'automatic';
      store.next.succeed();
      await world.settled();
      expect([fate.now, topicsOf(broker)]).toEqual(['delivered', ['a']]);
    }));

  it('without a line is queued, and announced, only when the store has it', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore();
      const client = clientOn(world, store);
      const told = eventsOf(client);
      await world.settled();
      store.mode = 'manual';
      const fate = fateOf(client.publish('a', 'x', { qos: 1 }));
      await world.settled();
      expect([fate.now, told]).toEqual(['open', ['recovered 0 0']]);
      store.mode = 'automatic';
      store.next.succeed();
      await world.settled();
      expect([fate.now, told.slice(1), keptIn(store)]).toEqual(['queued', ['queued a 1'], ['a']]);
    }));

  it.each([
    ['live', true],
    ['drained', false],
  ])(
    'is in the store before it is on the wire, each of 100, %s, and leaves it when it is delivered',
    (_what, isLive) =>
      inWorld(async (world, broker) => {
        const store = new MemoryDurableStore();
        const everKept = new Set<string>();
        store.onLanded = () => {
          for (const topic of keptIn(store)) everKept.add(topic);
        };
        const early: string[] = [];
        broker.onRecord(({ packet, direction, topic = '' }) => {
          if (packet === 'publish' && direction === 'toBroker' && !everKept.has(topic)) early.push(topic);
        });
        const client = clientOn(world, store);
        if (isLive) await live(client);
        const topics = Array.from({ length: 100 }, (_, index) => `t${index}`);
        const receipts = await Promise.all(topics.map((topic) => client.publish(topic, 'x', { qos: 1 })));
        if (!isLive) await live(client);
        await Promise.all(receipts.map(({ delivered }) => delivered));
        await world.settled();
        expect(early).toEqual([]);
        expect(topicsOf(broker)).toEqual(topics);
        expect(keptIn(store)).toEqual([]);
        expect(store.records).toHaveLength(1);
        expect(store.violations).toEqual([]);
      }),
  );

  it('is overtaken by nothing while the store writes: QoS 0 behind it waits, and is never stored', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      const client = await live(clientOn(world, store));
      const before = await client.publish('zero before', '', { qos: 0 });
      expect([before.state, store.batches]).toEqual(['delivered', []]);
      store.mode = 'manual';
      const calls = [
        client.publish('one', '', { qos: 1 }),
        client.publish('zero', '', { qos: 0 }),
        client.publish('zero too', '', { qos: 0 }),
      ];
      await world.settled();
      expect(topicsOf(broker)).toEqual(['zero before']);
      store.mode = 'automatic';
      store.next.succeed();
      await Promise.all(calls);
      await world.settled();
      expect(topicsOf(broker)).toEqual(['zero before', 'one', 'zero', 'zero too']);
      const written = store.batches.flat().map(({ number, value }) => value && decodeRecord(number, value));
      const messages = written.filter((found) => typeof found === 'object');
      expect(messages.map(({ message }) => message.topic)).toEqual(['one']);
    }));

  it('whose line is lost while the store writes is queued when the store has it, and goes out once', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      const client = await live(clientOn(world, store));
      const told = eventsOf(client);
      store.mode = 'manual';
      const call = client.publish('a', 'x', { qos: 1 });
      await world.settled();
      await broker.dropConnections();
      await client.when('backingOff');
      expect(told).toEqual([]);
      store.mode = 'automatic';
      store.next.succeed();
      const receipt = await call;
      expect([receipt.state, told]).toEqual(['queued', ['queued a 1']]);
      await world.retry(client);
      await receipt.delivered;
      expect(topicsOf(broker)).toEqual(['a']);
    }));
});

describe('the next client on a store', () => {
  it('drains in order what the last one could not, before what it publishes itself, and says how many', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      const first = clientOn(world, store);
      expect(await first.queue.recovered).toEqual({ messages: 0, missing: 0 });
      await publishAll(first, 'a1', 'a2', 'a3');
      const next = killed(store);
      next.mode = 'manual';
      const second = clientOn(world, next);
      const told = eventsOf(second);
      // Before the store is open: they wait behind what it holds.
      const early = [second.publish('b1', 'x', { qos: 1 }), second.publish('b2', 'x', { qos: 1 })];
      await live(second);
      expect(topicsOf(broker)).toEqual([]);
      next.mode = 'automatic';
      next.next.succeed();
      await Promise.all(early);
      await publishAll(second, 'b3');
      await world.settled();
      expect(topicsOf(broker)).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3']);
      expect(await second.queue.recovered).toEqual({ messages: 3, missing: 0 });
      expect(told.filter((line) => line.startsWith('recovered'))).toEqual(['recovered 3 0']);
      expect(keptIn(next)).toEqual([]);
    }, LIVES));

  it('drains at the pace of the drain, the first at once', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      await publishAll(clientOn(world, store), 'a1', 'a2', 'a3');
      const offlineQueue = { drain: { perSecond: 2 } };
      const second = clientOn(world, killed(store), { offlineQueue });
      await second.queue.recovered;
      const at: number[] = [];
      broker.onRecord(({ packet }) => packet === 'publish' && at.push(world.clock.now()));
      await second.connect();
      await world.pass(5_000);
      expect([topicsOf(broker), at]).toEqual([
        ['a1', 'a2', 'a3'],
        [0, 500, 1_000],
      ]);
    }, LIVES));

  it('takes all up, also when that is more than its limits; only what is added is refused', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore();
      await publishAll(clientOn(world, store), 'a1', 'a2', 'a3');
      const next = killed(store);
      const second = clientOn(world, next, { offlineQueue: { maxMessages: 2 } });
      expect(await second.queue.recovered).toEqual({ messages: 3, missing: 0 });
      expect(await failureOf(second.publish('b', '', { qos: 1 }))).toMatchObject({ code: 'QUEUE_FULL' });
      expect([second.queue.queued, keptIn(next)]).toEqual([3, ['a1', 'a2', 'a3']]);
    }, CROWDED));

  it('keeps one order over three lives, each of which delivers a part', () =>
    inWorld(async (world, broker) => {
      const numbered = (life: string): string[] =>
        Array.from({ length: 5 }, (_, number) => `${life}${number}`);
      let store = new MemoryDurableStore();
      for (const life of ['a', 'b']) {
        // The broker takes two, and hears the others before the process is killed.
        let heard = 0;
        const silence = broker.on({ packet: 'publish', topic: () => ++heard > 2 }, answer.hang());
        const client = clientOn(world, store, { clientId: `life-${life}` });
        await publishAll(client, ...numbered(life));
        await client.connect();
        await world.settled();
        expect(heard).toBeGreaterThan(4);
        store = killed(store);
        silence.remove();
      }
      const last = clientOn(world, store, { clientId: 'life-c' });
      await publishAll(last, ...numbered('c'));
      expect(await last.queue.recovered).toEqual({ messages: 6, missing: 0 });
      await live(last);
      await world.settled();
      expect(topicsOf(broker)).toEqual(['a', 'b', 'c'].flatMap(numbered));
    }, LIVES));

  it.each([
    [['a2'], 1, '1 message that was kept cannot be found in the durable store: it was damaged'],
    [['a1', 'a3'], 2, '2 messages that were kept cannot be found in the durable store: it was damaged'],
  ])('is told when %j cannot be found, and delivers the others', (lost, missing, message) =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      const topics = ['a1', 'a2', 'a3', 'a4'];
      await publishAll(clientOn(world, store), ...topics);
      const next = killed(store);
      next.lose(...lost.map((topic) => topics.indexOf(topic) + 1));
      const second = clientOn(world, next);
      const errors: IotError[] = [];
      second.on('storeError', ({ error }) => errors.push(error));
      const found: unknown[] = [];
      second.on('recovered', (event) => found.push(event));
      const expected = { messages: 4 - missing, missing };
      expect(await second.queue.recovered).toEqual(expected);
      await live(second);
      await world.settled();
      expect(found).toEqual([expected]);
      expect(errors).toMatchObject([{ code: 'STORE_FAILED', message }]);
      expect(topicsOf(broker)).toEqual(topics.filter((topic) => !lost.includes(topic)));
      // Once told, it is known: the next one misses nothing.
      const third = clientOn(world, killed(next));
      expect(await third.queue.recovered).toEqual({ messages: 0, missing: 0 });
    }, LIVES),
  );

  it('finds nothing of a queue in memory, and says so at once', () =>
    inWorld(async (world) => {
      const client = clientOn(world, memoryStore());
      const told = eventsOf(client);
      expect(await client.queue.recovered).toEqual({ messages: 0, missing: 0 });
      await world.settled();
      expect(told).toEqual([]);
    }));

  const PROPERTIES = {
    contentType: 'text/plain',
    payloadFormat: 'utf8',
    responseTopic: 'answers',
    correlationData: Uint8Array.of(0, 255, 128),
    messageExpirySeconds: 60,
    userProperties: { a: 'ä', b: ['1', '2'], __proto__x: '' },
  } as const;

  it.each<[string, string | Uint8Array | object, PublishOptions]>([
    ['text', 'hello', {}],
    ['an empty text', '', {}],
    ['unicode, with a byte order mark and a NUL', '\ufeff🜁 ünï\0code \u2028', {}],
    ['bytes that are no text', Uint8Array.from({ length: 256 }, (_, index) => index), {}],
    ['no bytes', new Uint8Array(0), {}],
    ['an object', { a: [1, null, 'ü'] }, {}],
    ['131,072 bytes', new Uint8Array(131_072).fill(7), {}],
    ['a retained message', 'kept', { retain: true }],
    ['MQTT 5 properties', 'with', { properties: PROPERTIES, retain: true }],
    ['MQTT 5 properties and no payload', '', { properties: PROPERTIES }],
  ])('sends %s as it was given', (_what, payload, options) =>
    inWorld(async (world, broker) => {
      const store = levelStore({ directory: await freshPath(), sync: 'never' });
      const mqtt5 = { protocolVersion: 5 } as const;
      const direct = await live(world.client(mqtt5));
      await direct.publish('ä/🜁', payload, { qos: 1, ...options });
      const first = clientOn(world, store, mqtt5);
      const receipt = await first.publish('ä/🜁', payload, { qos: 1, ...options });
      expect(receipt.state).toBe('queued');
      await first.close();
      await live(clientOn(world, store, mqtt5));
      await broker.when(() => broker.messages.length === 2);
      const [expected, found] = broker.messages.map(sent);
      expect(found).toEqual(expected);
      if (options.properties) expect(found?.properties).toMatchObject({ contentType: 'text/plain' });
    }, LIVES),
  );

  function sent({ topic, payload, qos, retain, duplicate, properties }: TakenMessage) {
    return { topic, payload: payload.toString('hex'), qos, retain, duplicate, properties };
  }
});

describe('the end of a stored publish', () => {
  /** A client with these publishes in its store, and what became of each receipt. */
  async function storedOn(world: World, store: MemoryDurableStore, ...topics: readonly string[]) {
    const client = clientOn(world, store);
    const receipts = await Promise.all(topics.map((topic) => client.publish(topic, topic, { qos: 1 })));
    return { client, receipts };
  }

  it('with close(): the promises reject, and say that the store keeps them; the next client sends them', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      broker.on({ packet: 'publish', topic: 'on the wire' }, answer.hang());
      const { client, receipts } = await storedOn(world, store, 'on the wire', 'behind it');
      const offline = await storedOn(world, new MemoryDurableStore(), 'offline');
      const memory = clientOn(world, memoryStore());
      const lost = await memory.publish('lost', '', { qos: 1 });
      const zero = await offline.client.publish('zero', '');
      await client.connect();
      await world.settled();
      for (const one of [client, offline.client, memory]) {
        const closing = one.close({ flushTimeoutMs: 0 });
        world.clock.advance(10_000);
        await closing;
      }
      const kept = 'the client was closed; the durable store keeps the message for the next process';
      expect(await failureOf(receipts[0]!.delivered)).toMatchObject({
        ...{ code: 'CLOSED', message: kept, outcomeUnknown: true },
      });
      expect(await failureOf(offline.receipts[0]!.delivered)).toMatchObject({
        ...{ code: 'CLOSED', message: kept, outcomeUnknown: false },
      });
      const gone = { code: 'CLOSED', message: 'the client was closed' };
      expect(await failureOf(lost.delivered)).toMatchObject(gone);
      expect(await failureOf(zero.delivered)).toMatchObject(gone);
      expect([keptIn(store), store.isOpen]).toEqual([['on the wire'], false]);
    }, LIVES));

  it('with close() before the store has it: it rejects, and the next client does not send it', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore();
      const client = clientOn(world, store);
      await client.queue.recovered;
      store.mode = 'manual';
      const call = client.publish('written meanwhile', '', { qos: 1 });
      await world.settled();
      const behind = client.publish('never written', '', { qos: 1 });
      const closing = client.close();
      for (const one of [call, behind])
        expect(await failureOf(one)).toMatchObject({ code: 'CLOSED', message: 'the client was closed' });
      store.mode = 'automatic';
      store.next.succeed();
      await closing;
      expect([keptIn(store), store.isOpen, store.violations]).toEqual([[], false, []]);
    }));

  it.each<[string, (world: World, client: IotClient) => Promise<void>, string]>([
    [
      'abort',
      async (_world, client) => {
        const aborting = new AbortController();
        const receipt = await client.publish('a', '', { qos: 1, signal: aborting.signal });
        const reason = new Error('enough');
        aborting.abort(reason);
        await expect(receipt.delivered).rejects.toBe(reason);
      },
      'ABORTED',
    ],
    [
      'timeoutMs',
      async (world, client) => {
        const receipt = await client.publish('a', '', { qos: 1, timeoutMs: 5_000 });
        world.clock.advance(5_000);
        expect(await failureOf(receipt.delivered)).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: false });
      },
      'TIMEOUT',
    ],
    [
      'expiresInMs',
      async (world, client) => {
        const receipt = await client.publish('a', '', { qos: 1, expiresInMs: 5_000 });
        world.clock.advance(5_000);
        expect(await failureOf(receipt.delivered)).toMatchObject({
          ...{ code: 'MESSAGE_EXPIRED', outcomeUnknown: false },
        });
      },
      'MESSAGE_EXPIRED',
    ],
  ])('by %s: it leaves the store, and what waits behind it is sent', (_what, end, code) =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      const client = clientOn(world, store);
      const told = eventsOf(client);
      await end(world, client);
      await publishAll(client, 'b');
      await live(client);
      await world.settled();
      expect([topicsOf(broker), keptIn(store)]).toEqual([['b'], []]);
      expect(told.slice(1)).toEqual(['queued a 1', `undelivered a ${code}`, 'queued b 1']);
    }),
  );

  it.each(['signal', 'timeoutMs', 'expiresInMs'] as const)(
    'by %s while the store writes: the call ends at once, and the store forgets it',
    (bound) =>
      inWorld(async (world, broker) => {
        const store = new MemoryDurableStore();
        const client = await live(clientOn(world, store));
        const aborting = new AbortController();
        const options = { signal: { signal: aborting.signal }, timeoutMs: { timeoutMs: 1_000 } };
        const bounds = { ...options, expiresInMs: { expiresInMs: 1_000 } }[bound];
        store.mode = 'manual';
        const call = client.publish('a', '', { qos: 1, ...bounds });
        const next = client.publish('b', '', { qos: 1 });
        await world.settled();
        aborting.abort(new IotError('ABORTED', 'by the app'));
        world.clock.advance(1_000);
        const expected = { signal: 'ABORTED', timeoutMs: 'TIMEOUT', expiresInMs: 'MESSAGE_EXPIRED' }[bound];
        expect(await failureOf(call)).toMatchObject({ code: expected, outcomeUnknown: false });
        store.mode = 'automatic';
        store.next.succeed();
        await next;
        await world.settled();
        expect([topicsOf(broker), keptIn(store), store.violations]).toEqual([['b'], [], []]);
      }),
  );

  it('fault:F-14 by its time, which passed between two processes: it is not sent, and that is told', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      const first = clientOn(world, store);
      await first.publish('long', '', { qos: 1, expiresInMs: 60_000 });
      await first.publish('short', '', { qos: 1, expiresInMs: 10_000 });
      await first.publish('for ever', '', { qos: 1 });
      await first.close();
      world.clock.advance(30_000);
      const next = killed(store);
      const second = clientOn(world, next);
      const told = eventsOf(second);
      expect(await second.queue.recovered).toEqual({ messages: 3, missing: 0 });
      await world.pass(1);
      expect(told).toEqual(['recovered 3 0', 'undelivered short MESSAGE_EXPIRED']);
      await world.pass(29_999);
      expect(told.slice(2)).toEqual(['undelivered long MESSAGE_EXPIRED']);
      await live(second);
      await world.settled();
      expect([topicsOf(broker), keptIn(next)]).toEqual([['for ever'], []]);
    }, LIVES));

  it('by the broker, which refuses it: it leaves the store', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'publish', topic: 'refused' }, answer.reply({ cmd: 'puback', reasonCode: 135 }));
      const store = new MemoryDurableStore();
      const client = clientOn(world, store, { protocolVersion: 5 });
      const receipt = await client.publish('refused', '', { qos: 1 });
      await publishAll(client, 'b');
      await live(client);
      expect(await failureOf(receipt.delivered)).toMatchObject({ code: 'PUBLISH_REFUSED' });
      await world.settled();
      expect([topicsOf(broker), keptIn(store)]).toEqual([['b'], []]);
    }));

  it('fault:F-13 by the broker, which closes line after line over it: it leaves the store, in the next process too', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'publish', topic: 'poison' }, answer.close());
      const store = new MemoryDurableStore();
      await publishAll(clientOn(world, store), 'a', 'poison', 'b');
      const next = killed(store);
      const second = clientOn(world, next);
      const told = eventsOf(second);
      await second.connect();
      for (let second_ = 0; second_ < 600 && keptIn(next).length > 0; second_++) await world.pass(1_000);
      expect(told).toEqual(['recovered 3 0', 'undelivered poison POISON_PUBLISH']);
      expect([...new Set(topicsOf(broker))]).toEqual(['a', 'b']);
      expect(keptIn(next)).toEqual([]);
    }, LIVES));

  it('by a newer one, with dropOldest: the evicted one leaves the store, also one that an earlier process left', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore();
      await publishAll(clientOn(world, store), 'a1', 'a2');
      const next = killed(store);
      const offlineQueue = { maxMessages: 2, overflow: 'dropOldest' } as const;
      const second = clientOn(world, next, { offlineQueue });
      const told = eventsOf(second);
      await second.queue.recovered;
      await publishAll(second, 'b1', 'b2', 'b3');
      await world.settled();
      expect(keptIn(next)).toEqual(['b2', 'b3']);
      expect(told.filter((line) => !line.startsWith('queued'))).toEqual([
        'recovered 2 0',
        ...['a1', 'a2', 'b1'].flatMap((topic) => [
          `dropped ${topic} QUEUE_EVICTED`,
          `undelivered ${topic} QUEUE_EVICTED`,
        ]),
      ]);
    }, CROWDED));

  it('that has no room is refused with QUEUE_FULL, and the store never hears of it', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore();
      const client = clientOn(world, store, { offlineQueue: { maxMessages: 1 } });
      const told = eventsOf(client);
      await publishAll(client, 'a');
      expect(await failureOf(client.publish('b', '', { qos: 1 }))).toMatchObject({ code: 'QUEUE_FULL' });
      await world.settled();
      expect([keptIn(store), store.batches.length]).toEqual([['a'], 1]);
      expect(told.slice(1)).toEqual(['queued a 1', 'dropped b QUEUE_FULL']);
    }, CROWDED));
});

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
          outcomeUnknown: false,
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

  it('is tried again at each new line, also when nobody publishes', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      await publishAll(clientOn(world, store), 'old');
      const next = killed(store);
      next.failNext('open', { error: LOCKED });
      const client = await live(clientOn(world, next));
      await world.pass(60_000);
      expect(topicsOf(broker)).toEqual([]);
      await broker.dropConnections();
      await world.retry(client);
      await client.when('live');
      await world.settled();
      expect(topicsOf(broker)).toEqual(['old']);
      expect(next.operations.filter((operation) => operation === 'open')).toHaveLength(2);
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

  it('by not answering for a while: publishes wait for it, all else works, and their own deadline ends them', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore('manual');
      const client = clientOn(world, store);
      const waits = fateOf(client.publish('waits', '', { qos: 1 }));
      const gaveUp = failureOf(client.publish('gave up', '', { qos: 1, timeoutMs: 30_000 }));
      await expectTheRestWorks(world.client(), broker);
      await live(client);
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
      const clock = new VirtualClock(performance.timeOrigin + performance.now());
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
    const clock = new VirtualClock();
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
