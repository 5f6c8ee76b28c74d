import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import type { WebSocket } from 'ws';
import { type FailurePlace, upgradeFailure, upgradeIncomplete } from '../protocol/failures.ts';
import type { SignInContext } from './authentication.ts';
import { checkAuthorities, readAuthorities } from './certificates.ts';
import { NO_BOUND_BYTES } from './mqtt-options.ts';
import { openTls } from './sockets.ts';
import {
  hostHeader,
  MQTT_PATH,
  MQTT_SUBPROTOCOL,
  type UpgradeOptions,
  type WebSocketDialer,
} from './web-socket.ts';
import { WsStream } from './ws-stream.ts';

/** `ws` keeps a frame until it is whole. One may hold many packets, so it may be longer than any of them. */
const SHORTEST_BOUND_BYTES = 16 * 1024 * 1024;

/** WebSockets in Node: TLS as for MQTT without them, then the package `ws` over it. */
export const wsDialer: WebSocketDialer = {
  validate({ ca }) {
    checkAuthorities(ca);
  },

  async prepare(context) {
    const { endpoint, port, signal } = context;
    const ca = context.ca === undefined ? undefined : await readAuthorities(context.ca, signal);
    const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) });
    // It takes half as long to load as mqtt.js, and most devices have a certificate.
    const { WebSocket: WebSocketOfWs } = await import('ws');
    return async (pathAndQuery, options) => {
      const tls = await openTls(endpoint, port, { secureContext }, options.signal);
      const webSocket = ask(WebSocketOfWs, tls.stream, pathAndQuery, context);
      return { ...tls, stream: await untilOpen(webSocket, tls.stream, context, options) };
    };
  },
};

/** Asks for the upgrade. What a WebSocket of `ws` is told here it keeps, and shows: no query, therefore. */
function ask(
  WebSocketOfWs: typeof WebSocket,
  socket: Duplex,
  pathAndQuery: string,
  context: SignInContext,
): WebSocket {
  const { maximumPacketBytes = NO_BOUND_BYTES } = context;
  const host = hostHeader(context);
  return new WebSocketOfWs(`wss://${host}${MQTT_PATH}`, MQTT_SUBPROTOCOL, {
    headers: { Host: host },
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: Math.max(SHORTEST_BOUND_BYTES, maximumPacketBytes),
    createConnection: () => socket,
    finishRequest(request: ClientRequest) {
      request.path = pathAndQuery;
      request.end();
    },
  });
}

/** Resolves with the stream, or rejects with why there is none and frees the socket. */
function untilOpen(
  webSocket: WebSocket,
  socket: Duplex,
  context: SignInContext,
  { signal, serverTime }: UpgradeOptions,
): Promise<WsStream> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void): void => {
      webSocket.off('open', opened).off('unexpected-response', refused).off('error', failed);
      signal.removeEventListener('abort', aborted);
      how();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        webSocket.on('error', ignore).terminate();
        socket.destroy();
        reject(error);
      });
    const place = (): FailurePlace => ({ ...context, stage: 'dialing', wallClock: context.wallClock() });
    const opened = (): void => settle(() => resolve(new WsStream(webSocket, socket, context)));
    const failed = (error: Error): void => fail(upgradeIncomplete(error, place()));
    const aborted = (): void => fail(signal.reason);
    const refused = (_request: ClientRequest, { statusCode = 0, headers }: IncomingMessage): void => {
      const time = Date.parse(headers.date ?? '');
      if ((statusCode === 401 || statusCode === 403) && Number.isFinite(time)) serverTime?.(time);
      fail(upgradeFailure(statusCode, place()));
    };
    webSocket.on('open', opened).on('unexpected-response', refused).on('error', failed);
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
  });
}

const ignore = (): void => {};
