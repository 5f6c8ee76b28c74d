// @ts-check

/** Every promise that clients gave away, as long as it is open. */
export class Promises {
  /** @type {Map<number, { what: string, since: number }>} */
  #open = new Map();
  #given = 0;

  get given() {
    return this.#given;
  }

  get open() {
    return this.#open.size;
  }

  /** What is open now and how long it has been, the oldest first. */
  describe() {
    const now = performance.now();
    return [...this.#open.values()].map(
      ({ what, since }) => `${what} for ${Math.round((now - since) / 1_000)} s`,
    );
  }

  /**
   * The same promise, noted.
   *
   * @template T
   * @param {string} what
   * @param {Promise<T>} promise
   * @returns {Promise<T>}
   */
  track(what, promise) {
    const number = ++this.#given;
    this.#open.set(number, { what, since: performance.now() });
    const settled = () => void this.#open.delete(number);
    promise.then(settled, settled);
    return promise;
  }
}
