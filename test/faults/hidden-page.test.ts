import { describe, expect, it } from 'vitest';
import type { IotClient } from '../../src/index.ts';
import type { Clock, Timer } from '../../src/protocol/clock.ts';
import type { ScriptedBroker, SimulatedClock } from '../../src/testing/index.ts';
import { inWorld, type World } from './support/world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const QUICK = { jitter: 'none' } as const;

/** The timers of a page that nobody has looked at for five minutes: a browser lets them fire at full minutes only. */
class ThrottledClock implements Clock {
  readonly #inner: SimulatedClock;

  constructor(inner: SimulatedClock) {
    this.#inner = inner;
  }

  now(): number {
    return this.#inner.now();
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const now = this.#inner.now();
    const dueAt = Math.ceil((now + delayMs) / MINUTE_MS) * MINUTE_MS;
    return this.#inner.setTimeout(callback, dueAt - now);
  }

  clearTimeout(timer: Timer): void {
    this.#inner.clearTimeout(timer);
  }
}

/** A client in such a page, which came up somewhere in the midst of a minute. */
async function hiddenClient(world: World, keepAliveSeconds: number, minuteMs: number): Promise<IotClient> {
  world.clock.advance(minuteMs);
  return await world.liveClient({
    keepAliveSeconds,
    clock: new ThrottledClock(world.clock),
    reconnect: QUICK,
  });
}

/** Drops a line that was silent for one and a half keep-alives, as every broker does; says how often, and the longest silence. */
function impatient(world: World, broker: ScriptedBroker, keepAliveSeconds: number) {
  const patience = { drops: 0, longestMs: 0 };
  let heardAt = world.clock.now();
  let timer: Timer;
  const listen = (): void => {
    world.clock.clearTimeout(timer);
    patience.longestMs = Math.max(patience.longestMs, world.clock.now() - heardAt);
    heardAt = world.clock.now();
    // A millisecond more: at the very end the last packet may be on its way.
    timer = world.clock.setTimeout(drop, keepAliveSeconds * 1_500 + 1);
  };
  const drop = (): void => {
    patience.drops += 1;
    void broker.dropConnections();
  };
  const stop = broker.onRecord(({ direction }) => direction === 'toBroker' && listen());
  listen();
  return {
    patience,
    end: () => {
      stop();
      world.clock.clearTimeout(timer);
    },
  };
}

describe('fault:E-10 a page that nobody looks at', () => {
  it.each([
    [120, 0],
    [120, 1],
    [120, 30_000],
    [120, 59_999],
    [300, 30_000],
  ])(
    'with a keep-alive of %i s holds its line for six hours, connected %i ms after a minute began',
    (keepAlive, minuteMs) =>
      inWorld(async (world, broker) => {
        const client = await hiddenClient(world, keepAlive, minuteMs);
        const { patience, end } = impatient(world, broker, keepAlive);
        await world.pass(6 * HOUR_MS);
        end();
        expect(patience.drops).toBe(0);
        expect(patience.longestMs).toBeLessThanOrEqual(keepAlive * 1_500);
        expect([client.status.state, broker.connections.length]).toEqual(['live', 1]);
      }),
  );

  it('with a keep-alive of 30 s loses its line, comes back each time, and loses no message', () =>
    inWorld(async (world, broker) => {
      const client = await hiddenClient(world, 30, 10_000);
      const { patience, end } = impatient(world, broker, 30);
      const publishing: Promise<unknown>[] = [];
      for (let number = 0; number < 10; number++) {
        const published = client.publish('a', `${number}`, { qos: 1 });
        publishing.push(published.then(({ delivered }) => delivered));
        await world.pass(5 * MINUTE_MS);
      }
      end();
      expect(patience.drops).toBeGreaterThan(10);
      await Promise.all(publishing);
      const texts = broker.messages.map(({ payload }) => payload.toString());
      expect([...new Set(texts)]).toEqual(Array.from({ length: 10 }, (_, number) => `${number}`));
    }));
});
