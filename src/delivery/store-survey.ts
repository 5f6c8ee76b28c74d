import type { DurableMessage, StoreRecord } from '../protocol/queue-store.ts';
import { decodeRecord } from './record.ts';

/**
 * What a store holds, found by reading it in order. Every number from 1 on should be a message or lie in an ended range;
 * LevelDB can lose entries without a word, and then a number is neither: it is missing.
 */
export class StoreSurvey {
  /** The messages that have not ended, by ascending number. */
  readonly messages = new Map<number, DurableMessage>();
  /** All other records: the last numbers of ranges, or undefined for what should not be there. */
  readonly others = new Map<number, number | undefined>();
  #next = 1;
  #top = 0;
  #missing = 0;

  /** The greatest number that is known of. */
  get top(): number {
    return this.#top;
  }

  get missing(): number {
    return this.#missing + this.#top + 1 - this.#next;
  }

  add({ number, value }: StoreRecord): void {
    const found = decodeRecord(number, value);
    const isMessage = typeof found === 'object';
    this.#top = Math.max(this.#top, typeof found === 'number' ? found : number);
    // A message inside of a range has ended: only its delete was lost.
    if (isMessage && number >= this.#next) this.messages.set(number, found);
    else this.others.set(number, isMessage ? undefined : found);
    if (found !== undefined) this.#cover(number, isMessage ? number : found);
  }

  #cover(first: number, last: number): void {
    if (first > this.#next) this.#missing += first - this.#next;
    this.#next = Math.max(this.#next, last + 1);
  }
}
