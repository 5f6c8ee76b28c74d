import type { Clock, Timer } from '../protocol/clock.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import type { RateLimit } from '../protocol/queue-limits.ts';
import { sizeOf } from './entry.ts';
import { PublishRate } from './publish-rate.ts';

/** Holds messages back while their rate is used up, and says when to look again. */
export class Pacer {
  readonly #clock: Clock;
  readonly #rate: PublishRate;
  readonly #lookAgain: () => void;
  #timer: Timer;
  #due = Number.POSITIVE_INFINITY;

  constructor(limit: RateLimit, clock: Clock, lookAgain: () => void) {
    this.#rate = new PublishRate(limit);
    this.#clock = clock;
    this.#lookAgain = lookAgain;
  }

  /** Whether this message may go now. If not, `lookAgain` is called when it may. */
  allows(message: OutgoingMessage): boolean {
    const now = this.#clock.now();
    const delayMs = this.#rate.waitMs(now, sizeOf(message));
    if (delayMs === 0) return true;
    // A larger one may have asked before, and has to wait longer.
    if (now + delayMs < this.#due) this.#wakeIn(delayMs);
    return false;
  }

  sent(message: OutgoingMessage): void {
    this.#rate.sent(this.#clock.now(), sizeOf(message));
  }

  /** There is nothing to look at any more. */
  rest(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = Number.POSITIVE_INFINITY;
  }

  #wakeIn(delayMs: number): void {
    this.rest();
    this.#due = this.#clock.now() + delayMs;
    this.#timer = this.#clock.setTimeout(() => {
      this.rest();
      this.#lookAgain();
    }, delayMs);
  }
}
