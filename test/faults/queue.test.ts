import { describe, expect, it } from 'vitest';
import type { IotClient, Message } from '../../src/index.ts';
import { answer, type ScriptedBroker } from '../../src/testing/index.ts';
import { inWorld, type World } from './support/world.ts';

const QUICK = { jitter: 'none' } as const;
const PAYLOAD_BYTES = 131_072;

const texts = (broker: ScriptedBroker): string[] => broker.messages.map(({ payload }) => payload.toString());

const numbers = (count: number): string[] => Array.from({ length: count }, (_, number) => `${number}`);

describe('fault:B-15 a burst of messages', () => {
  const BURST = 20_000;

  it('of 20,000 into slow loops: each keeps its bound by its own policy, others get all, each message has one PUBACK', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      const got: string[] = [];
      const lost: Record<string, number> = {};
      client.on('overflow', ({ filter, dropped }) => {
        lost[filter] = dropped;
      });
      const loop = (
        filter: string,
        overflow: 'dropOldest' | 'dropNewest',
      ): AsyncIterator<Message, undefined> =>
        client.messages(filter, { qos: 1, overflow })[Symbol.asyncIterator]();
      // Two filters, one topic: each loop is told of its own losses.
      const oldest = loop('news', 'dropOldest');
      const newest = loop('+', 'dropNewest');
      await client.subscribe('news', { qos: 1 }, () => new Promise(() => undefined));
      await client.subscribe('news', { qos: 1 }, (message) => void got.push(message.text()));
      await broker.when(() => broker.subscriptionsOf('device-1').size === 2);

      for (let number = 0; number < BURST; number++) broker.publish('news', `${number}`, { qos: 1 });
      const sent = broker.connections[0]!;
      await broker.when(() => sent.count('puback') === BURST);

      expect(got).toEqual(numbers(BURST));
      expect(lost).toEqual({ news: BURST - 1_000, '+': BURST - 1_000 });
      expect(await all(oldest, 1_000)).toEqual(numbers(BURST).slice(-1_000));
      expect(await all(newest, 1_000)).toEqual(numbers(1_000));
      const ids = broker.log.filter(({ packet }) => packet === 'puback').map(({ messageId }) => messageId);
      expect(new Set(ids).size).toBe(BURST);
      expect(broker.connections).toHaveLength(1);
      await Promise.all([oldest.return?.(), newest.return?.()]);
    }));

  it('is acknowledged as far as its handlers were called: what comes after the end of the line is not', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ session: 'persistent', reconnect: QUICK });
      let called = 0;
      await client.subscribe('news', { qos: 1 }, () => {
        called += 1;
        if (called === 500) void client.disconnect({ flushTimeoutMs: 0 });
      });
      for (let number = 0; number < 2_000; number++) broker.publish('news', `${number}`, { qos: 1 });
      await client.when('idle');
      expect(called).toBe(500);
      expect(broker.connections[0]!.count('puback')).toBe(499);
    }));

  async function all(iterator: AsyncIterator<Message, undefined>, count: number): Promise<string[]> {
    const got: string[] = [];
    while (got.length < count) got.push((await iterator.next()).value?.text() ?? 'end');
    return got;
  }
});

describe('fault:B-16 a payload', () => {
  it.each([4, 5] as const)(
    'of 0 and of 131,072 bytes goes out and comes in, with MQTT %i',
    (protocolVersion) =>
      inWorld(async (world) => {
        // As on AWS: room for the largest payload, its topic and little more.
        const client = await world.liveClient({ protocolVersion, maximumPacketBytes: PAYLOAD_BYTES + 1_024 });
        const sizes: number[] = [];
        await client.subscribe('news', { qos: 1 }, ({ payload }) => void sizes.push(payload.byteLength));
        for (const bytes of [0, PAYLOAD_BYTES])
          await client.publish('news', new Uint8Array(bytes), { qos: 1 });
        await world.settled();
        expect(sizes).toEqual([0, PAYLOAD_BYTES]);
      }),
  );

  it.each([4, 5] as const)(
    'of one byte more than fits under the inbound limit ends the line, with MQTT %i; the next one is sound',
    (protocolVersion) =>
      inWorld(async (world, broker) => {
        const topic = 'news';
        // Header 4, length of the topic 2, topic; MQTT 5: length of the properties 1.
        const most = PAYLOAD_BYTES + 4 + 2 + topic.length + (protocolVersion === 5 ? 1 : 0);
        const options = { protocolVersion, maximumPacketBytes: most, reconnect: QUICK };
        const client = await world.liveClient(options);
        const sizes: number[] = [];
        await client.subscribe(topic, ({ payload }) => void sizes.push(payload.byteLength));
        broker.publish(topic, new Uint8Array(PAYLOAD_BYTES));
        broker.publish(topic, new Uint8Array(PAYLOAD_BYTES + 1));
        expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'PACKET_TOO_LARGE' } });
        await world.retry(client);
        await client.when('live');
        broker.publish(topic, '1');
        await world.settled();
        expect(sizes).toEqual([PAYLOAD_BYTES, 1]);
      }),
  );

  it('of 256 MB that is announced ends the line at its header', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ reconnect: QUICK });
      broker.connections[0]!.raw(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f));
      expect(await client.when('backingOff')).toMatchObject({
        reason: { code: 'PACKET_TOO_LARGE', message: expect.stringContaining('268435460') },
      });
      await world.retry(client);
      await client.when('live');
    }));
});

