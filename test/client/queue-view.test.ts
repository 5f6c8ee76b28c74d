import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ClientEvents, IotClient, QueueChanges, QueuedMessage } from '../../src/index.ts';
import { answer, type ScriptedBroker } from '../../src/testing/index.ts';
import { inWorld } from '../faults/support/world.ts';
import { MemoryDurableStore } from '../support/memory-durable-store.ts';
import { failureOf, thrownBy } from './support.ts';

const UNPACED = { perSecond: Number.POSITIVE_INFINITY } as const;
const QUICK = { jitter: 'none' } as const;
/** The harness counts what is published until the end of the call, also when that end is a refusal. */
const CROWDED = { except: { I9: 'a publish that is refused counts until its call has ended' } };
const MORE = { except: { I9: 'the limits are changed' } };

const topicsOf = (broker: ScriptedBroker): string[] => broker.messages.map(({ topic }) => topic);

const shown = (client: IotClient): string[] =>
  [...client.queue].map(({ topic, state }) => `${topic} ${state}`);

async function publishAll(client: IotClient, ...topics: readonly string[]): Promise<void> {
  for (const topic of topics) await client.publish(topic, topic, { qos: 1 });
}

/** What a client tells of its queue from now on, each as a line. */
function newsOf(client: IotClient): string[] {
  const told: string[] = [];
  const note = <K extends keyof ClientEvents>(event: K, line: (value: ClientEvents[K]) => string): void =>
    void client.on(event, (value) => told.push(`${event} ${line(value)}`));
  note('queued', ({ topic, qos, queued }) => `${topic} qos ${qos}, ${queued} wait`);
  note('dropped', ({ topic, qos, error }) => `${topic} qos ${qos} ${error.code}`);
  note('drained', ({ inFlight }) => `${inFlight} in flight`);
  note('undelivered', ({ topic, qos, error }) => `${topic} qos ${qos} ${error.code}`);
  return told;
}

