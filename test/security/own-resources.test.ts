import { expect, it } from 'vitest';
import { answer } from '../../src/testing/index.ts';
import { inWorld } from '../faults/support/world.ts';

const settledAs = async (calls: readonly Promise<unknown>[]): Promise<Record<string, number>> => {
  const ends: Record<string, number> = {};
  for (const end of await Promise.allSettled(calls)) {
    const name = end.status === 'fulfilled' ? 'ok' : (end.reason as { readonly code: string }).code;
    ends[name] = (ends[name] ?? 0) + 1;
  }
  return ends;
};

it('sec:S-30 an app that asks for too much of everything meets a bound, and is told', () =>
  inWorld(async (world, broker) => {
    const client = world.client({ maxSubscriptions: 50 });
    const publishing = Array.from({ length: 5_000 }, (_, n) => client.publish(`a/${n}`, `${n}`, { qos: 1 }));
    expect(await settledAs(publishing)).toEqual({ ok: 20, QUEUE_FULL: 4_980 });
    const subscribing = Array.from({ length: 500 }, (_, n) => client.subscribe(`a/${n}`, () => undefined));
    expect(await settledAs(subscribing)).toEqual({ ok: 50, TOO_MANY_SUBSCRIPTIONS: 450 });
    await client.connect();
    await world.pass(60_000);
    expect(broker.subscriptionsOf('device-1').size).toBe(50);
    expect(broker.messages).toHaveLength(20);
  }));

it('sec:S-30 a broker that lets nobody in costs a few timers and one socket, and ever fewer tries, for a whole day', () =>
  inWorld(async (world, broker) => {
    broker.on({ packet: 'connect' }, answer.close());
    const client = world.client();
    void client.connect().catch(() => undefined);
    const waiting = Array.from({ length: 20 }, (_, n) => client.publish('a', `${n}`, { qos: 1 }));
    await Promise.all(waiting);
    let most = 0;
    for (let hour = 0; hour < 24; hour++) {
      await world.pass(3_600_000 / 60);
      for (let minute = 1; minute < 60; minute += 10) await world.pass(60_000);
      most = Math.max(most, world.clock.pending);
    }
    expect(most).toBeLessThanOrEqual(5);
    const minutes = world.clock.now() / 60_000;
    expect(broker.connections.length).toBeLessThan(minutes * 4 + 10);
    expect(broker.mostOpenConnections('device-1')).toBe(1);
  }));

it('sec:S-30 a slow loop and a handler that never returns keep nothing beyond their bound', () =>
  inWorld(async (world, broker) => {
    const client = await world.liveClient();
    let lost = 0;
    client.on('overflow', ({ dropped }) => {
      lost = dropped;
    });
    const loop = client.messages('news', { bufferSize: 10 })[Symbol.asyncIterator]();
    await client.subscribe('news', () => new Promise(() => undefined));
    await broker.when(() => broker.subscriptionsOf('device-1').has('news'));
    for (let number = 0; number < 2_000; number++) broker.publish('news', `${number}`);
    await world.settled(200);
    expect(lost).toBe(1_990);
    await loop.return?.();
  }));
