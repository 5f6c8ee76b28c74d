import type { Clock, Timer } from '../protocol/clock.ts';

/** When the sessions end whose clients stay away. */
export class SessionExpiry {
  readonly #afterMs: number;
  readonly #clock: Clock;
  readonly #expired: (clientId: string) => void;
  readonly #timers = new Map<string, Timer>();

  constructor(afterSeconds: number, clock: Clock, expired: (clientId: string) => void) {
    this.#afterMs = afterSeconds * 1_000;
    this.#clock = clock;
    this.#expired = expired;
  }

  /** The client of a persistent session has gone. */
  left(clientId: string): void {
    this.cameBack(clientId);
    if (this.#afterMs === Infinity) return;
    const expire = (): void => {
      this.#timers.delete(clientId);
      this.#expired(clientId);
    };
    this.#timers.set(clientId, this.#clock.setTimeout(expire, this.#afterMs));
  }

  cameBack(clientId: string): void {
    const timer = this.#timers.get(clientId);
    if (timer === undefined) return;
    this.#clock.clearTimeout(timer);
    this.#timers.delete(clientId);
  }

  close(): void {
    for (const clientId of [...this.#timers.keys()]) this.cameBack(clientId);
  }
}
