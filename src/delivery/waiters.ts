/** Those who asked to be told once, in the order in which they asked. */
export class Waiters<T> {
  readonly #waiting = new Set<{ readonly about: T; readonly callback: () => void }>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** The result takes it back, and says whether there was something to take back. */
  add(about: T, callback: () => void): () => boolean {
    const waiter = { about, callback };
    this.#waiting.add(waiter);
    return () => this.#waiting.delete(waiter);
  }

  /** Takes the first one, if what it asked about has come. */
  takeIf(hasCome: (about: T) => boolean): (() => void) | undefined {
    const [first] = this.#waiting;
    if (first === undefined || !hasCome(first.about)) return undefined;
    this.#waiting.delete(first);
    return first.callback;
  }
}
