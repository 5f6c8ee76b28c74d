import type { Duplex } from 'node:stream';
import { IotError, invalidSecret } from '../protocol/errors.ts';
import { at } from '../protocol/failure-place.ts';
import type { OpenedStream, SignInContext } from './authentication.ts';
import { type BrowserSocket, createBrowserSocket } from './browser-socket.ts';
import { BrowserStream } from './browser-stream.ts';
import { hostHeader, MQTT_SUBPROTOCOL, type WebSocketDialer } from './web-socket.ts';

/** WebSockets of the page itself. */
export const browserDialer: WebSocketDialer = {
  validate({ ca }) {
    if (ca !== undefined) {
      const why = 'left out in a browser, which trusts the authorities of its own list and of its system';
      throw invalidSecret('ca', why, ca);
    }
  },

  prepare: (context) => Promise.resolve((pathAndQuery, { signal }) => open(context, pathAndQuery, signal)),
};

/** Resolves with the stream, or rejects and closes what was begun. */
async function open(
  context: SignInContext,
  pathAndQuery: string,
  signal: AbortSignal,
): Promise<OpenedStream> {
  signal.throwIfAborted();
  const socket = begin(context, pathAndQuery);
  return await new Promise((resolve, reject) => {
    const settle = (how: () => void): void => {
      socket.removeEventListener('open', opened);
      // It stays silent about what comes after it: a close follows an error.
      socket.removeEventListener('close', failed);
      signal.removeEventListener('abort', aborted);
      how();
    };
    const opened = (): void =>
      settle(() => {
        const stream = new BrowserStream(socket, context.clock, context);
        // It is as much of one as is used.
        resolve({ stream: stream as unknown as Duplex, bytesRead: () => stream.bytesRead });
      });
    const failed = (): void => settle(() => reject(failure(context)));
    const aborted = (): void =>
      settle(() => {
        socket.close();
        reject(signal.reason as Error);
      });
    socket.addEventListener('open', opened);
    socket.addEventListener('close', failed);
    signal.addEventListener('abort', aborted);
  });
}

function begin(context: SignInContext, pathAndQuery: string): BrowserSocket {
  try {
    return createBrowserSocket(`wss://${hostHeader(context)}${pathAndQuery}`, MQTT_SUBPROTOCOL);
  } catch {
    // Without a cause: its words hold the URL.
    throw failure(context);
  }
}

/** Scripts must not learn what is on a network, so no browser tells them more. */
const failure = (context: SignInContext): IotError =>
  new IotError(
    'WEBSOCKET_FAILED',
    `the browser opened no WebSocket to ${at(context)}, and does not tell a page why`,
    {
      remediation:
        'Check `endpoint` and `port`, the network, what `auth` signs in with, and the clock of this device; the console of the browser may say more.',
    },
  );
