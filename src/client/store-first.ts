import type { Clock } from '../protocol/clock.ts';
import type { OpenTransport, TransportLine } from '../protocol/transport.ts';

/** A store that takes longer holds up no line; what it has is then let go on a live one, at the pace of the drain. */
const PATIENCE_MS = 1_000;

/**
 * The same transport, but its first attempt waits for the durable store to be opened, or not to be: so what an earlier process
 * left is there when the line is, and goes first.
 */
export function storeFirst(
  openTransport: OpenTransport,
  opening: Promise<unknown>,
  clock: Clock,
): OpenTransport {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  opening.then(over, over);
  return (report, previous) => {
    if (isOver) return openTransport(report, previous);
    let line: TransportLine | undefined;
    let isFreed = false;
    const begin = (): void => {
      clock.clearTimeout(timer);
      isOver = true;
      if (!isFreed) line ??= openTransport(report, previous);
    };
    const timer = clock.setTimeout(begin, PATIENCE_MS);
    opening.then(begin, begin);
    return {
      disconnect: () => line?.disconnect(),
      free: () => {
        clock.clearTimeout(timer);
        isFreed = true;
        line?.free();
      },
    };
  };
}
