import type { Socket } from 'node:net';
import { reset } from './loopback.ts';

/** How a flow is disturbed now. All flows of one direction share it. */
export interface Disturbance {
  frozen: boolean;
  delayMs: number;
  bytesPerSecond: number;
  /** The line is cut when so many more bytes have passed. */
  cutAfterBytes: number;
}

export const undisturbed = (): Disturbance => ({
  frozen: false,
  delayMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  cutAfterBytes: Number.POSITIVE_INFINITY,
});

/** Bytes, or one of the two ways in which their source can end: an end waits behind the bytes that came before it. */
interface Item {
  readonly what: Buffer | 'fin' | 'reset';
  readonly due: number;
}

/** A throttled flow writes so often that it crawls rather than leaps. */
const SLICES_PER_SECOND = 20;

/** Carries what one socket sends to another one, as its disturbance allows. */
export class FaultFlow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #disturbance: Disturbance;
  readonly #cut: () => void;
  #items: Item[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** When the throttle lets the next bytes go. */
  #freeAt = 0;
  #isStopped = false;

  constructor(from: Socket, to: Socket, disturbance: Disturbance, cut: () => void) {
    this.#from = from;
    this.#to = to;
    this.#disturbance = disturbance;
    this.#cut = cut;
    from.on('data', (bytes) => this.#take(bytes));
    from.on('end', () => this.#take('fin'));
    from.on('close', () => {
      if (!from.readableEnded) this.#take('reset');
    });
    to.on('drain', () => this.pump());
    to.on('close', () => this.stop());
  }

  /** Passes on what may pass; called again whenever that may have changed. */
  pump(): void {
    clearTimeout(this.#timer);
    for (let item = this.#items[0]; item !== undefined; item = this.#items[0]) {
      if (this.#disturbance.frozen || this.#to.writableNeedDrain) break;
      const waitMs = Math.max(item.due, this.#freeAt) - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        break;
      }
      this.#pass(item);
    }
    // Nothing is read that cannot be passed on: so a full line is felt by its sender, and a frozen one tells no end.
    const isBlocked =
      this.#disturbance.frozen || (this.#items[0]?.due ?? Number.POSITIVE_INFINITY) <= performance.now();
    if (isBlocked && !this.#isStopped) this.#from.pause();
    else this.#from.resume();
  }

  /** Drops what waits; carries nothing any more, and reads on only to notice the end. */
  stop(): void {
    this.#isStopped = true;
    this.#items = [];
    this.pump();
  }

  #take(what: Item['what']): void {
    if (this.#isStopped) return;
    this.#items.push({ what, due: performance.now() + this.#disturbance.delayMs });
    this.pump();
  }

  #pass(item: Item): void {
    this.#items.shift();
    if (item.what === 'fin') this.#to.end();
    else if (item.what === 'reset') reset(this.#to);
    else this.#write(item.what, item.due);
  }

  #write(bytes: Buffer, due: number): void {
    const { bytesPerSecond, cutAfterBytes } = this.#disturbance;
    const most = Math.min(cutAfterBytes, Math.max(1, Math.floor(bytesPerSecond / SLICES_PER_SECOND)));
    const slice = bytes.subarray(0, most);
    if (slice.length < bytes.length) this.#items.unshift({ what: bytes.subarray(slice.length), due });
    this.#freeAt = performance.now() + (slice.length / bytesPerSecond) * 1_000;
    this.#disturbance.cutAfterBytes -= slice.length;
    if (this.#disturbance.cutAfterBytes > 0) {
      this.#to.write(slice);
      return;
    }
    this.#disturbance.cutAfterBytes = Number.POSITIVE_INFINITY;
    this.stop();
    this.#to.write(slice, this.#cut);
  }
}
