import { WebSocket } from 'ws';
import { systemClock } from '../protocol/clock.ts';
import { inspectorOf, type OpenOutlet, type StatelyInspector } from './stately-inspector.ts';
import { type LineSocket, StatelyLine } from './stately-line.ts';
import {
  checkStatelyOptions,
  STATELY_VIEWER,
  type StatelySkyOptions,
  type StatelyWebSocketOptions,
} from './stately-options.ts';
import { openRelay } from './stately-relay.ts';
import { skyOutlet } from './stately-sky.ts';

/** A server that takes longer to answer is not there. It is tried again. */
const HANDSHAKE_TIMEOUT_MS = 5_000;

/**
 * Shows machines in Stately's viewer, without their secrets; and without payloads, unless they are asked for. It needs the package
 * `@statelyai/inspect` (an optional peer: `npm install --save-dev @statelyai/inspect@0.7`), and does not keep the process alive.
 *
 * In a page `via` may be `'browser'` instead of `'webSocket'`.
 *
 * @example
 * ```ts
 * const stately = await statelyInspector({ via: 'webSocket' });
 * console.log(stately.url); // to open in a browser of this machine
 * const client = createIotClient({ endpoint, auth, inspect: stately.inspect });
 * ```
 * @throws IotError `INVALID_ARGUMENT`, or `MISSING_PACKAGE`
 */
export async function statelyInspector(
  options: StatelyWebSocketOptions | StatelySkyOptions,
): Promise<StatelyInspector> {
  checkStatelyOptions(options, ['webSocket', 'sky']);
  const { payloads = 'none' } = options;
  return inspectorOf(payloads, options.via === 'sky' ? skyOutlet(options, openSocket) : localOutlet(options));
}

function localOutlet({ url, port = 0, viewer = STATELY_VIEWER }: StatelyWebSocketOptions): OpenOutlet {
  if (url === undefined) return (replay) => openRelay({ port, viewer }, replay);
  return (replay) =>
    new StatelyLine({ clock: systemClock, replay, open: () => openSocket(url), url: undefined });
}

function openSocket(url: string): LineSocket {
  return new WebSocket(url, {
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    perMessageDeflate: false,
    finishRequest: (request) => {
      request.once('socket', (socket) => socket.unref());
      request.end();
    },
  }) as unknown as LineSocket;
}
