import type { Clock } from '../protocol/clock.ts';

/** Keeps a transport's CONNECTs apart. It outlives the attempts, each of which is an actor of its own. */
export class Pace {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #lastConnectAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** A CONNECT is being sent. */
  connecting(): void {
    this.#lastConnectAt = this.#clock.now();
  }

  /** Resolves when the next CONNECT may be sent; rejects, and leaves no timer, when the signal aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const waitMs = this.#lastConnectAt + this.#intervalMs - this.#clock.now();
    if (waitMs <= 0) return;
    await new Promise<void>((resolve, reject) => {
      const aborted = (): void => {
        this.#clock.clearTimeout(timer);
        reject(signal.reason as Error);
      };
      const timer = this.#clock.setTimeout(() => {
        signal.removeEventListener('abort', aborted);
        resolve();
      }, waitMs);
      signal.addEventListener('abort', aborted, { once: true });
    });
  }
}
