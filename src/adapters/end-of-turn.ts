interface NodeGlobals {
  readonly setImmediate?: (callback: () => void) => unknown;
}

/** As browsers have it. */
interface PageChannel {
  readonly port1: { onmessage?: () => void };
  readonly port2: { postMessage(message: undefined): void };
}

/**
 * Calls back once this turn of the event loop is over. Taken at once: an app's fake timers must hold back neither packets nor an
 * end. Browsers have messages for it, not a timer of 0 ms: in a tab that nobody sees those wait for a second, or for a minute.
 */
export const atEndOfTurn: (callback: () => void) => unknown =
  (globalThis as NodeGlobals).setImmediate ?? createTurnsByMessage();

function createTurnsByMessage(): (callback: () => void) => void {
  const { port1, port2 } = new MessageChannel() as unknown as PageChannel;
  const due: (() => void)[] = [];
  port1.onmessage = () => due.shift()?.();
  return (callback) => {
    due.push(callback);
    port2.postMessage(undefined);
  };
}
