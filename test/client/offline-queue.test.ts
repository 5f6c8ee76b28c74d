import { describe, expect, it } from 'vitest';
import {
  createIotClient,
  type IotClient,
  mutualTls,
  type OfflineQueueOptions,
  type PublishReceipt,
  type StatusState,
} from '../../src/index.ts';
import { answer, type ScriptedBroker } from '../../src/testing/index.ts';
import { inWorld, type World } from '../faults/support/world.ts';
import { failureOf } from './support.ts';

const UNPACED = { perSecond: Number.POSITIVE_INFINITY } as const;
const QUICK = { jitter: 'none' } as const;
/** The harness counts what is published until the end of the call, also when that end is a refusal. */
const CROWDED = { except: { I9: 'a publish that is refused counts until its call has ended' } };

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `m${from + index}`);

const texts = (broker: ScriptedBroker): string[] => broker.messages.map(({ payload }) => payload.toString());

/** Publishes these one after the other; what each call came to. */
async function publishAll(client: IotClient, payloads: readonly string[], qos: 0 | 1 = 1): Promise<string[]> {
  const calls = payloads.map((payload) => client.publish('a', payload, { qos }));
  const ends = await Promise.allSettled(calls);
  return ends.map((end) => (end.status === 'fulfilled' ? end.value.state : end.reason.code));
}

async function connectAndDrain(client: IotClient): Promise<void> {
  await client.connect();
  await client.when('live');
}

describe('without a live line', () => {
  type Bring = (world: World, broker: ScriptedBroker) => Promise<IotClient>;
  const connecting = (client: IotClient): void => void client.connect().catch(() => undefined);

  const NO_LINE: readonly (readonly [StatusState, Bring])[] = [
    ['idle', (world) => Promise.resolve(world.client())],
    [
      'connecting',
      (world, broker) => {
        broker.on({ packet: 'connect' }, answer.hang());
        const client = world.client();
        connecting(client);
        return Promise.resolve(client);
      },
    ],
    [
      'backingOff',
      async (world, broker) => {
        const client = await world.liveClient();
        await broker.dropConnections();
        await client.when('backingOff');
        return client;
      },
    ],
  ];

  it.each(NO_LINE)(
    'py:Q13 py:Q14 py:R6 %s: a publish is queued, a subscription recorded, an unsubscribe done; none is an error',
    (state, bring) =>
      inWorld(async (world, broker) => {
        const client = await bring(world, broker);
        // Without a wait in between: what a call says does not depend on the answer to the one before.
        const publishing = [client.publish('a', '0'), client.publish('a', '1', { qos: 1 })];
        const subscribing = client.subscribe('b', () => undefined);
        const unsubscribing = client.unsubscribe('c');
        expect((await Promise.all(publishing)).map((receipt) => receipt.state)).toEqual(['queued', 'queued']);
        expect((await subscribing).state).toBe('recorded');
        await unsubscribing;
        expect(client.status).toMatchObject({ state, queued: 2, inFlight: 0 });
      }),
  );

  it.each<[StatusState, Bring]>([
    [
      'resubscribing',
      async (world, broker) => {
        broker.on({ packet: 'subscribe' }, answer.hang());
        const client = world.client();
        await client.subscribe('b', () => undefined);
        connecting(client);
        return client;
      },
    ],
    [
      'draining',
      async (world) => {
        const client = world.client();
        await client.publish('a', 'old 1', { qos: 1 });
        await client.publish('a', 'old 2', { qos: 1 });
        connecting(client);
        return client;
      },
    ],
  ])('py:Q13 py:Q14 %s: a publish is queued', (state, bring) =>
    inWorld(
      async (world, broker) => {
        const client = await bring(world, broker);
        await client.when(state);
        const publishing = [client.publish('a', '0'), client.publish('a', '1', { qos: 1 })];
        expect((await Promise.all(publishing)).map((receipt) => receipt.state)).toEqual(['queued', 'queued']);
        expect(client.status.state).toBe(state);
      },
      { except: { I8: 'SUBACKs are held back' } },
    ),
  );

  it('py:Q12 nothing waits: nothing is published when the line is back', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      await connectAndDrain(client);
      await world.pass(5_000);
      expect(broker.connections[0]?.count('publish')).toBe(0);
      expect(client.status).toMatchObject({ state: 'live', queued: 0 });
      expect([...client.queue]).toEqual([]);
    }));

  it('py:Q16 switched off: a publish is refused with NOT_CONNECTED; subscriptions are recorded all the same', () =>
    inWorld(async (world, broker) => {
      const client = world.client({ offlineQueue: false });
      expect(await publishAll(client, ['1', '2'])).toEqual(['NOT_CONNECTED', 'NOT_CONNECTED']);
      const subscription = await client.subscribe('b', () => undefined);
      expect(subscription.state).toBe('recorded');
      await client.unsubscribe('c');
      await connectAndDrain(client);
      expect(subscription.state).toBe('granted');
      expect(texts(broker)).toEqual([]);
    }));

  it('py:Q22 a receipt ends with the acknowledgement, with the loss, or with the client', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'publish', topic: 'a', nth: 3 }, answer.hang());
      const offlineQueue = { maxMessages: 3, overflow: 'dropOldest', drain: UNPACED } as const;
      const client = world.client({ offlineQueue });
      const ends: string[] = [];
      for (const text of ['evicted', 'acked 1', 'acked 2', 'open']) {
        const receipt = await client.publish('a', text, { qos: 1 });
        expect(receipt.state).toBe('queued');
        receipt.delivered.then(
          () => ends.push(text),
          ({ code, outcomeUnknown }) => ends.push(`${text} ${code} ${outcomeUnknown}`),
        );
      }
      await world.settled();
      expect(ends).toEqual(['evicted QUEUE_EVICTED false']);
      await client.connect();
      await broker.when(() => broker.connections[0]?.count('publish') === 3);
      await world.settled();
      expect(ends.slice(1)).toEqual(['acked 1', 'acked 2']);
      const closing = client.close({ flushTimeoutMs: 0 });
      world.clock.advance(10_000);
      await closing;
      expect(ends.slice(3)).toEqual(['open CLOSED true']);
    }, CROWDED));
});