describe('client.queue', () => {
  it('counts what waits, what is in flight and the bytes that wait', () =>
    inWorld(async (world, broker) => {
      const silence = broker.on({ packet: 'publish' }, answer.hang());
      const client = world.client({ protocolVersion: 5, reconnect: QUICK, offlineQueue: { drain: UNPACED } });
      const figures = () => {
        const { queued, inFlight, bytes } = client.queue;
        expect(client.status).toMatchObject({ queued, inFlight });
        return [queued, inFlight, bytes];
      };
      expect(figures()).toEqual([0, 0, 0]);
      await client.publish('ä', 'ünï', { qos: 1 });
      expect(figures()).toEqual([1, 0, 7]);
      await client.publish('b', new Uint8Array(100));
      expect(figures()).toEqual([2, 0, 108]);
      await client.publish('c', '', { qos: 1, properties: { contentType: 'text/plain' } });
      expect(figures()).toEqual([3, 0, 109 + 13]);
      await client.connect();
      await world.settled();
      // QoS 0 is over when the socket has it.
      expect(figures()).toEqual([0, 2, 0]);
      await broker.dropConnections();
      await client.when('backingOff');
      // What is sent again counts against no bound.
      expect(figures()).toEqual([2, 0, 0]);
      silence.remove();
      await world.retry(client);
      await client.when('live');
      await world.settled();
      expect(figures()).toEqual([0, 0, 0]);
    }));

  it('shows the messages in the order in which they are sent, each with its state', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'publish', topic: 'open 1', times: 1 }, answer.hang());
      broker.on({ packet: 'publish', topic: 'open 2' }, answer.hang());
      const client = await world.liveClient({ reconnect: QUICK });
      expect(shown(client)).toEqual([]);
      void client.publish('open 1', '', { qos: 1 });
      void client.publish('open 2', '', { qos: 1 });
      await world.settled();
      expect(shown(client)).toEqual(['open 1 inFlight', 'open 2 inFlight']);
      await broker.dropConnections();
      await client.when('backingOff');
      await publishAll(client, 'a', 'b', 'c');
      const waiting = ['a waiting', 'b waiting', 'c waiting'];
      expect(shown(client)).toEqual(['open 1 toResend', 'open 2 toResend', ...waiting]);
      await world.retry(client);
      await client.when('draining');
      await world.settled();
      expect(shown(client)).toEqual(['open 2 inFlight', 'b waiting', 'c waiting']);
      await world.pass(1_000);
      expect(shown(client)).toEqual(['open 2 inFlight']);
    }));

  it('shows each message as it was published', () =>
    inWorld(async (world) => {
      const client = world.client({ protocolVersion: 5 });
      const properties = {
        contentType: 'a',
        correlationData: Uint8Array.of(1, 2),
        userProperties: { k: ['1', '2'] },
      };
      await client.publish('a', 'text');
      await client.publish('b', Uint8Array.of(1, 2, 3), { qos: 1, retain: true });
      await client.publish('c', { json: true }, { properties });
      expect([...client.queue]).toEqual([
        { topic: 'a', payload: 'text', qos: 0, retain: false, state: 'waiting' },
        { topic: 'b', payload: Uint8Array.of(1, 2, 3), qos: 1, retain: true, state: 'waiting' },
        { topic: 'c', payload: '{"json":true}', qos: 0, retain: false, properties, state: 'waiting' },
      ]);
    }));

  it('gives copies: nothing that is done to them changes what is sent', () =>
    inWorld(async (world, broker) => {
      const client = world.client({ protocolVersion: 5, offlineQueue: { drain: UNPACED } });
      const properties = { correlationData: Uint8Array.of(1, 2), userProperties: { k: ['1', '2'], l: '3' } };
      await client.publish('a', Uint8Array.of(1, 2, 3), { qos: 1, properties });
      type Loose = { topic: string; payload: Uint8Array; properties: typeof properties };
      for (const [one] of [[...client.queue], [...client.queue]]) {
        const message = one as unknown as Loose;
        message.topic = 'changed';
        message.payload.fill(9);
        message.properties.correlationData.fill(9);
        message.properties.userProperties.k.push('4');
        message.properties.userProperties.l = 'changed';
      }
      expect([...client.queue]).toMatchObject([{ topic: 'a', payload: Uint8Array.of(1, 2, 3), properties }]);
      await client.connect();
      await client.when('live');
      await world.settled();
      expect(broker.messages).toMatchObject([{ topic: 'a', payload: Buffer.of(1, 2, 3) }]);
      expect(broker.messages[0]?.properties).toMatchObject({
        ...{ correlationData: Buffer.of(1, 2), userProperties: { k: ['1', '2'], l: '3' } },
      });
    }));

  it('may be walked twice, while it changes, and by a reader that goes away', () =>
    inWorld(async (world) => {
      const client = world.client();
      await publishAll(client, 'a', 'b', 'c');
      const topics: string[] = [];
      for (const { topic } of client.queue) {
        topics.push(topic);
        void client.publish(`${topic} again`, '');
        if (topic === 'b') break;
      }
      expect(topics).toEqual(['a', 'b']);
      const [first, again]: QueuedMessage[][] = [[...client.queue], [...client.queue]];
      expect(first?.map(({ topic }) => topic)).toEqual(['a', 'b', 'c', 'a again', 'b again']);
      expect(again).toEqual(first);
    }));

  it('shows what the store does not have yet as well, and nothing that has ended', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore();
      const client = world.client({ offlineQueue: { store } });
      await client.queue.recovered;
      store.mode = 'manual';
      const aborting = new AbortController();
      void client.publish('a', '', { qos: 1 });
      client.publish('b', '', { qos: 1, signal: aborting.signal }).catch(() => undefined);
      expect(shown(client)).toEqual(['a waiting', 'b waiting']);
      aborting.abort(new Error('enough'));
      expect(shown(client)).toEqual(['a waiting']);
      await world.settled();
      store.mode = 'automatic';
      store.next.succeed();
      await world.settled();
      expect([client.queue.queued, shown(client)]).toEqual([1, ['a waiting']]);
    }));

  it('is empty when the client is closed, and prints what it is, without the messages', () =>
    inWorld(async (world) => {
      const client = world.client();
      await client.publish('secret', 'secret');
      const text = inspect(client.queue, { depth: 9 });
      expect(text).toContain('queued: 1');
      expect(text).toContain("overflow: 'dropNewest'");
      expect(text).not.toContain('secret');
      await client.close();
      const { queued, inFlight, bytes } = client.queue;
      expect([queued, inFlight, bytes, shown(client)]).toEqual([0, 0, 0, []]);
    }));
});

