import { type Clock, MAX_DELAY_MS } from '../protocol/clock.ts';
import type { Entry } from './entry.ts';

/** Knows when entries are of no use any more, and says so then. */
export class Expiry {
  readonly #clock: Clock;
  readonly #expired: (entry: Entry) => void;

  constructor(clock: Clock, expired: (entry: Entry) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** When something ends that is of use for so long from now. */
  after(durationMs: number): number {
    return this.#clock.now() + durationMs;
  }

  isOver({ expiresAt }: Entry): boolean {
    return expiresAt <= this.#clock.now();
  }

  watch(entry: Entry): void {
    if (entry.expiresAt === Number.POSITIVE_INFINITY) return;
    // What an earlier process left may be over already; Node warns of delays below 0.
    const delayMs = Math.min(Math.max(entry.expiresAt - this.#clock.now(), 0), MAX_DELAY_MS);
    entry.timer = this.#clock.setTimeout(() => {
      entry.timer = undefined;
      if (this.isOver(entry)) this.#expired(entry);
      else this.watch(entry);
    }, delayMs);
    // A message that has no line to wait for keeps no process alive.
    this.#clock.unref?.(entry.timer);
  }

  forget(entry: Entry): void {
    if (entry.timer !== undefined) this.#clock.clearTimeout(entry.timer);
    entry.timer = undefined;
  }
}
