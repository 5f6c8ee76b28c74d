import { describe, expect, it } from 'vitest';
import { createIotClient, type IotClient, plainTcp, type QueueChanges } from '../../src/index.ts';
import type { ScriptedBroker } from '../../src/testing/index.ts';
import { inWorld } from '../faults/support/world.ts';

/** The harness goes by the limits that the client began with. */
const CHANGED = { except: { I9: 'the limits are changed' } };

const texts = (broker: ScriptedBroker): string[] => broker.messages.map(({ payload }) => payload.toString());

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `m${from + index}`);

/** Publishes these one after the other; what each call came to. */
async function publishAll(client: IotClient, payloads: readonly string[]): Promise<string[]> {
  const ends = await Promise.allSettled(payloads.map((payload) => client.publish('a', payload, { qos: 1 })));
  return ends.map((end) => (end.status === 'fulfilled' ? end.value.state : end.reason.code));
}

const idleClient = (): IotClient =>
  createIotClient({ endpoint: 'broker.example', clientId: 'lamp', auth: plainTcp() });

describe('a queue that is reconfigured', () => {
  const FIVE = numbers(0, 4);

  it.each<[what: string, changes: QueueChanges, payloads: string[], states: string[], sent: string[]]>([
    [
      'keeps what waits although there is less room, and refuses what comes with dropNewest',
      { maxMessages: 3 },
      ['new'],
      ['QUEUE_FULL'],
      FIVE,
    ],
    [
      'keeps what waits although there is less room, and makes as much way as comes with dropOldest',
      { maxMessages: 3, overflow: 'dropOldest' },
      ['new 1', 'new 2'],
      ['queued', 'queued'],
      [...FIVE.slice(2), 'new 1', 'new 2'],
    ],
    [
      'takes more when there is more room',
      { maxMessages: 6 },
      ['new 1', 'new 2'],
      ['queued', 'QUEUE_FULL'],
      [...FIVE, 'new 1'],
    ],
    ['obeys another policy', { overflow: 'dropOldest' }, ['new'], ['queued'], [...FIVE.slice(1), 'new']],
    ['is bound by other bytes', { maxMessages: 6, maxBytes: 15 }, ['new'], ['QUEUE_FULL'], FIVE],
  ])('py:Q23 %s', (_what, changes, payloads, states, sent) =>
    inWorld(async (world, broker) => {
      const drain = { perSecond: Number.POSITIVE_INFINITY };
      const client = world.client({ offlineQueue: { maxMessages: 5, drain } });
      await publishAll(client, FIVE);
      client.queue.configure(changes);
      expect(client.status.queued).toBe(5);
      expect(await publishAll(client, payloads)).toEqual(states);
      await client.connect();
      await client.when('live');
      await broker.when(() => broker.messages.length === sent.length);
      expect(texts(broker)).toEqual(sent);
    }, CHANGED),
  );

  it('py:D18 tells the pace that it was given, and leaves what was not named', () => {
    const client = idleClient();
    expect(client.queue.options.drain).toEqual({ perSecond: 2, adaptive: true });
    client.queue.configure({ maxMessages: 7, drain: { perSecond: 0.5 } });
    client.queue.configure({ drain: { adaptive: false } });
    expect(client.queue.options).toEqual({
      ...{ maxMessages: 7, maxBytes: 64 * 1024 * 1024, overflow: 'dropNewest' },
      drain: { perSecond: 0.5, adaptive: false },
    });
  });

  it('py:D18 py:D19 lets go at the new pace from then on, also in the midst of a drain', () =>
    inWorld(async (world, broker) => {
      const client = world.client();
      const at: number[] = [];
      broker.onRecord(({ packet }) => packet === 'publish' && at.push(world.clock.now()));
      await publishAll(client, numbers(1, 6));
      client.queue.configure({ drain: { perSecond: 1 } });
      await client.connect();
      await world.pass(2_500);
      expect(at).toEqual([0, 1_000, 2_000]);
      client.queue.configure({ drain: { perSecond: 10 } });
      await world.pass(1_000);
      expect(at.slice(3)).toEqual([2_500, 2_600, 2_700]);
      expect(texts(broker)).toEqual(numbers(1, 6));
      expect(client.status.state).toBe('live');
    }));

  it.each([
    ['py:Q1 size 1.7', { maxMessages: 1.7 }, 'maxMessages'],
    ['py:Q2 drop 2', { overflow: 2 }, 'overflow'],
    ['py:Q27 size -1', { maxMessages: -1 }, 'maxMessages'],
    ['py:D17 0 Hz', { drain: { perSecond: 0 } }, 'drain.perSecond'],
    ['py:D17 -1 Hz', { drain: { perSecond: -1 } }, 'drain.perSecond'],
  ])('refuses %s, and changes nothing', (_what, changes, field) => {
    const client = idleClient();
    const before = client.queue.options;
    const configure = (): void => client.queue.configure({ maxBytes: 9, ...changes } as QueueChanges);
    expect(configure).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(field) }),
    );
    expect(client.queue.options).toEqual(before);
  });
});
