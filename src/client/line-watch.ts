import type { WatchLine } from '../machines/shadow-operation.types.ts';

type Listener = Parameters<WatchLine>[0];

/** Whether there is a line that may be used, for those who are told of it. */
export class LineWatch {
  readonly #listeners = new Set<Listener>();
  #isUp = false;

  /** Tells at once, and at each change; the result ends it. */
  readonly watch: WatchLine = (listener) => {
    // One of its own each time, so that the same function may listen twice.
    const own: Listener = (fact) => listener(fact);
    this.#listeners.add(own);
    own({ type: this.#isUp ? 'line.up' : 'line.lost' });
    return () => {
      this.#listeners.delete(own);
    };
  };

  set isUp(isUp: boolean) {
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) listener({ type: isUp ? 'line.up' : 'line.lost' });
    }
  }
}
