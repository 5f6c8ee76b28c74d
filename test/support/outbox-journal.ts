import { type Journal, Kept } from '../../src/delivery/journal.ts';
import type { IotError } from '../../src/protocol/errors.ts';
import type { OutgoingMessage } from '../../src/protocol/message.ts';

/** What an earlier process left in a journal. */
export function leftBehind(message: OutgoingMessage, expiresAt = Number.POSITIVE_INFINITY): Kept {
  return new Kept(message, expiresAt);
}

/** A journal as an outbox sees it: it answers in the order of the calls, when it is told to. */
export class HeldJournal implements Pick<Journal, 'keep' | 'open' | 'release'> {
  /** The payloads of what was released before its rejection, in order. */
  readonly released: string[] = [];
  /** What an outbox may not do. */
  readonly violations: string[] = [];
  openings = 0;
  readonly #asked = new Set<Kept>();

  /** How many are not answered. */
  get asked(): number {
    return this.#asked.size;
  }

  /** What is answered next. */
  get next(): OutgoingMessage | undefined {
    const [kept] = this.#asked;
    return kept?.message;
  }

  keep(message: OutgoingMessage, expiresAt: number, done: (error?: IotError) => void): Kept {
    if (message.qos === 0) this.violations.push('QoS 0 is not stored');
    const kept = new Kept(message, expiresAt, done);
    this.#asked.add(kept);
    return kept;
  }

  /** Answers the oldest. */
  answer(count = 1, error?: IotError): void {
    for (let left = count; left > 0; left--) {
      const [kept] = this.#asked;
      if (kept === undefined) return;
      this.#asked.delete(kept);
      kept.isEnded = error !== undefined;
      const { done } = kept;
      kept.done = undefined;
      done?.(error);
    }
  }

  answerAll(error?: IotError): void {
    while (this.#asked.size > 0) this.answer(1, error);
  }

  release(kept: Kept): void {
    const name = String(kept.message.payload);
    if (this.released.includes(name)) this.violations.push(`released ${name} twice`);
    if (kept.isEnded) return;
    kept.isEnded = true;
    this.#asked.delete(kept);
    this.released.push(name);
  }

  open(): void {
    this.openings++;
  }
}
