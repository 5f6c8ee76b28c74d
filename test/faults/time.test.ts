import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/protocol/clock.ts';
import { answer } from '../../src/testing/index.ts';
import { inWorld } from './support/world.ts';

const HOUR_MS = 3_600_000;
const QUICK = { baseMs: 10, maxMs: 10, jitter: 'none' } as const;

describe('the pace of CONNECTs', () => {
  it('fault:C-7 is at most one a second, however often the line is lost and the client told to try at once', () =>
    inWorld(async (world, broker) => {
      const times: number[] = [];
      broker.onRecord(({ packet }) => packet === 'connect' && times.push(world.clock.now()));
      broker.on({ packet: 'connect' }, answer.serve(), answer.reset());
      const client = world.client({ connectIntervalMs: 1_000, reconnect: QUICK });
      const ask = (): void => void client.connect().catch(() => undefined);
      ask();
      for (let beat = 0; beat < 400; beat++) {
        await world.settled(4);
        client.networkOnline();
        if (beat % 50 === 49) {
          await client.disconnect({ flushTimeoutMs: 0 });
          ask();
        }
        world.clock.advance(50);
      }
      await world.settled();
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
      expect(times.length).toBeGreaterThan(15);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
    }));
});

describe('a wall clock that is set while a line is up', () => {
  it.each([
    ['an hour forward', HOUR_MS],
    ['an hour back', -HOUR_MS],
  ])('fault:D-11 %s: no ping, no loss, no early or late retry, and the receipts come', (_what, jumpMs) =>
    inWorld(
      async (world, broker) => {
        const client = await world.liveClient({ reconnect: QUICK });
        const wallClock = Date.now;
        const before = systemClock.now();
        vi.spyOn(Date, 'now').mockImplementation(() => wallClock() + jumpMs);
        expect(Math.abs(systemClock.now() - before)).toBeLessThan(1_000);
        await client.subscribe('a', () => undefined);
        expect((await client.publish('a', '1', { qos: 1, timeoutMs: 5_000 })).state).toBe('delivered');
        expect([client.status.state, broker.connections[0]?.count('pingreq')]).toEqual(['live', 0]);
        await broker.dropConnections();
        const began = performance.now();
        await client.when('backingOff');
        await client.when('live');
        expect(performance.now() - began).toBeLessThan(5_000);
        expect((await client.publish('a', '2', { qos: 1 })).state).toBe('delivered');
        expect(broker.connections).toHaveLength(2);
      },
      { clock: 'real' },
    ),
  );
});
