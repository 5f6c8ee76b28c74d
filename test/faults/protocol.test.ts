import { describe, expect, it } from 'vitest';
import type { IotClient, PublishReceipt } from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { DISCONNECT_REASONS } from '../../src/protocol/disconnect-reasons.ts';
import { type Answer, answer, ScriptedBroker } from '../../src/testing/index.ts';
import { inWorld, type World } from './support/world.ts';

const SLOW_MS = 16_000;
const MQTT_5 = { protocolVersion: 5 } as const;
const BY_HAND = { except: { I8: 'SUBACKs are written by hand' } };

const texts = (broker: ScriptedBroker): string[] => broker.messages.map(({ payload }) => payload.toString());

/** Whether nothing happens but that time passes: between two attempts, or on a line that stays quiet. */
function isWaiting(client: IotClient): boolean {
  if (client.status.state === 'backingOff') return true;
  const connection = actorOf(client).getSnapshot().children.connection?.getSnapshot();
  return connection?.matches({ line: { connected: { session: { up: 'quiet' } } } }) ?? false;
}

/** Lets time pass, but only while nothing else can happen, until a promise has settled. */
async function until<T>(world: World, client: IotClient, awaited: Promise<T>): Promise<T> {
  const progress = { isOver: false };
  const over = (): void => {
    progress.isOver = true;
  };
  awaited.then(over, over);
  while (!progress.isOver) {
    await world.settled(3);
    if (isWaiting(client)) world.clock.advance(world.clock.nextIn ?? 0);
  }
  return awaited;
}

describe('a PUBACK', () => {
  it('fault:B-1 that never comes: what waits for it keeps its packet id, and is sent again on a new line', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      broker.on({ packet: 'publish', connection: 1 }, answer.hang());
      const publishing = ['1', '2', '3'].map((text) => client.publish('a', text, { qos: 1 }));
      // Pings and other packets are answered all the while.
      await client.subscribe('news', () => undefined);
      await world.pass(29_999);
      expect(client.status).toMatchObject({ state: 'live', inFlight: 3 });
      expect(broker.connections[0]!.count('pingreq')).toBeGreaterThan(0);
      await world.pass(1);
      expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'OPERATION_TIMEOUT' } });
      await world.retry(client);
      const receipts = await Promise.all(publishing);
      expect(receipts.map(({ state }) => state)).toEqual(['queued', 'queued', 'queued']);
      await Promise.all(receipts.map(({ delivered }) => delivered));
      expect(texts(broker)).toEqual(['1', '2', '3']);
      for (const connection of [1, 2]) {
        const asked = broker.log.filter(
          (record) => record.connection === connection && ['publish', 'subscribe'].includes(record.packet),
        );
        const ids = asked.map(({ messageId }) => messageId);
        expect(new Set(ids).size).toBe(4);
      }
    }));

  it.each([
    [0x87, 'not authorized'],
    [0x90, 'topic name invalid'],
    [0x97, 'quota exceeded'],
  ])('fault:B-5 with %i rejects its own publish, and nothing else', (reasonCode, words) =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient(MQTT_5);
      broker.on({ packet: 'publish', topic: 'denied' }, answer.reply({ cmd: 'puback', reasonCode }));
      const publishing = ['a', 'denied', 'b'].map((topic) => client.publish(topic, topic, { qos: 1 }));
      await expect(publishing[1]).rejects.toMatchObject({
        ...{ code: 'PUBLISH_REFUSED', reasonCode, recovery: 'none' },
        message: expect.stringContaining(words),
      });
      expect((await Promise.all([publishing[0], publishing[2]])).map((one) => one?.state)).toEqual([
        'delivered',
        'delivered',
      ]);
      expect(client.status).toMatchObject({ state: 'live', inFlight: 0 });
      expect(broker.connections).toHaveLength(1);
    }),
  );

  it('fault:B-5 that refuses what waited is told by `delivered` and by `undelivered`, and the drain goes on', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'publish', topic: 'denied' }, answer.reply({ cmd: 'puback', reasonCode: 0x87 }));
      const client = world.client(MQTT_5);
      const undelivered: string[] = [];
      client.on('undelivered', ({ topic, error }) => undelivered.push(`${topic} ${error.code}`));
      const receipts = await Promise.all(
        ['a', 'denied', 'b'].map((topic) => client.publish(topic, topic, { qos: 1 })),
      );
      await client.connect();
      await client.when('draining');
      await world.pass(3_000);
      const ends = await Promise.allSettled(receipts.map(({ delivered }) => delivered));
      expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(undelivered).toEqual(['denied PUBLISH_REFUSED']);
    }));
});

