import type { Clock, Timer } from '../../src/protocol/clock.ts';

interface Running {
  readonly delayMs: number;
  readonly callback: () => void;
}

/**
 * A clock on which no time passes: a test fires single timers, by their delay, in any order. So a path of a model can
 * take the longest timeout of a state before the shortest, which no moving clock could.
 */
export class TimerByTimerClock implements Clock {
  readonly #running = new Set<Running>();

  now(): number {
    return 0;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer: Running = { delayMs, callback };
    this.#running.add(timer);
    return timer;
  }

  clearTimeout(timer: Timer): void {
    this.#running.delete(timer as Running);
  }

  get pending(): number {
    return this.#running.size;
  }

  /** Fires every timer that was started with this delay. Throws when there is none: then the path is not what it says. */
  fire(delayMs: number): void {
    const due = [...this.#running].filter((timer) => timer.delayMs === delayMs);
    if (due.length === 0) throw new Error(`no timer of ${delayMs} ms is running`);
    for (const timer of due) {
      this.#running.delete(timer);
      timer.callback();
    }
  }
}