describe('fault:B-20 retained messages', () => {
  const retained = (number: number) =>
    ({
      cmd: 'publish',
      topic: `news/${number}`,
      payload: `${number}`,
      qos: 0,
      dup: false,
      retain: true,
    }) as const;

  it('that flood in at SUBSCRIBE say that they are; a slow loop keeps its bound, and is told how many it lost', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      let lost = 0;
      client.on('overflow', ({ dropped }) => {
        lost = dropped;
      });
      const flags = new Set<boolean>();
      let handled = 0;
      const flood = Array.from({ length: 5_000 }, (_, number) => retained(number));
      broker.on({ packet: 'subscribe' }, answer.serve(), ({ connection }) => connection.send(...flood));
      const loop = client.messages('news/#', { bufferSize: 100 })[Symbol.asyncIterator]();
      const first = loop.next();
      await client.subscribe('news/#', (message) => {
        handled += 1;
        flags.add(message.retain);
      });
      expect((await first).value?.text()).toBe('0');
      await world.settled(100);
      expect([handled, lost, [...flags]]).toEqual([5_000, 5_000 - 1 - 100, [true]]);
      expect([client.status.state, broker.connections.length]).toEqual(['live', 1]);
      await loop.return?.();
    }));
});

describe('fault:G-12 a publish', () => {
  const waiting = ['q0', 'q1', 'q2', 'q3'];

  it('while the queue drains goes behind what waits, in order, and is told that it is queued', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      await Promise.all(waiting.map((topic) => client.publish(topic, topic, { qos: 1 })));
      await client.connect();
      await client.when('draining');
      const receipt = await client.publish('late', 'late', { qos: 1 });
      expect(receipt.state).toBe('queued');
      await world.pass(5_000);
      await receipt.delivered;
      expect(texts(broker)).toEqual([...waiting, 'late']);
      expect(client.status.state).toBe('live');
    }));

  it('while the client closes in the midst of a drain, and afterwards, is refused; what waits is told', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      const receipts = await Promise.all(waiting.map((topic) => client.publish(topic, topic, { qos: 1 })));
      await client.connect();
      await client.when('draining');
      const silence = broker.on({ packet: 'publish' }, answer.hang());
      const closing = client.close({ flushTimeoutMs: 1_000 });
      await expect(client.publish('late', 'late', { qos: 1 })).rejects.toMatchObject({ code: 'CLOSED' });
      await world.pass(2_000);
      await closing;
      silence.remove();
      await expect(client.publish('later', 'later', { qos: 1 })).rejects.toMatchObject({ code: 'CLOSED' });
      const ends = await Promise.allSettled(receipts.map(({ delivered }) => delivered));
      expect(ends.slice(1)).toEqual(
        waiting
          .slice(1)
          .map(() => expect.objectContaining({ reason: expect.objectContaining({ code: 'CLOSED' }) })),
      );
      expect(broker.log.filter(({ topic = '' }) => topic.startsWith('late'))).toEqual([]);
    }));
});

describe('fault:F-13 a message that waited, over which the broker ends each line', () => {
  /** Lets time pass until the client is live and has nothing left. */
  async function untilDone(world: World, client: IotClient): Promise<void> {
    const isDone = (): boolean =>
      client.status.state === 'live' && client.status.queued + client.status.inFlight === 0;
    for (let second = 0; second < 600 && !isDone(); second++) await world.pass(1_000);
  }

  it.each([
    ['MQTT 3.1.1: FIN', 4, answer.close()],
    ['MQTT 3.1.1: RST', 4, answer.reset()],
    ['MQTT 5: DISCONNECT 135', 5, answer.disconnect(135)],
  ] as const)('%s: it is parked and told, and the rest of the queue flows in order', (_what, version, end) =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'publish', topic: 'poison' }, end);
      const client = world.client({ protocolVersion: version });
      const parked: string[] = [];
      client.on('undelivered', ({ topic, error }) => parked.push(`${topic} ${error.code}`));
      const topics = ['q0', 'q1', 'poison', 'q3', 'q4', 'q5'];
      const receipts = await Promise.all(topics.map((topic) => client.publish(topic, topic, { qos: 1 })));
      await client.connect();
      await untilDone(world, client);
      const ends = await Promise.allSettled(receipts.map(({ delivered }) => delivered));
      expect(ends.map(({ status }) => status === 'fulfilled')).toEqual(
        topics.map((topic) => topic !== 'poison'),
      );
      expect(ends[2]).toMatchObject({ reason: { code: 'POISON_PUBLISH', outcomeUnknown: true } });
      expect(parked).toEqual(['poison POISON_PUBLISH']);
      // Each is there, in order; what was in flight when a line ended may be there twice.
      expect([...new Set(texts(broker))]).toEqual(['q0', 'q1', 'q3', 'q4', 'q5']);
      const tries = broker.log.filter(({ packet, topic }) => packet === 'publish' && topic === 'poison');
      expect(tries.length).toBeLessThanOrEqual(5);
      const lines = broker.connections.length;
      await world.pass(120_000);
      expect([client.status.state, broker.connections.length]).toEqual(['live', lines]);
    }),
  );
});
