import type { Clock } from '../protocol/clock.ts';

/** Since when the clients of persistent sessions are away. There is no timer: who comes in makes it look. */
export class SessionExpiry {
  readonly #afterMs: number;
  readonly #clock: Clock;
  /** The longest away first. */
  readonly #leftAt = new Map<string, number>();

  constructor(afterSeconds: number, clock: Clock) {
    this.#afterMs = afterSeconds * 1_000;
    this.#clock = clock;
  }

  left(clientId: string): void {
    this.cameBack(clientId);
    this.#leftAt.set(clientId, this.#clock.now());
  }

  cameBack(clientId: string): void {
    this.#leftAt.delete(clientId);
  }

  /** The sessions that have expired since this was asked last. */
  takeExpired(): readonly string[] {
    const expired: string[] = [];
    const until = this.#clock.now() - this.#afterMs;
    for (const [clientId, leftAt] of this.#leftAt) {
      if (leftAt > until) break;
      this.#leftAt.delete(clientId);
      expired.push(clientId);
    }
    return expired;
  }
}
