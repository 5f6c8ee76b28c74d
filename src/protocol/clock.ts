/** A timer that a {@link Clock} started. Opaque: only the clock that made it may read it. */
export type Timer = unknown;

/**
 * The only source of time in this package: the machines (as XState's `clock`), the outbox and the adapters all take it,
 * so that a simulated clock drives everything.
 */
export interface Clock {
  /** Milliseconds since the epoch as it was known at the start: they never jump, also when the wall clock is corrected. */
  now(): number;
  /** Calls back once, at the earliest after `delayMs`. */
  setTimeout(callback: () => void, delayMs: number): Timer;
  /** Ends a timer. One that has fired, or was ended before, is let be. */
  clearTimeout(timer: Timer): void;
  /** Lets the process end although this timer is still to come. A clock that cannot has none. */
  unref?(timer: Timer): void;
}

/** The longest delay that a timer of Node or a browser keeps; a longer one would fire at once. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

/** The clock of the process. Built on the monotonic clock, so that a corrected wall clock disturbs no timer. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS)),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  unref: (timer) => (timer as { unref?(): unknown }).unref?.(),
};

/** The randomness of the process. Backoff jitter takes it, so that a test can give its own. */
export const systemRandom = (): number => Math.random();