describe('a queue that is full', () => {
  it('py:Q15 refuses a publish with QUEUE_FULL, at once; a subscribe and an unsubscribe take no place in it', () =>
    inWorld(async (world) => {
      const client = world.client({ offlineQueue: { maxMessages: 1 } });
      await client.publish('a', '1', { qos: 1 });
      for (const qos of [0, 1] as const) {
        const error = await failureOf(client.publish('a', `refused ${qos}`, { qos }));
        expect(error).toMatchObject({ code: 'QUEUE_FULL', outcomeUnknown: false });
      }
      expect((await client.subscribe('b', () => undefined)).state).toBe('recorded');
      await client.unsubscribe('b');
      expect(client.status.queued).toBe(1);
    }, CROWDED));

  it.each<[string, OfflineQueueOptions, string[], string[], string[]]>([
    [
      'py:Q10 three, dropNewest: the fourth is refused, the first goes first',
      { maxMessages: 3, overflow: 'dropNewest' },
      numbers(0, 3),
      ['queued', 'queued', 'queued', 'QUEUE_FULL'],
      ['m0', 'm1', 'm2'],
    ],
    [
      'py:Q11 three, dropOldest: the fourth is taken, the second goes first',
      { maxMessages: 3, overflow: 'dropOldest' },
      numbers(0, 3),
      ['undelivered', 'queued', 'queued', 'queued'],
      ['m1', 'm2', 'm3'],
    ],
    [
      'py:Q26 four, dropNewest: m7 to m10 of m7 to m12',
      { maxMessages: 4, overflow: 'dropNewest' },
      numbers(7, 12),
      [...Array<string>(4).fill('queued'), 'QUEUE_FULL', 'QUEUE_FULL'],
      numbers(7, 10),
    ],
    [
      'py:Q6 no bound, dropNewest: all are kept',
      { maxMessages: Number.POSITIVE_INFINITY, overflow: 'dropNewest' },
      numbers(1, 200),
      Array<string>(200).fill('queued'),
      numbers(1, 200),
    ],
    [
      'py:Q6 no bound, dropOldest: all are kept',
      { maxMessages: Number.POSITIVE_INFINITY, overflow: 'dropOldest' },
      numbers(1, 200),
      Array<string>(200).fill('queued'),
      numbers(1, 200),
    ],
    [
      'fault:F-1 six bytes for three of two, dropNewest: the fourth is refused',
      { maxBytes: 9, overflow: 'dropNewest' },
      numbers(0, 3),
      ['queued', 'queued', 'queued', 'QUEUE_FULL'],
      ['m0', 'm1', 'm2'],
    ],
    [
      'fault:F-1 six bytes for three of two, dropOldest: the first is told that it is evicted',
      { maxBytes: 9, overflow: 'dropOldest' },
      numbers(0, 3),
      ['undelivered', 'queued', 'queued', 'queued'],
      ['m1', 'm2', 'm3'],
    ],
    [
      'fault:F-1 one more than the limit, dropNewest: the new one is refused',
      { maxMessages: 2, overflow: 'dropNewest' },
      numbers(0, 2),
      ['queued', 'queued', 'QUEUE_FULL'],
      ['m0', 'm1'],
    ],
    [
      'fault:F-1 one more than the limit, dropOldest: the oldest is told that it is evicted',
      { maxMessages: 2, overflow: 'dropOldest' },
      numbers(0, 2),
      ['undelivered', 'queued', 'queued'],
      ['m1', 'm2'],
    ],
  ])('%s', (_what, offlineQueue, payloads, states, sent) =>
    inWorld(async (world, broker) => {
      const client = world.client({ offlineQueue: { ...offlineQueue, drain: UNPACED } });
      const told: string[] = [];
      client.on('undelivered', ({ error }) => told.push(error.code));
      expect(await publishAll(client, payloads)).toEqual(states);
      expect(told).toEqual(states.filter((state) => state === 'undelivered').map(() => 'QUEUE_EVICTED'));
      await connectAndDrain(client);
      await broker.when(() => broker.messages.length === sent.length);
      expect(texts(broker)).toEqual(sent);
    }, CROWDED),
  );

  it('py:Q25 five, dropOldest, one each 250 ms: m8 to m12 of m7 to m12', () =>
    inWorld(async (world, broker) => {
      const offlineQueue = { maxMessages: 5, overflow: 'dropOldest', drain: { perSecond: 4 } } as const;
      const client = world.client({ offlineQueue });
      const at: number[] = [];
      broker.onRecord(({ packet }) => packet === 'publish' && at.push(world.clock.now()));
      await publishAll(client, numbers(7, 12));
      await client.connect();
      await world.pass(5_000);
      expect(texts(broker)).toEqual(numbers(8, 12));
      expect(at).toEqual([0, 250, 500, 750, 1_000]);
    }, CROWDED));

  it('py:R9 by default: 20 are kept, the 21st is refused, and two a second go', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      const at: number[] = [];
      broker.onRecord(({ packet }) => packet === 'publish' && at.push(world.clock.now()));
      expect(await publishAll(client, numbers(1, 21))).toEqual([
        ...Array<string>(20).fill('queued'),
        'QUEUE_FULL',
      ]);
      await client.connect();
      await world.pass(9_999);
      expect(client.status.state).toBe('draining');
      await world.pass(1);
      expect(client.status.state).toBe('live');
      expect(texts(broker)).toEqual(numbers(1, 20));
      expect(at).toEqual(numbers(1, 20).map((_, index) => index * 500));
    }, CROWDED));

  it.each([
    ['dropOldest', numbers(9, 18)],
    ['dropNewest', numbers(4, 13)],
  ] as const)(
    'py:Q20 %s: 3 live, 15 offline into a queue of 10, 3 live: 16 come to the broker',
    (overflow, kept) =>
      inWorld(async (world, broker) => {
        const reconnect = { ...QUICK, baseMs: 17_000, stableMs: 20_000 };
        const client = await world.liveClient({ offlineQueue: { maxMessages: 10, overflow }, reconnect });
        const publish = (text: string): void =>
          void client.publish('a', text, { qos: 0 }).catch(() => undefined);
        for (const text of numbers(1, 3)) publish(text);
        await broker.when(() => broker.messages.length === 3);
        await broker.dropConnections();
        await client.when('backingOff');
        for (const text of numbers(4, 18)) {
          publish(text);
          await world.pass(1_000);
        }
        await world.pass(10_000);
        expect(client.status.state).toBe('live');
        for (const text of numbers(19, 21)) {
          publish(text);
          await world.pass(1_000);
        }
        expect(texts(broker)).toEqual([...numbers(1, 3), ...kept, ...numbers(19, 21)]);
      }, CROWDED),
  );
});

