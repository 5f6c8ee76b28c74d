/** What happened, in order, as far back as the capacity goes. */
export class Journal<T> {
  readonly #capacity: number;
  readonly #entries: T[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Oldest first. At least the newest `capacity`. */
  get entries(): readonly T[] {
    return this.#entries;
  }

  push(entry: T): void {
    this.#entries.push(entry);
    // Cut in blocks: an array loses a thousand entries at its head as fast as one.
    if (this.#entries.length >= this.#capacity + 1_000) this.#entries.splice(0, 1_000);
  }
}
