import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Never anything beyond the loopback. */
export const LOOPBACK = '127.0.0.1';

/**
 * RST at once, where that is possible: the system resets no socket that is being shut down, and Node would neither close it
 * then nor say so.
 *
 * @param stream TLS, when there is TLS over the socket.
 */
export function reset(socket: Socket, stream: Duplex = socket): void {
  if (isEnding(socket) || isEnding(stream)) socket.destroy();
  else socket.resetAndDestroy();
  if (stream !== socket) stream.destroy();
}

const isEnding = ({ writableEnded, writableFinished }: Duplex): boolean => writableEnded && !writableFinished;