it('fault:F-14 what expires while it waits is not sent, and its sender is told', () =>
  inWorld(async (world, broker) => {
    const client = world.client();
    const told: string[] = [];
    client.on('undelivered', ({ topic, error }) => told.push(`${topic} ${error.code}`));
    await client.publish('a', '1', { qos: 1 });
    await client.publish('b', '2', { qos: 1, expiresInMs: 10_400 });
    await client.publish('c', '3', { qos: 1 });
    const late = await client.publish('late', '4', { qos: 1, expiresInMs: 10_900 });
    const offline = await client.publish('offline', '5', { qos: 1, expiresInMs: 9_000 });
    await world.pass(10_000);
    expect(await failureOf(offline.delivered)).toMatchObject({
      code: 'MESSAGE_EXPIRED',
      outcomeUnknown: false,
    });
    await client.connect();
    // The drain sends at 10.0 s, 10.5 s, …: those of 10.4 s and of 10.9 s come too late.
    await world.pass(5_000);
    expect(await failureOf(late.delivered)).toMatchObject({ code: 'MESSAGE_EXPIRED', outcomeUnknown: false });
    expect(texts(broker)).toEqual(['1', '3']);
    expect(told).toEqual(['offline MESSAGE_EXPIRED', 'b MESSAGE_EXPIRED', 'late MESSAGE_EXPIRED']);
  }));

