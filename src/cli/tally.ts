import { EventEmitter, once } from 'node:events';

/** What became of the numbered messages of one run. */
export interface TallyReport {
  readonly sent: number;
  /** How many of them came back, each counted once. */
  readonly received: number;
  readonly lost: number;
  /** How often a message came again. QoS 1 allows it. */
  readonly duplicated: number;
  /** How many came after one that was sent later. */
  readonly outOfOrder: number;
  /** How many had to wait in the device. */
  readonly queued: number;
}

/** Numbers the messages that go out, and judges by these numbers what really came back. */
export class Tally {
  readonly #queued = new Set<number>();
  readonly #arrived = new Set<number>();
  readonly #changes = new EventEmitter();
  #sent = 0;
  #newest = 0;
  #duplicated = 0;
  #outOfOrder = 0;

  /** The number of the next message. */
  next(): number {
    this.#sent += 1;
    return this.#sent;
  }

  queued(id: number): void {
    this.#queued.add(id);
  }

  wasQueued(id: number): boolean {
    return this.#queued.has(id);
  }

  arrived(id: number): void {
    if (this.#arrived.has(id)) {
      this.#duplicated += 1;
    } else {
      if (id < this.#newest) this.#outOfOrder += 1;
      this.#newest = Math.max(this.#newest, id);
      this.#arrived.add(id);
    }
    this.#changes.emit('arrival');
  }

  /** Resolves once `amount` different messages, or all that were sent, have come back. Rejects when the signal aborts. */
  async whenArrived(signal: AbortSignal, amount?: number): Promise<void> {
    while (this.#arrived.size < (amount ?? this.#sent)) await once(this.#changes, 'arrival', { signal });
  }

  get report(): TallyReport {
    return {
      sent: this.#sent,
      received: this.#arrived.size,
      lost: this.#sent - this.#arrived.size,
      duplicated: this.#duplicated,
      outOfOrder: this.#outOfOrder,
      queued: this.#queued.size,
    };
  }
}
