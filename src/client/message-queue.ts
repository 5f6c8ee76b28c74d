import Denque from 'denque';

/** What happens to a value that finds the buffer full. */
export type Overflow = 'dropOldest' | 'dropNewest';

/** A `next()` that waits. */
interface Taker<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * An async iterator with a bounded buffer, for one consumer: values are pushed in, `next()` takes them out. A slow
 * consumer delays nobody; what it loses is counted.
 */
export class MessageQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #buffer = new Denque<T>();
  readonly #waiting = new Denque<Taker<T>>();
  readonly #limit: number;
  readonly #overflow: Overflow;
  readonly #onReturn: () => void;
  readonly #onOverflow: (dropped: number) => void;
  #end: { readonly error?: unknown } | undefined;
  #dropped = 0;
  #isTelling = false;

  constructor(
    options: { readonly limit: number; readonly overflow: Overflow },
    hooks: { readonly onReturn: () => void; readonly onOverflow: (dropped: number) => void },
  ) {
    this.#limit = options.limit;
    this.#overflow = options.overflow;
    this.#onReturn = hooks.onReturn;
    this.#onOverflow = hooks.onOverflow;
  }

  push(value: T): void {
    if (this.#end !== undefined) return;
    const taker = this.#waiting.shift();
    if (taker !== undefined) {
      taker.resolve({ value, done: false });
      return;
    }
    if (this.#buffer.length >= this.#limit) {
      this.#lose();
      if (this.#overflow === 'dropNewest') return;
      this.#buffer.shift();
    }
    this.#buffer.push(value);
  }

  /** No value will come any more. What is buffered can still be taken; then the iterator is done, or throws `error`. */
  finish(end: { readonly error?: unknown } = {}): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (let taker = this.#waiting.shift(); taker !== undefined; taker = this.#waiting.shift()) {
      this.#tellEnd(taker);
    }
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#buffer.length > 0) return Promise.resolve({ value: this.#buffer.shift() as T, done: false });
    return new Promise((resolve, reject) => {
      if (this.#end === undefined) this.#waiting.push({ resolve, reject });
      else this.#tellEnd({ resolve, reject });
    });
  }

  /** The consumer has left its loop. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#buffer.clear();
    if (this.#end === undefined) {
      this.finish();
      this.#onReturn();
    }
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** What is lost together is told together: a burst is no reason for another. */
  #lose(): void {
    this.#dropped += 1;
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.#onOverflow(this.#dropped);
    });
  }

  /** An error is told once; whoever asks again is told that it is over. */
  #tellEnd(taker: Taker<T>): void {
    const end = this.#end ?? {};
    this.#end = {};
    if ('error' in end) taker.reject(end.error);
    else taker.resolve({ value: undefined, done: true });
  }
}