it('py:Q17 py:Q18 each client has its own queue and its own pace; what one does touches no other', () =>
  inWorld(async (world, broker) => {
    const small = world.client({
      clientId: 'small',
      offlineQueue: { maxMessages: 2, overflow: 'dropOldest', drain: { perSecond: 10 } },
    });
    const plain = world.client({ clientId: 'plain' });
    const off = world.client({ clientId: 'off', offlineQueue: false });
    expect(await publishAll(off, numbers(1, 3))).toEqual(Array(3).fill('NOT_CONNECTED'));
    expect(await publishAll(plain, numbers(1, 4))).toEqual(Array(4).fill('queued'));
    expect(await publishAll(small, numbers(1, 4))).toEqual([
      ...['undelivered', 'undelivered', 'queued', 'queued'],
    ]);
    expect([small, plain, off].map(({ status }) => status.queued)).toEqual([2, 4, 0]);
    const at: string[] = [];
    broker.onRecord(
      ({ packet, direction, clientId }) =>
        packet === 'publish' && direction === 'toBroker' && at.push(`${clientId} ${world.clock.now()}`),
    );
    await Promise.all([small.connect(), plain.connect()]);
    await world.pass(5_000);
    expect(at.filter((line) => line.startsWith('small'))).toEqual(['small 0', 'small 100']);
    expect(at.filter((line) => line.startsWith('plain'))).toEqual([
      ...['plain 0', 'plain 500', 'plain 1000', 'plain 1500'],
    ]);
    await small.close();
    expect(plain.status.state).toBe('live');
  }, CROWDED));

