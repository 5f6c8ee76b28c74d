import { MAX_DELAY_MS } from '../protocol/clock.ts';

/** The delay as a timer can keep it: one that is too long, or no number at all, would fire at once. */
export function bounded(delayMs: number): number {
  return Number.isFinite(delayMs) ? Math.min(delayMs, MAX_DELAY_MS) : MAX_DELAY_MS;
}
