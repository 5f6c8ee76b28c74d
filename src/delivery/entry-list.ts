import type { Entry, Place } from './entry.ts';

/**
 * The one order in which messages are sent: a doubly linked list, cut in three by two cursors.
 *
 * ```
 * [ in flight | to resend | waiting ]
 *               ▲           ▲
 *              next     firstWaiting       with nothing to resend they are the same entry
 * ```
 *
 * Every step takes the same time at any length, and an entry that leaves leaves nothing behind.
 */
export class EntryList {
  #first: Entry | undefined;
  #last: Entry | undefined;
  #next: Entry | undefined;
  #firstWaiting: Entry | undefined;
  readonly #count: Record<Place, number> = { inFlight: 0, toResend: 0, waiting: 0, ended: 0 };
  #waitingBytes = 0;

  get inFlight(): number {
    return this.#count.inFlight;
  }

  get toResend(): number {
    return this.#count.toResend;
  }

  get waiting(): number {
    return this.#count.waiting;
  }

  /** The bytes of the waiting entries. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get first(): Entry | undefined {
    return this.#first;
  }

  get firstWaiting(): Entry | undefined {
    return this.#firstWaiting;
  }

  /** The entry whose turn it is to be written. */
  get next(): Entry | undefined {
    return this.#next;
  }

  /** Puts a new entry behind all others; it waits. */
  append(entry: Entry): void {
    this.#link(entry, this.#last, undefined);
    this.#next ??= entry;
    this.#firstWaiting ??= entry;
  }

  /** Puts new entries before all that wait, in this order; they wait. */
  insertBeforeWaiting(entries: readonly Entry[]): void {
    const after = this.#firstWaiting;
    for (const entry of entries) this.#link(entry, after === undefined ? this.#last : after.previous, after);
    const [first] = entries;
    if (this.#next === after) this.#next = first ?? after;
    this.#firstWaiting = first ?? after;
  }

  /** All of them, in their order. The list must not change meanwhile. */
  *[Symbol.iterator](): IterableIterator<Entry> {
    for (let entry = this.#first; entry !== undefined; entry = entry.next) yield entry;
  }

  /** This one, which is `next`, is in flight now. */
  advance(entry: Entry): void {
    this.#move(entry, 'inFlight');
  }

  /** All that is in flight is to be resent, in its order, before what is to be resent already. */
  rewind(): void {
    for (let entry = this.#first; entry?.place === 'inFlight'; entry = entry.next) entry.place = 'toResend';
    this.#count.toResend += this.#count.inFlight;
    this.#count.inFlight = 0;
    this.#next = this.#first;
  }

  remove(entry: Entry): void {
    this.#move(entry, 'ended');
    if (entry.previous === undefined) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
  }

  #link(entry: Entry, previous: Entry | undefined, next: Entry | undefined): void {
    entry.previous = previous;
    entry.next = next;
    if (previous === undefined) this.#first = entry;
    else previous.next = entry;
    if (next === undefined) this.#last = entry;
    else next.previous = entry;
    this.#count.waiting++;
    this.#waitingBytes += entry.bytes;
  }

  #move(entry: Entry, to: Place): void {
    if (entry === this.#next) this.#next = entry.next;
    if (entry === this.#firstWaiting) this.#firstWaiting = entry.next;
    if (entry.place === 'waiting') this.#waitingBytes -= entry.bytes;
    this.#count[entry.place]--;
    this.#count[to]++;
    entry.place = to;
  }
}
