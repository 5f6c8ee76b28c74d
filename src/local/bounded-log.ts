/** What happened, in order, as far back as there is room. */
export class BoundedLog<T> {
  readonly #capacity: number;
  readonly #maxBytes: number;
  readonly #bytesOf: (entry: T) => number;
  readonly #entries: T[] = [];
  #bytes = 0;

  /** @param maxBytes How much all of them may be, by what `bytesOf` says of each; but the newest is always kept. */
  constructor(capacity: number, maxBytes = Infinity, bytesOf: (entry: T) => number = () => 0) {
    this.#capacity = capacity;
    this.#maxBytes = maxBytes;
    this.#bytesOf = bytesOf;
  }

  /** Oldest first. At least the newest `capacity`, or as many of them as `maxBytes` has room for. */
  get entries(): readonly T[] {
    return this.#entries;
  }

  push(entry: T): void {
    this.#entries.push(entry);
    this.#bytes += this.#bytesOf(entry);
    // Cut in blocks: an array loses a thousand entries at its head as fast as one.
    if (this.#entries.length >= this.#capacity + 1_000) this.#cut(1_000);
    if (this.#bytes > this.#maxBytes) this.#cut(this.#excess());
  }

  /** How many of the oldest must go so that the rest has room. */
  #excess(): number {
    let bytes = this.#bytes;
    let count = 0;
    for (const entry of this.#entries) {
      if (bytes <= this.#maxBytes || count === this.#entries.length - 1) break;
      bytes -= this.#bytesOf(entry);
      count += 1;
    }
    return count;
  }

  #cut(count: number): void {
    for (const entry of this.#entries.splice(0, count)) this.#bytes -= this.#bytesOf(entry);
  }
}