describe('a SUBACK', () => {
  it('fault:B-6 of MQTT 5 tells of each filter for itself', () =>
    inWorld(async (world, broker) => {
      broker.on({ packet: 'subscribe' }, answer.reply({ cmd: 'suback', granted: [1, 0x87, 0, 0x8f] }));
      const client = world.client(MQTT_5);
      const refused: string[] = [];
      client.on('subscriptionRefused', ({ filter, error }) => refused.push(`${filter} ${error.reasonCode}`));
      const subscriptions = await Promise.all(
        ['a', 'b', 'c', 'd'].map((filter) => client.subscribe(filter, { qos: 1 }, () => undefined)),
      );
      await client.connect();
      await client.when('live');
      const ends = await Promise.allSettled(subscriptions.map(({ granted }) => granted));
      expect(ends).toMatchObject([
        { value: { qos: 1 } },
        { reason: { code: 'SUBSCRIPTION_REFUSED', reasonCode: 0x87 } },
        { value: { qos: 0 } },
        { reason: { code: 'SUBSCRIPTION_REFUSED', reasonCode: 0x8f } },
      ]);
      expect(refused).toEqual(['b 135', 'd 143']);
      expect(broker.connections).toHaveLength(1);
    }, BY_HAND));

  it.each([4, 5] as const)(
    'fault:B-6 of MQTT %i with a code too few ends the line; the next one grants',
    (version) =>
      inWorld(async (world, broker) => {
        broker.on({ packet: 'subscribe', times: 1 }, answer.reply({ cmd: 'suback', granted: [0] }));
        const client = world.client({ protocolVersion: version });
        await Promise.all(['a', 'b'].map((filter) => client.subscribe(filter, () => undefined)));
        await client.connect();
        expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'PROTOCOL_ERROR' } });
        if (version === 5)
          expect(await broker.connections[0]!.next('disconnect')).toMatchObject({ reasonCode: 0x82 });
        await world.retry(client);
        await client.when('live');
        expect([...broker.subscriptionsOf('device-1').keys()]).toEqual(['a', 'b']);
      }),
  );
});

it('fault:G-11 refusals that nobody looks at are no unhandled rejections (fault:I2)', () =>
  inWorld(async (world, broker) => {
    broker.on({ packet: 'publish' }, answer.reply({ cmd: 'puback', reasonCode: 0x87 }));
    broker.on({ packet: 'subscribe' }, answer.reply({ cmd: 'suback', granted: [0x87] }));
    const client = world.client(MQTT_5);
    const receipt = await client.publish('a', 'b', { qos: 1 });
    const subscription = await client.subscribe('news', () => undefined);
    // They are made when they are first read.
    expect([receipt.delivered, subscription.granted]).toHaveLength(2);
    await client.connect();
    await client.when('draining');
    await world.pass(2_000);
    await client.when('live');
    expect(broker.connections[0]!.count('publish')).toBe(1);
  }));

describe('a DISCONNECT of the broker', () => {
  // The codec takes no 140, which section 3.14.2.1 does not name: that line has broken the protocol.
  const codes = [...DISCONNECT_REASONS].filter(([code]) => code !== 140);
  it.each(codes.map(([code, { code: error }]) => [code, error] as const))(
    'fault:B-19 with %i is %s: told at once, and tried again as that deserves',
    (reasonCode, code) =>
      inWorld(async (world, broker) => {
        const client = await world.liveClient(MQTT_5);
        broker.connections[0]!.disconnect(reasonCode);
        const status = await client.when('backingOff');
        expect(status).toMatchObject({ attempt: 1, reason: { code, reasonCode } });
        const isSlow = ['NOT_AUTHORIZED', 'DUPLICATE_CLIENT_ID', 'QUOTA_EXCEEDED', 'SERVER_MOVED'].includes(
          code,
        );
        const delay = await world.retry(client);
        if (isSlow) expect(delay).toBeGreaterThanOrEqual(SLOW_MS);
        else expect(delay).toBeLessThanOrEqual(1_000);
        await client.when('live');
      }),
  );

  it('fault:C-12 with 139 in the midst of a drain: what is left is kept, and goes on with the next line', () =>
    inWorld(async (world, broker) => {
      const client = world.client(MQTT_5);
      const numbers = Array.from({ length: 10 }, (_, number) => `${number}`);
      const receipts = await Promise.all(numbers.map((text) => client.publish('a', text, { qos: 1 })));
      await client.connect();
      await client.when('draining');
      await world.pass(2_000);
      const sent = broker.messages.length;
      expect(sent).toBeGreaterThan(2);
      expect(sent).toBeLessThan(8);
      broker.connections[0]!.disconnect(139);
      expect(await client.when('backingOff')).toMatchObject({ queued: 10 - sent });
      await world.retry(client);
      await client.when('draining');
      await world.pass(5_000);
      await Promise.all(receipts.map(({ delivered }) => delivered));
      expect(client.status.state).toBe('live');
      expect(texts(broker)).toEqual(numbers);
    }));

  it('fault:C-1 with 142 names the duel the first time, and the loser leaves the line to the other', () =>
    inWorld(async (world) => {
      const first = await world.liveClient({ ...MQTT_5, clientId: 'lamp' });
      const second = await world.liveClient({ ...MQTT_5, clientId: 'lamp' });
      expect(await first.when('backingOff')).toMatchObject({
        ...{ attempt: 1, reason: { code: 'DUPLICATE_CLIENT_ID', reasonCode: 142, recovery: 'retrySlowly' } },
      });
      await world.pass(SLOW_MS - 1);
      expect([first.status.state, second.status.state]).toEqual(['backingOff', 'live']);
    }));

  it.each([0x9c, 0x9d])('fault:A-11 fault:B-19 a redirect, %i, is told and not followed', (code) =>
    inWorld(async (world, broker) => {
      await using other = await ScriptedBroker.start();
      const serverReference = `127.0.0.1:${other.port}`;
      const moved = broker.on(
        { packet: 'connect' },
        answer.connack({ code, properties: { serverReference } }),
      );
      const client = world.client(MQTT_5);
      await expect(client.connect()).rejects.toMatchObject({
        ...{ code: 'SERVER_MOVED', reasonCode: code, message: expect.stringContaining(serverReference) },
      });
      expect(await world.retry(client)).toBeGreaterThanOrEqual(SLOW_MS);
      await client.when('backingOff');
      moved.remove();
      await world.retry(client);
      await client.when('live');
      broker.connections[2]!.send({ cmd: 'disconnect', reasonCode: code, properties: { serverReference } });
      expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'SERVER_MOVED' } });
      await world.retry(client);
      await client.when('live');
      expect(broker.connections).toHaveLength(4);
      expect(other.connections).toHaveLength(0);
    }),
  );
});