describe('client.queue.configure()', () => {
  const DEFAULTS = {
    maxMessages: 20,
    maxBytes: 67_108_864,
    overflow: 'dropNewest',
    drain: { perSecond: 2, adaptive: true },
  } as const;

  it('changes what it names, and `options` shows what is in force', () =>
    inWorld(async (world) => {
      const client = world.client();
      const { queue } = client;
      expect(queue.options).toEqual(DEFAULTS);
      queue.configure({});
      queue.configure({ maxMessages: undefined, drain: undefined } as unknown as QueueChanges);
      expect(queue.options).toEqual(DEFAULTS);
      queue.configure({ maxMessages: 5 });
      queue.configure({ maxBytes: 1_000, overflow: 'dropOldest' });
      queue.configure({ drain: { adaptive: false } });
      queue.configure({ drain: { perSecond: 7 } });
      expect(queue.options).toEqual({
        ...{ maxMessages: 5, maxBytes: 1_000, overflow: 'dropOldest' },
        drain: { perSecond: 7, adaptive: false },
      });
      queue.configure(DEFAULTS);
      expect(queue.options).toEqual(DEFAULTS);
      // What it shows is a copy.
      Object.assign(queue.options, { maxMessages: 1 });
      Object.assign(queue.options.drain, { perSecond: 1 });
      expect(queue.options).toEqual(DEFAULTS);
    }));

  it.each<[string, QueueChanges, number]>([
    ['fewer messages', { maxMessages: 2 }, 5],
    ['fewer bytes', { maxBytes: 4 }, 5],
  ])(
    'py:Q23 keeps what waits when it allows %s; what is added is refused until there is room',
    (_what, changes, all) =>
      inWorld(async (world, broker) => {
        const client = world.client();
        const told = newsOf(client);
        await publishAll(client, 'a', 'b', 'c', 'd', 'e');
        client.queue.configure(changes);
        expect(client.queue.queued).toBe(all);
        expect(await failureOf(client.publish('f', 'f', { qos: 1 }))).toMatchObject({ code: 'QUEUE_FULL' });
        await client.connect();
        // Three have gone, and two wait.
        await world.pass(1_200);
        expect(client.queue.queued).toBe(2);
        expect(await failureOf(client.publish('g', 'g', { qos: 1 }))).toMatchObject({ code: 'QUEUE_FULL' });
        await world.pass(500);
        await client.publish('h', 'h', { qos: 1 });
        await world.pass(5_000);
        expect(topicsOf(broker)).toEqual(['a', 'b', 'c', 'd', 'e', 'h']);
        expect(told.filter((line) => line.startsWith('dropped'))).toEqual([
          ...['dropped f qos 1 QUEUE_FULL', 'dropped g qos 1 QUEUE_FULL'],
        ]);
      }, CROWDED),
  );

  it.each<[string, QueueChanges]>([
    ['fewer messages', { maxMessages: 2, overflow: 'dropOldest' }],
    ['fewer bytes', { maxBytes: 4, overflow: 'dropOldest' }],
  ])(
    'py:Q23 keeps what waits when it allows %s; what is added, with dropOldest, takes the place of as much',
    (_what, changes) =>
      inWorld(async (world) => {
        const client = world.client();
        await publishAll(client, 'a', 'b', 'c', 'd', 'e');
        client.queue.configure(changes);
        expect(client.queue.queued).toBe(5);
        await publishAll(client, 'f');
        expect(shown(client).map((line) => line[0])).toEqual(['b', 'c', 'd', 'e', 'f']);
      }, CROWDED),
  );

  it('makes room at once when it allows more', () =>
    inWorld(async (world) => {
      const client = world.client({ offlineQueue: { maxMessages: 1 } });
      await publishAll(client, 'a');
      expect(await failureOf(client.publish('b', '', { qos: 1 }))).toMatchObject({ code: 'QUEUE_FULL' });
      client.queue.configure({ maxMessages: Number.POSITIVE_INFINITY });
      await publishAll(client, 'c', 'd');
      expect(client.queue.queued).toBe(3);
    }, MORE));

  it('changes the pace of a drain that is under way', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      const at: number[] = [];
      broker.onRecord(({ packet, direction }) => {
        if (packet === 'publish' && direction === 'toBroker') at.push(world.clock.now());
      });
      await publishAll(client, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
      await client.connect();
      await world.pass(600);
      expect(at).toEqual([0, 500]);
      client.queue.configure({ drain: { perSecond: 10 } });
      await world.pass(300);
      const faster = at.slice(2);
      expect(faster.length).toBeGreaterThanOrEqual(2);
      expect(faster.at(-1)).toBeLessThanOrEqual(900);
      client.queue.configure({ drain: UNPACED });
      await world.settled();
      await world.pass(100);
      expect(topicsOf(broker)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
      await world.pass(10_000);
      expect(client.status.state).toBe('live');
    }));

  it('can be asked in any state, also when the client is closed', () =>
    inWorld(async (world) => {
      const client = await world.liveClient();
      client.queue.configure({ maxMessages: 3, drain: { perSecond: 1 } });
      expect(client.queue.options).toMatchObject({ maxMessages: 3, drain: { perSecond: 1 } });
      await client.close();
      expect(() => client.queue.configure({ maxMessages: 4, drain: { perSecond: 2 } })).not.toThrow();
    }, MORE));

  it('does not switch a queue on that is off', () =>
    inWorld(async (world) => {
      const client = world.client({ offlineQueue: false });
      client.queue.configure({ maxMessages: 5 });
      expect(await failureOf(client.publish('a', '', { qos: 1 }))).toMatchObject({ code: 'NOT_CONNECTED' });
    }));

  it.each<[unknown, string]>([
    [undefined, 'changes must be an object; given: undefined'],
    [null, 'changes must be an object; given: null'],
    [5, 'changes must be an object; given: 5'],
    [{ maxMessages: 0 }, 'maxMessages must be a whole number from 1, or Infinity; given: 0'],
    [{ maxMessages: -1 }, 'maxMessages must be a whole number from 1, or Infinity; given: -1'],
    [{ maxBytes: 1.5 }, 'maxBytes must be a whole number from 1, or Infinity; given: 1.5'],
    [{ maxBytes: '9' }, 'maxBytes must be a whole number from 1, or Infinity; given: "9"'],
    [{ overflow: 'drop' }, 'overflow must be "dropNewest" or "dropOldest"; given: "drop"'],
    [{ drain: 5 }, 'drain must be an object; given: 5'],
    [
      { drain: { perSecond: 0 } },
      'drain.perSecond must be a positive number of messages a second, or Infinity; given: 0',
    ],
    [{ drain: { adaptive: 'yes' } }, 'drain.adaptive must be true or false; given: "yes"'],
    [{ drain: { pace: 1 } }, 'drain has no field "pace"; it may have perSecond, adaptive'],
    [
      { store: undefined },
      'changes has no field "store"; it may have maxMessages, maxBytes, overflow, drain',
    ],
  ])('refuses %j, and changes nothing then', (bad, message) =>
    inWorld(async (world) => {
      const { queue } = world.client();
      // What is right beside it is not taken either, whatever comes first.
      const good = { maxMessages: 9, overflow: 'dropOldest', drain: { perSecond: 9 } } as const;
      const all =
        typeof bad === 'object' && bad !== null
          ? [bad, { ...good, ...bad }, { ...bad, ...good, ...bad }]
          : [bad];
      for (const changes of all) {
        const error = thrownBy(() => queue.configure(changes as QueueChanges));
        expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message });
        expect(queue.options).toEqual(DEFAULTS);
      }
    }),
  );
});

