import type { Clock, Timer } from '../protocol/clock.ts';

/** When the system is told to bring to the disk what was written. */
export type SyncPolicy = 'always' | 'everySecond' | 'never';

const SECOND_MS = 1_000;

/** Decides for each write whether it waits for the disk, and calls `syncNow` for those that did not and have no successor. */
export class Syncing {
  readonly #policy: SyncPolicy;
  readonly #clock: Clock;
  readonly #syncNow: () => void;
  #syncedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer;

  constructor(policy: SyncPolicy, clock: Clock, syncNow: () => void) {
    this.#policy = policy;
    this.#clock = clock;
    this.#syncNow = syncNow;
  }

  /** Whether the write that is made now waits for the disk; one that may lag waits with the next. */
  next(mayLag: boolean): boolean {
    if (this.#policy !== 'everySecond') return this.#policy === 'always' && !mayLag;
    const dueInMs = this.#syncedAt + SECOND_MS - this.#clock.now();
    if (dueInMs <= 0) {
      this.stop();
      this.#syncedAt = this.#clock.now();
      return true;
    }
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#syncedAt = this.#clock.now();
      this.#syncNow();
    }, dueInMs);
    return false;
  }

  /** True when something had not been brought to the disk that should be. */
  stop(): boolean {
    const wasPending = this.#timer !== undefined;
    if (wasPending) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    return wasPending;
  }
}