it('py:R11 a dead line is noticed by the missing PINGRESP: until then QoS 0 is lost, QoS 1 is sent again, and then all waits', () =>
  inWorld(
    async (world, broker) => {
      const client = await world.liveClient({ reconnect: QUICK });
      // Half open: the socket takes everything, and nobody reads it.
      broker.connections[0]?.stream.pause();
      const zero = await client.publish('a', 'lost', { qos: 0 });
      expect(zero.state).toBe('delivered');
      let one: PublishReceipt | undefined;
      void client.publish('a', 'sent again', { qos: 1 }).then((receipt) => {
        one = receipt;
      });
      // A PUBACK is due after 5 s, then a ping is sent, and its answer is waited for 5 s.
      await world.pass(9_999);
      expect(client.status).toMatchObject({ state: 'live', inFlight: 1, queued: 0 });
      expect(one).toBeUndefined();
      await world.pass(1);
      expect(client.status).toMatchObject({ state: 'backingOff', reason: { code: 'PING_TIMEOUT' } });
      expect(one?.state).toBe('queued');
      const waits = await client.publish('a', 'waits', { qos: 0 });
      expect(waits.state).toBe('queued');
      await world.retry(client);
      await world.pass(1_000);
      expect(client.status.state).toBe('live');
      expect(texts(broker)).toEqual(['sent again', 'waits']);
    },
    { except: { I5: 'the broker does not see the end of the dead line' } },
  ));

describe('for AWS IoT Core', () => {
  /** It dials nothing: what AWS would close the line over is refused before anything is queued. */
  const offlineAws = (): IotClient =>
    createIotClient({
      endpoint: 'abc123-ats.iot.eu-west-1.amazonaws.com',
      clientId: 'lamp',
      auth: mutualTls({ cert: 'lamp.pem.crt', key: 'lamp.pem.key' }),
    });

  it('fault:B-16 fault:C-3 payloads of 0 and of 131,072 bytes are taken, one byte more is refused at once', async () => {
    await using client = offlineAws();
    for (const bytes of [0, 131_072])
      expect(await client.publish('a', new Uint8Array(bytes), { qos: 1 })).toMatchObject({ state: 'queued' });
    for (const payload of [new Uint8Array(131_073), 'x'.repeat(131_073), `${'é'.repeat(65_536)}x`])
      expect(await failureOf(client.publish('a', payload, { qos: 1 }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/payload must be at most 131072 bytes .*given: "131073 bytes"/),
      });
    expect(client.status.queued).toBe(2);
  });

  it('fault:C-5 topics and filters of 256 bytes and of 7 slashes are taken, what is longer is refused at once', async () => {
    await using client = offlineAws();
    const deep = 'l/'.repeat(7);
    for (const topic of ['a'.repeat(256), `${deep}l`]) {
      expect(await client.publish(topic, 'x')).toMatchObject({ state: 'queued' });
      expect(await client.subscribe(topic, () => undefined)).toMatchObject({ state: 'recorded' });
      await client.unsubscribe(topic);
    }
    for (const [topic, limit] of [
      ['a'.repeat(257), '256 bytes'],
      ['é'.repeat(129), '256 bytes'],
      [`${deep}l/l`, '7 slashes'],
    ] as const) {
      const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining(limit) };
      expect(await failureOf(client.publish(topic, 'x'))).toMatchObject(refused);
      expect(await failureOf(client.subscribe(topic, () => undefined))).toMatchObject(refused);
      expect(await failureOf(client.unsubscribe(topic))).toMatchObject(refused);
      expect(() => client.messages(topic)).toThrow(expect.objectContaining(refused));
    }
    expect(client.status.queued).toBe(2);
  });
});