describe('the events of a queue', () => {
  it('queued: each publish that waits, once, with how many wait; not again when a line comes and goes', () =>
    inWorld(async (world, broker) => {
      const silence = broker.on({ packet: 'publish' }, answer.hang());
      const client = world.client({ reconnect: QUICK, offlineQueue: { drain: UNPACED } });
      const told = newsOf(client);
      await client.publish('a', '');
      await client.publish('b', '', { qos: 1 });
      await world.settled();
      expect(told).toEqual(['queued a qos 0, 1 wait', 'queued b qos 1, 2 wait']);
      await client.connect();
      await client.when('live');
      void client.publish('c', '', { qos: 1 });
      await world.settled();
      await broker.dropConnections();
      await client.when('backingOff');
      await world.settled();
      expect(told.slice(2)).toEqual(['drained 1 in flight', 'queued c qos 1, 2 wait']);
      silence.remove();
      await world.retry(client);
      await client.when('live');
      await world.settled();
      expect(told.slice(4).filter((line) => !line.startsWith('drained'))).toEqual([]);
      expect(topicsOf(broker)).toEqual(['b', 'c']);
    }));

  it('queued: not what is sent at once, nor what is refused', () =>
    inWorld(async (world) => {
      const client = await world.liveClient({ offlineQueue: false });
      const told = newsOf(client);
      await client.publish('a', '');
      await client.publish('b', '', { qos: 1 });
      await client.disconnect();
      expect(await failureOf(client.publish('c', ''))).toMatchObject({ code: 'NOT_CONNECTED' });
      await world.settled();
      expect(told).toEqual([]);
    }));

  it('dropped: the one that is refused, or the one that makes way; of that one undelivered too', () =>
    inWorld(async (world) => {
      const client = world.client({ offlineQueue: { maxMessages: 1 } });
      const told = newsOf(client);
      await client.publish('a', '');
      await failureOf(client.publish('b', '', { qos: 1 }));
      client.queue.configure({ overflow: 'dropOldest' });
      await client.publish('c', '', { qos: 1 });
      await world.settled();
      expect(told).toEqual([
        'queued a qos 0, 1 wait',
        'dropped b qos 1 QUEUE_FULL',
        'dropped a qos 0 QUEUE_EVICTED',
        'undelivered a qos 0 QUEUE_EVICTED',
        'queued c qos 1, 1 wait',
      ]);
    }, CROWDED));

  it('dropped: one that makes way before the store has it is told as dropped, and its publish rejects', () =>
    inWorld(async (world) => {
      const store = new MemoryDurableStore('manual');
      const client = world.client({ offlineQueue: { store, maxMessages: 1, overflow: 'dropOldest' } });
      const told = newsOf(client);
      const evicted = failureOf(client.publish('a', '', { qos: 1 }));
      const kept = client.publish('b', '', { qos: 1 });
      expect(await evicted).toMatchObject({ code: 'QUEUE_EVICTED', outcomeUnknown: false });
      store.mode = 'automatic';
      await world.settled();
      store.next.succeed();
      await kept;
      expect(told).toEqual(['dropped a qos 1 QUEUE_EVICTED', 'queued b qos 1, 1 wait']);
    }, CROWDED));

  it('dropped: what is too large for the queue, also on a live line that is busy', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'publish' }, answer.hang());
      const client = await world.liveClient({
        offlineQueue: { maxBytes: 10 },
        rateLimit: { publishesPerSecond: 1 },
      });
      const told = newsOf(client);
      void client.publish('a', '', { qos: 1 });
      expect(await failureOf(client.publish('b', 'ten more bytes'))).toMatchObject({ code: 'QUEUE_FULL' });
      expect(told).toEqual(['dropped b qos 0 QUEUE_FULL']);
    }, CROWDED));

  it.each<[string, (client: IotClient, aborting: AbortController) => unknown, string]>([
    ['aborted', (_client, aborting) => aborting.abort(new Error('enough')), 'ABORTED'],
    ['closed', (client) => client.close(), 'CLOSED'],
  ])('undelivered: what was accepted and then %s, once', (_what, end, code) =>
    inWorld(async (world) => {
      const client = world.client();
      const told = newsOf(client);
      const aborting = new AbortController();
      const receipt = await client.publish('a', '', { qos: 1, signal: aborting.signal });
      receipt.delivered.catch(() => undefined);
      await end(client, aborting);
      await world.settled();
      expect(told.slice(1)).toEqual([`undelivered a qos 1 ${code}`]);
      expect(receipt.state).toBe('undelivered');
    }),
  );

  it('undelivered: not what nobody was told of as accepted; its publish rejects', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'publish' }, answer.hang());
      const client = await world.liveClient();
      const told = newsOf(client);
      const call = failureOf(client.publish('a', '', { qos: 1, timeoutMs: 100 }));
      await world.pass(100);
      expect(await call).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: true });
      expect(told).toEqual([]);
    }));

  it('drained: when all that waited for this line is sent, once a line', () =>
    inWorld(async (world, broker) => {
      const client = world.client({ reconnect: QUICK, offlineQueue: { drain: { perSecond: 1 } } });
      const told = newsOf(client);
      const drained = (): string[] => told.filter((line) => line.startsWith('drained'));
      // Nothing had waited.
      await client.connect();
      await world.pass(30_000);
      expect(drained()).toEqual(['drained 0 in flight']);
      await broker.dropConnections();
      await client.when('backingOff');
      await publishAll(client, 'a', 'b');
      await world.retry(client);
      await world.pass(500);
      expect([topicsOf(broker), drained().length]).toEqual([['a'], 1]);
      await world.pass(10_000);
      expect([topicsOf(broker), drained().length]).toEqual([['a', 'b'], 2]);
    }));
});