describe('what a CONNACK of MQTT 5 asks for', () => {
  it('fault:B-18 a receive maximum of 1: one publish at a time', () =>
    inWorld(
      async (world, broker) => {
        const client = await world.liveClient(MQTT_5);
        broker.on({ packet: 'publish' }, answer.delay(1_000, world.clock), answer.serve());
        const publishing = ['1', '2', '3'].map((text) => client.publish('a', text, { qos: 1 }));
        for (const sent of [1, 2, 3]) {
          await world.settled();
          expect(broker.connections[0]!.count('publish')).toBe(sent);
          world.clock.advance(1_000);
        }
        await Promise.all(publishing);
        expect(texts(broker)).toEqual(['1', '2', '3']);
      },
      { broker: { connack: { properties: { receiveMaximum: 1 } } } },
    ));

  it.each([
    ['a shorter keep-alive is kept', 20, 20_000],
    ['a longer one asks for no longer silence than ours', 60, 30_000],
  ])('fault:C-8 fault:B-18 %s', (_what, serverKeepAlive, silenceMs) =>
    inWorld(
      async (world, broker) => {
        await world.liveClient(MQTT_5);
        const pings = (): number => broker.connections[0]!.count('pingreq');
        world.clock.advance(silenceMs - 1);
        await world.settled();
        expect(pings()).toBe(0);
        world.clock.advance(1);
        await broker.when(() => pings() === 1);
      },
      { broker: { connack: { properties: { serverKeepAlive } } } },
    ),
  );

  it.each([
    ['that was not made known', 7],
    ['of 0', 0],
  ])('fault:B-18 a topic alias %s ends the line with 0x94', (_what, topicAlias) =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient(MQTT_5);
      const [there] = broker.connections;
      // PUBLISH, QoS 0, no topic, one property: topic alias.
      there!.raw(Buffer.from([0x30, 6, 0, 0, 3, 0x23, 0, topicAlias]));
      expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'PROTOCOL_ERROR' } });
      expect(await there!.next('disconnect')).toMatchObject({ reasonCode: 0x94 });
      await world.retry(client);
      await client.when('live');
    }),
  );
});

describe('a publish over which the broker ends each line', () => {
  it.each<[string, 4 | 5, Answer]>([
    ['fault:C-2 DISCONNECT 135', 5, answer.disconnect(135)],
    ['fault:C-3 DISCONNECT 149', 5, answer.disconnect(149)],
    ['fault:C-2 FIN', 4, answer.close()],
    ['fault:C-2 RST', 4, answer.reset()],
    ['fault:C-3 RST', 5, answer.reset()],
  ])('%s, MQTT %i: ends as poison, and the rest flows in order', (_what, protocolVersion, how) =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ protocolVersion });
      broker.on({ packet: 'publish', topic: 'denied' }, how);
      const publishing = ['1', 'denied', '2', '3'].map((text) =>
        client.publish(text === 'denied' ? text : 'a', text, { qos: 1 }),
      );
      const [first, poison, ...others] = (await Promise.all(publishing)) as [
        PublishReceipt,
        PublishReceipt,
        ...PublishReceipt[],
      ];
      const end = until(world, client, poison.delivered);
      await expect(end).rejects.toMatchObject({ code: 'POISON_PUBLISH', outcomeUnknown: true });
      await until(world, client, Promise.all([first, ...others].map(({ delivered }) => delivered)));
      await until(world, client, client.when('live'));
      const taken = [...new Set(texts(broker))];
      expect(taken).toEqual(['1', '2', '3']);
    }),
  );
});
