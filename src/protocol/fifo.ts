/** So many places at the front may be empty before they are given back. */
const MOST_EMPTY = 1_024;

/** First in, first out: each step costs the same, however many wait. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  /** Where the first one is; all places before it are empty. */
  #start = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  /** The one that is next; undefined when there is none. */
  get first(): T | undefined {
    return this.#items[this.#start];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the one that is next; undefined when there is none. */
  shift(): T | undefined {
    const item = this.first;
    if (this.length > 0) this.#items[this.#start++] = undefined;
    if (this.length === 0) this.clear();
    else if (this.#start >= MOST_EMPTY && this.#start >= this.length) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }

  /** Takes all, in their order. */
  takeAll(): T[] {
    const all = this.#items.slice(this.#start) as T[];
    this.clear();
    return all;
  }

  clear(): void {
    this.#items = [];
    this.#start = 0;
  }
}
