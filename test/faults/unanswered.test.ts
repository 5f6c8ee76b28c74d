import { describe, expect, it } from 'vitest';
import { answer, type ScriptedBroker } from '../../src/testing/index.ts';
import { inWorld } from './support/world.ts';

const OPERATION_MS = 5_000;
const QUICK = { jitter: 'none' } as const;

const texts = (broker: ScriptedBroker): string[] => broker.messages.map(({ payload }) => payload.toString());

describe('a PUBACK', () => {
  it('fault:B-1 that does not come in the time of the call: it may be there, is told so, and is not sent again', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ reconnect: QUICK });
      const silence = broker.on({ packet: 'publish' }, answer.hang());
      const publishing = client.publish('a', 'late', { qos: 1, timeoutMs: 1_000 });
      const told = expect(publishing).rejects.toMatchObject({ code: 'TIMEOUT', outcomeUnknown: true });
      await world.pass(1_000);
      await told;
      // It keeps its packet id as long as the line lives: another one would be acknowledged in its place.
      const next = client.publish('a', 'next', { qos: 1 });
      await world.settled();
      const [late, other] = broker.log.filter(({ packet }) => packet === 'publish');
      expect(other?.messageId).not.toBe(late?.messageId);
      silence.remove();
      await broker.dropConnections();
      await world.retry(client);
      await (await next).delivered;
      expect(texts(broker)).toEqual(['next']);
    }));

  it('fault:B-3 for what was never sent, a thousand times: the line stays, and what is sent then is acknowledged once', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      const [there] = broker.connections;
      for (let messageId = 1; messageId <= 1_000; messageId++) there?.send({ cmd: 'puback', messageId });
      await world.settled(100);
      expect((await client.publish('a', 'b', { qos: 1 })).state).toBe('delivered');
      expect(client.status).toMatchObject({ state: 'live', inFlight: 0 });
      expect([texts(broker), broker.connections.length]).toEqual([['b'], 1]);
    }));
});

describe('a filter', () => {
  it('fault:B-6 without a SUBACK: the line is given up, and the next one grants it', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ reconnect: QUICK });
      broker.on({ packet: 'subscribe', connection: 1 }, answer.hang());
      const subscribing = client.subscribe('news', () => undefined);
      await world.pass(OPERATION_MS - 1);
      expect(client.status.state).toBe('live');
      await world.pass(100);
      expect(client.status).toMatchObject({ state: 'backingOff', reason: { code: 'OPERATION_TIMEOUT' } });
      await world.retry(client);
      const subscription = await subscribing;
      expect(await subscription.granted).toEqual({ qos: 0 });
    }));

  it('fault:B-7 without an UNSUBACK: its handler gets nothing from the call on, and the next line does not have it', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient({ reconnect: QUICK });
      const got: string[] = [];
      const subscription = await client.subscribe('news', (message) => void got.push(message.text()));
      broker.publish('news', 'before');
      await world.settled();
      broker.on({ packet: 'unsubscribe', connection: 1 }, answer.hang());
      const ending = subscription.unsubscribe();
      broker.publish('news', 'after');
      await world.settled();
      expect(got).toEqual(['before']);
      await world.pass(OPERATION_MS + 100);
      expect(client.status).toMatchObject({ state: 'backingOff', reason: { code: 'OPERATION_TIMEOUT' } });
      await ending;
      await world.retry(client);
      await client.when('live');
      expect(broker.subscriptionsOf('device-1').size).toBe(0);
    }));
});
