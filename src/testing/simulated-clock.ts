import type { Clock, Timer } from '../protocol/clock.ts';

interface ScheduledTimer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to go. Unlike XState's `SimulatedClock` it fires timers that were started
 * by timers of the same `advance`, each at its own time.
 *
 * Pass it as `clock` to a client, a machine (`createActor(machine, { clock })`) or the outbox.
 */
export class SimulatedClock implements Clock {
  #now: number;
  #order = 0;
  readonly #timers = new Set<ScheduledTimer>();

  /** @param start the first value of `now()`, in milliseconds. Default 0. */
  constructor(start = 0) {
    this.#now = start;
  }

  /** In milliseconds, from `start`: it moves only when told to. */
  now(): number {
    return this.#now;
  }

  /** Calls back when the time that was told to go has come so far. */
  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer: ScheduledTimer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return timer;
  }

  /** Ends a timer that has not fired yet. */
  clearTimeout(timer: Timer): void {
    this.#timers.delete(timer as ScheduledTimer);
  }

  /** How many timers are running. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer fires; undefined when none is running. */
  get nextIn(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.at - this.#now;
  }

  /** Moves time on by `durationMs` and fires, in order, every timer that is due until then. */
  advance(durationMs: number): void {
    const end = this.#now + durationMs;
    for (let timer = this.#next(); timer !== undefined && timer.at <= end; timer = this.#next()) {
      this.#timers.delete(timer);
      this.#now = timer.at;
      timer.callback();
    }
    this.#now = end;
  }

  #next(): ScheduledTimer | undefined {
    let next: ScheduledTimer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order))
        next = timer;
    }
    return next;
  }
}
