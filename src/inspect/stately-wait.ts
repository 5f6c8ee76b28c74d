import type { Clock, Timer } from '../protocol/clock.ts';

/** Waits for a promise that never rejects, and no longer than this. */
export async function settledWithin(
  clock: Clock,
  timeoutMs: number,
  promise: Promise<unknown>,
): Promise<void> {
  let timer: Timer;
  const timeout = new Promise<void>((resolve) => {
    timer = clock.setTimeout(resolve, timeoutMs);
  });
  await Promise.race([promise, timeout]);
  clock.clearTimeout(timer);
}
