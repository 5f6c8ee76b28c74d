import { describe, expect, it } from 'vitest';
import type { IotClient, Message } from '../../src/index.ts';
import { answer, type ScriptedBroker } from '../../src/testing/index.ts';
import { inWorld } from '../faults/support/world.ts';

const PERSISTENT = { session: 'persistent', reconnect: { jitter: 'none' } } as const;
const BROKEN = new Error('handler broke');

const broken = (): never => {
  throw BROKEN;
};

/** The message ids that the client has acknowledged on its nth connection, in order. */
function acknowledged(broker: ScriptedBroker, connection = 1): (number | undefined)[] {
  return broker.log
    .filter((record) => record.packet === 'puback' && record.direction === 'toBroker')
    .filter((record) => record.connection === connection)
    .map(({ messageId }) => messageId);
}

/** Publishes as somebody else would, and waits for the PUBACKs. */
async function send(broker: ScriptedBroker, topic: string, texts: readonly string[]): Promise<void> {
  const before = acknowledged(broker).length;
  for (const text of texts) broker.publish(topic, text, { qos: 1 });
  await broker.when(() => acknowledged(broker).length === before + texts.length);
}

/** A loop that has begun. `granted` when the broker has its filter. */
async function loop(
  broker: ScriptedBroker,
  client: IotClient,
  options: Parameters<IotClient['messages']>[1] = {},
): Promise<AsyncIterator<Message, undefined>> {
  const iterator = client.messages('news', { qos: 1, ...options })[Symbol.asyncIterator]();
  await broker.when(() => broker.subscriptionsOf('device-1').has('news'));
  return iterator;
}

async function take(iterator: AsyncIterator<Message, undefined>, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) texts.push((await iterator.next()).value?.text() ?? 'end');
  return texts;
}

describe('the PUBACK of a message of QoS 1', () => {
  /** A handler that ends the line in the middle of a message: what is acknowledged before, the broker gets before its end. */
  const ending =
    (client: IotClient, got: string[], at: string) =>
    (message: Message): void => {
      got.push(message.text());
      if (message.text() !== at || got.filter((text) => text === at).length > 1) return;
      void client.disconnect({ flushTimeoutMs: 0 });
    };

  it.each<[string, ((message: Message) => unknown)[]]>([
    ['one handler', []],
    ['a handler before it', [() => undefined]],
    ['a handler before it that throws', [broken]],
    ['a handler before it whose promise rejects', [() => Promise.reject(BROKEN)]],
    ['a handler before it whose promise never settles', [() => new Promise(() => undefined)]],
  ])('comes after its handlers were called, and not when one of them ends the line: %s', (_what, before) =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient(PERSISTENT);
      client.on('handlerError', () => undefined);
      const got: string[] = [];
      for (const handler of before) await client.subscribe('news', { qos: 1 }, handler);
      await client.subscribe('news', { qos: 1 }, ending(client, got, '2'));
      for (const text of ['1', '2', '3']) broker.publish('news', text, { qos: 1 });
      await client.when('idle');
      expect(got).toEqual(['1', '2']);
      expect(acknowledged(broker)).toHaveLength(1);
      // The broker has kept the second one, so that it is not lost to a process that died over it.
      await client.connect();
      await broker.when(() => acknowledged(broker, 2).length === 2);
      expect(got).toEqual(['1', '2', '2', '3']);
    }),
  );

  it('comes after the listeners of `message` were called too', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient(PERSISTENT);
      const got: string[] = [];
      await client.subscribe('news', { qos: 1 }, () => undefined);
      client.on('message', ending(client, got, '1'));
      broker.publish('news', '1', { qos: 1 });
      await client.when('idle');
      expect(acknowledged(broker)).toEqual([]);
    }));

  it.each<[string, () => unknown]>([
    ['throws', broken],
    ['rejects', () => Promise.reject(BROKEN)],
    ['never settles', () => new Promise(() => undefined)],
  ])('comes although a handler %s, and the other handlers are called', (_what, faulty) =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      const got: string[] = [];
      client.on('handlerError', ({ error }) => got.push((error as Error).message));
      const note = (name: string) => (message: Message) => void got.push(`${name} ${message.text()}`);
      await client.subscribe('news', { qos: 1 }, note('first'));
      await client.subscribe('news', { qos: 1 }, faulty);
      await client.subscribe('+', { qos: 1 }, note('last'));
      await send(broker, 'news', ['1', '2']);
      expect(got.filter((text) => text !== BROKEN.message)).toEqual([
        ...['first 1', 'last 1', 'first 2', 'last 2'],
      ]);
      expect(acknowledged(broker)).toEqual([1, 2]);
      expect(client.status.state).toBe('live');
    }),
  );
});

