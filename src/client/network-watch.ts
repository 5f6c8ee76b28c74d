/** What a browser's `globalThis` has, and Node's has not. */
interface NetworkEvents {
  addEventListener?: (type: 'online', listener: () => void) => void;
  removeEventListener?: (type: 'online', listener: () => void) => void;
}

/** Listens to the browser's own word that the network is back. Where there is none, it does nothing. */
export class NetworkWatch {
  readonly #online: () => void;
  #isListening = false;

  constructor(online: () => void) {
    this.#online = online;
  }

  start(): void {
    const browser = globalThis as NetworkEvents;
    if (typeof browser.addEventListener !== 'function') return;
    this.#isListening = true;
    // It is the same function each time, so the page has it once.
    browser.addEventListener('online', this.#online);
  }

  /** The page holds the listener, and by it the client: it must not outlive the wish for a line. */
  stop(): void {
    if (!this.#isListening) return;
    this.#isListening = false;
    (globalThis as NetworkEvents).removeEventListener?.('online', this.#online);
  }
}
