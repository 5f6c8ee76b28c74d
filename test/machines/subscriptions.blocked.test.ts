import { expect, test } from 'vitest';
import { createIotClient } from '../../src/index.ts';
import { startLocalIotCore } from '../../src/local/index.ts';
import { actorOf } from '../../src/machines/index.ts';

const TIMEOUT_MS = 300;

/** Blocks the whole process, as a long computation or a sleep of the machine does. */
function block(durationMs: number): void {
  const until = performance.now() + durationMs;
  while (performance.now() < until);
}

/** Whatever the process does next: its timers that are due come first, then what its sockets have received. */
test.each([
  ['SUBACK', 'suback'],
  ['UNSUBACK', 'unsuback'],
] as const)(
  'fault:E-8 a real process that was blocked reads the %s that came meanwhile, and keeps its line',
  async (_, packet) => {
    await using core = await startLocalIotCore({ plainPort: 0 });
    await using client = createIotClient({ ...core.plainOptions('blocked'), operationTimeoutMs: TIMEOUT_MS });
    const told: string[] = [];
    actorOf(client).on('*', ({ type }) => told.push(type));
    await client.connect();
    await client.when('live');
    const answer = core.tap.hold({ direction: 'toClient', packet });
    const call = client.subscribe('a', () => undefined).then((subscription) => subscription.unsubscribe());
    await answer.caught();
    // In the socket's buffer before the process stands still, and not read before it goes on.
    answer.release();
    block(TIMEOUT_MS + 50);
    await call;
    expect(told).toContain('filter.released');
    expect(told).not.toContain('subscriptions.unanswered');
    expect(told).not.toContain('connection.lost');
  },
);
