import Denque from 'denque';
import type { RateLimit } from '../protocol/queue-limits.ts';

/** What was sent in the last `periodMs`, whenever that is looked at. */
class SlidingWindow {
  readonly #periodMs: number;
  readonly #most: { readonly publishes: number; readonly bytes: number };
  readonly #sent = new Denque<{ readonly at: number; readonly bytes: number }>();
  #bytes = 0;

  constructor(periodMs: number, most: { readonly publishes: number; readonly bytes: number }) {
    this.#periodMs = periodMs;
    this.#most = most;
  }

  /** How long until the next one may go, or may be looked at again; 0 when it may go now. */
  waitMs(now: number, bytes: number): number {
    let oldest = this.#sent.peekFront();
    while (oldest !== undefined && now - oldest.at >= this.#periodMs) {
      this.#sent.shift();
      this.#bytes -= oldest.bytes;
      oldest = this.#sent.peekFront();
    }
    // One that is larger than the whole limit goes alone.
    if (oldest === undefined) return 0;
    if (this.#sent.length < this.#most.publishes && this.#bytes + bytes <= this.#most.bytes) return 0;
    return oldest.at + this.#periodMs - now;
  }

  sent(now: number, bytes: number): void {
    this.#sent.push({ at: now, bytes });
    this.#bytes += bytes;
  }
}

/**
 * Holds to a limit in any second, wherever that second begins; a bucket of tokens would let twice as much through in its
 * first one. So that a delay on the way cannot press two seconds into one, no tenth of a second has more than a tenth.
 */
export class PublishRate {
  readonly #windows: readonly SlidingWindow[];

  constructor({ publishesPerSecond, bytesPerSecond }: RateLimit) {
    this.#windows = [
      new SlidingWindow(1_000, { publishes: publishesPerSecond, bytes: bytesPerSecond }),
      new SlidingWindow(100, { publishes: Math.ceil(publishesPerSecond / 10), bytes: Infinity }),
    ];
  }

  /** How long until a publish of so many bytes may go, or may be asked for again; 0 when it may go now. */
  waitMs(now: number, bytes: number): number {
    return Math.max(...this.#windows.map((window) => window.waitMs(now, bytes)));
  }

  sent(now: number, bytes: number): void {
    for (const window of this.#windows) window.sent(now, bytes);
  }
}
