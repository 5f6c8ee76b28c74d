// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 5;

/**
 * Waits until something is so, and says whether it came to be in time.
 *
 * @param {() => boolean} isTrue
 * @param {number} [timeoutMs]
 */
export async function until(isTrue, timeoutMs = Number.POSITIVE_INFINITY) {
  const deadline = performance.now() + timeoutMs;
  while (!isTrue()) {
    if (performance.now() > deadline) return false;
    await sleep(LOOK_MS);
  }
  return true;
}