describe('a loop over messages()', () => {
  it.each([
    ['dropOldest', ['3', '4', '5']],
    ['dropNewest', ['0', '1', '2']],
  ] as const)('keeps no more than its buffer, with %s, and takes what comes later', (overflow, kept) =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      const told: unknown[] = [];
      client.on('overflow', (event) => told.push(event));
      const iterator = await loop(broker, client, { bufferSize: 3, overflow });
      await send(broker, 'news', ['0', '1', '2', '3', '4', '5']);
      await world.settled();
      expect(told.at(-1)).toEqual({ filter: 'news', dropped: 3 });
      expect(await take(iterator, 3)).toEqual(kept);
      await send(broker, 'news', ['6']);
      expect(await take(iterator, 1)).toEqual(['6']);
      await iterator.return?.();
    }),
  );

  it('has a buffer of its own beside another of the same filter: each loses by its own bound and policy', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      const small = await loop(broker, client, { bufferSize: 2, overflow: 'dropNewest' });
      const large = await loop(broker, client, { bufferSize: 4, overflow: 'dropOldest' });
      const quick: string[] = [];
      const reading = (async () => {
        for await (const message of client.messages('news', { qos: 1, bufferSize: 1 }))
          if (quick.push(message.text()) === 6) return;
      })();
      for (const text of ['0', '1', '2', '3', '4', '5']) {
        await send(broker, 'news', [text]);
        await world.settled(1);
      }
      await reading;
      expect(quick).toEqual(['0', '1', '2', '3', '4', '5']);
      expect(await take(large, 4)).toEqual(['2', '3', '4', '5']);
      expect(await take(small, 2)).toEqual(['0', '1']);
      await small.return?.();
      await send(broker, 'news', ['6']);
      expect(await take(large, 1)).toEqual(['6']);
      await large.return?.();
    }));

  it('that stands still holds up no other loop, no handler, no publish and no ping', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      let isStanding = false;
      let goOn = (): void => undefined;
      const standing = (async () => {
        for await (const _ of client.messages('news', { qos: 1 })) {
          isStanding = true;
          await new Promise<void>((resolve) => {
            goOn = resolve;
          });
          break;
        }
      })();
      const got: string[] = [];
      await client.subscribe('news', { qos: 1 }, (message) => void got.push(message.text()));
      await send(broker, 'news', ['0', '1', '2']);
      expect([isStanding, got]).toEqual([true, ['0', '1', '2']]);
      expect(await client.publish('a', 'b', { qos: 1 })).toMatchObject({ state: 'delivered' });
      await world.pass(90_000);
      expect(broker.connections[0]?.count('pingreq')).toBeGreaterThan(1);
      expect(client.status.state).toBe('live');
      goOn();
      await standing;
    }));

  it.each<[string, (client: IotClient) => Promise<unknown>]>([
    [
      'breaks',
      async (client) => {
        for await (const _ of client.messages('news')) break;
      },
    ],
    [
      'returns',
      async (client) => {
        for await (const message of client.messages('news')) return message.text();
        return undefined;
      },
    ],
    [
      'throws',
      async (client) => {
        for await (const _ of client.messages('news')) throw BROKEN;
      },
    ],
  ])('that %s unsubscribes, once, and gets nothing more', (_what, run) =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      const ended = run(client).catch((error: unknown) => error);
      await broker.when(() => broker.publish('news', '1') > 0);
      expect([undefined, '1', BROKEN]).toContain(await ended);
      await broker.when(() => broker.subscriptionsOf('device-1').size === 0);
      await world.settled();
      expect(broker.connections[0]?.count('unsubscribe')).toBe(1);
    }),
  );

  it('that is left keeps the subscription of those who stay', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      const [leaves, stays] = [await loop(broker, client), await loop(broker, client)];
      await leaves.return?.();
      await world.settled();
      expect(broker.connections[0]?.count('unsubscribe')).toBe(0);
      await send(broker, 'news', ['1']);
      expect(await take(stays, 1)).toEqual(['1']);
      await stays.return?.();
      await broker.when(() => broker.connections[0]?.count('unsubscribe') === 1);
    }));

  it('that is left while its SUBSCRIBE is unanswered is unsubscribed when that is answered', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      broker.on({ packet: 'subscribe' }, answer.delay(1_000, world.clock), answer.serve());
      const iterator = client.messages('news')[Symbol.asyncIterator]();
      await broker.when(() => broker.connections[0]?.count('subscribe') === 1);
      await iterator.return?.();
      await world.pass(2_000);
      expect(broker.subscriptionsOf('device-1').size).toBe(0);
    }));
});
