import { describe, expect, it } from 'vitest';
import { decodeRecord } from '../../src/delivery/record.ts';
import { type IotClient, IotError, levelStore, memoryStore, type PublishOptions } from '../../src/index.ts';
import { answer, type TakenMessage } from '../../src/testing/index.ts';
import { inWorld, type World } from '../faults/support/world.ts';
import { freshPath } from '../support/level-world.ts';
import { MemoryDurableStore } from '../support/memory-durable-store.ts';
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
import { failureOf } from './support.ts';

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
      await liveBeforeStore(world, second);
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

  it('goes before all that this process publishes, of QoS 0 too: a line waits for the store, up to a second', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      await publishAll(clientOn(world, store), 'old');
      const next = killed(store);
      next.mode = 'manual';
      const second = clientOn(world, next);
      const states: string[] = [];
      second.on('status', ({ state }) => void states.push(state));
      const connecting = second.connect();
      await world.pass(999);
      expect([second.status.state, broker.connections.length]).toEqual(['connecting', 0]);
      next.mode = 'automatic';
      next.next.succeed();
      await connecting;
      await second.publish('new', '', { qos: 0 });
      await second.when('live');
      await world.settled();
      expect(topicsOf(broker)).toEqual(['old', 'new']);
      expect(states).toEqual(['connecting', 'resubscribing', 'draining', 'live']);
    }, LIVES));

  it('holds up no disconnect() and no close(), and a line that nobody wants any more is not made', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore('manual');
      const client = clientOn(world, store);
      const connecting = failureOf(client.connect());
      await world.settled();
      await client.disconnect();
      expect(await connecting).toMatchObject({ code: 'DISCONNECTED' });
      store.mode = 'automatic';
      store.next.succeed();
      await world.pass(5_000);
      expect([client.status.state, broker.connections.length]).toEqual(['idle', 0]);
    }));

  it('drains at the pace of the drain also when the store is open only after the line is live', () =>
    inWorld(async (world, broker) => {
      const store = new MemoryDurableStore();
      await publishAll(clientOn(world, store), 'a1', 'a2', 'a3');
      const next = killed(store);
      next.mode = 'manual';
      const offlineQueue = { drain: { perSecond: 2 } };
      const second = await liveBeforeStore(world, clientOn(world, next, { offlineQueue }));
      const at: number[] = [];
      broker.onRecord(({ packet }) => packet === 'publish' && at.push(world.clock.now()));
      next.mode = 'automatic';
      next.next.succeed();
      await second.queue.recovered;
      const early = second.publish('b', 'x', { qos: 1 });
      const began = world.clock.now();
      await world.pass(3_000);
      expect((await early).state).toBe('delivered');
      expect(topicsOf(broker)).toEqual(['a1', 'a2', 'a3', 'b']);
      expect(at.map((time) => time - began)).toEqual([0, 500, 500, 1_000]);
    }, LIVES));

  it('lets what is published on a live line go at once, and drains nothing again, when the store was empty', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore('manual');
      const client = clientOn(world, store, { offlineQueue: { drain: { perSecond: 2 } } });
      const told = eventsOf(client);
      client.on('drained', () => void told.push('drained'));
      await liveBeforeStore(world, client);
      const call = client.publish('a', 'x', { qos: 1 });
      store.mode = 'automatic';
      store.next.succeed();
      expect((await call).state).toBe('delivered');
      await world.pass(2_000);
      expect(told).toEqual(['drained', 'recovered 0 0']);
    }));

  it.each([true, false])(
    'is told of no endless drain when much is recovered in its midst; adaptive %s',
    (adaptive) =>
      inWorld(async (world, broker) => {
        const store = new MemoryDurableStore();
        await publishAll(clientOn(world, store), 'a1', 'a2', 'a3', 'a4', 'a5');
        const next = killed(store);
        next.mode = 'manual';
        const second = clientOn(world, next, { offlineQueue: { drain: { perSecond: 2, adaptive } } });
        const told: string[] = [];
        second.on('endlessDrain', () => void told.push('endless'));
        second.on('drained', () => void told.push('drained'));
        await second.publish('b', '', { qos: 0 });
        const connecting = second.connect();
        await world.pass(1_000);
        await connecting;
        await world.settled();
        next.mode = 'automatic';
        next.next.succeed();
        await second.queue.recovered;
        await world.pass(2_499);
        expect([topicsOf(broker), told]).toEqual([['b', 'a1', 'a2', 'a3', 'a4', 'a5'], []]);
        await world.pass(1);
        expect(told).toEqual(['drained']);
      }, LIVES),
  );

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
        ...{ code: 'CLOSED', message: kept, outcomeUnknown: true },
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
