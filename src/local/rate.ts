import type { Clock } from '../protocol/clock.ts';

const STEPS_PER_SECOND = 10;
const STEP_MS = 1_000 / STEPS_PER_SECOND;

/**
 * So much a second: a second's worth at once, which comes back in tenths. A client that counts for itself, as ours does, counts
 * what it sends, and on the way a second of it can be pressed into less; a window would take that for too much, and discard
 * messages that AWS takes.
 */
export class Rate {
  readonly #perSecond: number;
  readonly #clock: Clock;
  /** In tenths, so that whole numbers stay whole. */
  #left: number;
  #refilledAt: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#left = this.#most;
    this.#refilledAt = clock.now();
  }

  /** How long until so much may go, or may be asked for again; 0 when it may go now. What is more than a second's worth goes alone. */
  waitMs(amount = 1): number {
    if (this.#perSecond === Infinity) return 0;
    this.#refill();
    const wanted = Math.min(amount * STEPS_PER_SECOND, this.#most) - this.#left;
    // A rate of nothing has nothing for anybody.
    if (wanted <= 0) return this.#perSecond === 0 ? Infinity : 0;
    const steps = Math.ceil(wanted / this.#perSecond);
    return this.#refilledAt + steps * STEP_MS - this.#clock.now();
  }

  take(amount = 1): void {
    if (this.#perSecond === Infinity) return;
    this.#refill();
    this.#left = Math.max(0, this.#left - amount * STEPS_PER_SECOND);
  }

  get #most(): number {
    return this.#perSecond * STEPS_PER_SECOND;
  }

  #refill(): void {
    const steps = Math.floor((this.#clock.now() - this.#refilledAt) / STEP_MS);
    if (steps <= 0) return;
    this.#refilledAt += steps * STEP_MS;
    this.#left = Math.min(this.#most, this.#left + steps * this.#perSecond);
  }
}
