import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';

import { systemClock } from '../protocol/clock.ts';
import { LOOPBACK_HOST, listenOnLoopback, strangerIn } from './loopback-door.ts';
import type { StatelyOutlet } from './stately-inspector.ts';
import { RELAY_PAGE_FEED, relayFiles } from './stately-relay-page.ts';
import { settledWithin } from './stately-wait.ts';

export interface RelayOptions {
  readonly port: number;
  readonly viewer: string;
}

/** A viewer that is so far behind is cut: it comes again, and is told what matters. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
/** Viewers have nothing to say. */
const MAX_INCOMING_BYTES = 1_024;
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * Serves a page on the loopback that frames Stately's viewer, and brings it the messages. It is of use where the server of
 * `@statelyai/inspect` is not: that one listens on all interfaces, lets any page listen, and forgets machines after 200 messages.
 */
export async function openRelay(
  { port, viewer }: RelayOptions,
  replay: () => readonly string[],
): Promise<StatelyOutlet> {
  const relay = new StatelyRelay(viewer, replay);
  await relay.open(port);
  return relay;
}

class StatelyRelay implements StatelyOutlet {
  readonly #files: ReturnType<typeof relayFiles>;
  readonly #replay: () => readonly string[];
  readonly #http = http.createServer();
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_INCOMING_BYTES,
  });
  #port = 0;

  constructor(viewer: string, replay: () => readonly string[]) {
    this.#files = relayFiles(viewer);
    this.#replay = replay;
    this.#http.on('request', (request, response) => this.#serve(request, response));
    this.#http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {});
      if (strangerIn(request, this.#port) !== undefined || !isFeed(request)) {
        socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      this.#webSockets.handleUpgrade(request, socket, head, (viewer) => this.#welcome(viewer));
    });
  }

  get url(): string {
    return `http://${LOOPBACK_HOST}:${this.#port}/`;
  }

  async open(port: number): Promise<void> {
    this.#port = await listenOnLoopback(this.#http, port);
  }

  send(message: string): void {
    for (const viewer of this.#webSockets.clients) {
      if (viewer.bufferedAmount > MAX_BUFFERED_BYTES) viewer.terminate();
      else viewer.send(message, ignoreFailure);
    }
  }

  async close(): Promise<void> {
    const viewers = [...this.#webSockets.clients];
    const closed = viewers.map((viewer) => new Promise((resolve) => viewer.once('close', resolve)));
    // What was sent goes first. Who does not answer is cut.
    for (const viewer of viewers) viewer.close(1001);
    const isStopped = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeIdleConnections();
    await settledWithin(systemClock, CLOSE_TIMEOUT_MS, Promise.all(closed));
    for (const viewer of viewers) viewer.terminate();
    this.#http.closeAllConnections();
    await isStopped;
  }

  #welcome(viewer: WebSocket): void {
    viewer.on('error', () => {});
    for (const message of this.#replay()) viewer.send(message, ignoreFailure);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const stranger = strangerIn(request, this.#port);
    const file = this.#files.get(request.url ?? '');
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (stranger !== undefined) response.writeHead(403).end();
    else if (file === undefined) response.writeHead(404).end();
    else if (isRead) response.writeHead(200, file.headers).end(file.text);
    else response.writeHead(405, { Allow: 'GET, HEAD' }).end();
  }
}

/** Its `close` or the next `send` tells what is to be done about it. */
const ignoreFailure = (): void => {};

/** Programs that are no page, such as the receiver of `@statelyai/inspect`, name no path. */
const isFeed = ({ url }: IncomingMessage): boolean => url === '/' || url === RELAY_PAGE_FEED;
