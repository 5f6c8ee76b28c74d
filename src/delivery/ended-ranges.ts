import type { StoreChange } from '../protocol/queue-store.ts';
import { encodeEndedRange } from './record.ts';

/**
 * Which numbers have ended, as ranges that never touch each other: there is at most one more of them than there are live
 * numbers between them. Each is a record of the store, under its first number. What differs from the store is noted until
 * it is taken to be written.
 */
export class EndedRanges {
  readonly #lastOf = new Map<number, number>();
  readonly #firstOf = new Map<number, number>();
  /** The numbers whose records are to be written anew, or deleted. */
  readonly #changed = new Set<number>();

  /** All numbers from 1 to `top`, but for those that live, which are given in ascending order. */
  static around(live: Iterable<number>, top: number): EndedRanges {
    const ranges = new EndedRanges();
    let next = 1;
    for (const number of live) {
      if (number > next) ranges.add(next, number - 1);
      next = number + 1;
    }
    if (top >= next) ranges.add(next, top);
    return ranges;
  }

  get isChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** These numbers, none of which had ended, have ended. */
  add(first: number, last: number): void {
    const start = this.#firstOf.get(first - 1) ?? first;
    const end = this.#lastOf.get(last + 1) ?? last;
    this.#firstOf.delete(first - 1);
    if (end !== last) {
      this.#lastOf.delete(last + 1);
      this.#changed.add(last + 1);
    }
    this.#lastOf.set(start, end);
    this.#firstOf.set(end, start);
    this.#changed.add(first).add(start);
  }

  /**
   * Notes only what differs from this store.
   *
   * @param stored the numbers of all its records that are not live, each with the last number of the range that it says, or
   * with undefined when it says none
   */
  compareWith(stored: ReadonlyMap<number, number | undefined>): void {
    this.#changed.clear();
    for (const [number, last] of stored) {
      if (last === undefined || this.#lastOf.get(number) !== last) this.#changed.add(number);
    }
    for (const first of this.#lastOf.keys()) if (!stored.has(first)) this.#changed.add(first);
  }

  /** What must be written, in one go, so that the store says the same. */
  takeChanges(): StoreChange[] {
    const changes: StoreChange[] = [];
    for (const number of this.#changed) {
      const last = this.#lastOf.get(number);
      changes.push({ number, value: last === undefined ? undefined : encodeEndedRange(last) });
    }
    this.#changed.clear();
    return changes;
  }
}
