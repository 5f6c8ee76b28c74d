import type { Clock } from '../protocol/clock.ts';

/** When each client id may come in again. */
export class ConnectRate {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  /** The ids that came in a short while ago, the oldest first. */
  readonly #last = new Map<string, number>();

  /** A client that keeps the interval itself may come so much early: by what its way in took longer the last time. */
  get earlyMs(): number {
    return this.#intervalMs / 4;
  }

  constructor(perSecond: number, clock: Clock) {
    this.#intervalMs = 1_000 / perSecond;
    this.#clock = clock;
  }

  /** How long until a client may come in with this id; 0 when it may now. */
  waitMs(clientId: string): number {
    const last = this.#last.get(clientId);
    // An empty one is made up by the broker, another one each time.
    if (last === undefined || clientId === '') return 0;
    return Math.max(0, last + this.#intervalMs - this.#clock.now());
  }

  cameIn(clientId: string): void {
    const now = this.#clock.now();
    for (const [id, at] of this.#last) {
      if (now - at < this.#intervalMs) break;
      this.#last.delete(id);
    }
    if (this.#intervalMs === 0) return;
    this.#last.delete(clientId);
    this.#last.set(clientId, now);
  }
}
