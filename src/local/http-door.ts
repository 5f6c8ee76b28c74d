import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { describe } from '../protocol/errors.ts';
import { Listener } from './listener.ts';
import { isLoopbackHost, isWelcomeOrigin } from './origins.ts';

export interface HttpRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Undefined when it is too long. */
  readonly body: Buffer | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** As JSON. */
  readonly body?: object;
}

export interface HttpDoorPorts {
  /** Whose door it is, for warnings. */
  readonly service: string;
  /** What pages may ask with. */
  readonly methods: readonly string[];
  readonly longestBodyBytes: number;
  /** What pages may read. */
  readonly exposedHeaders: readonly string[];
  answer(request: HttpRequest): HttpAnswer | Promise<HttpAnswer>;
  warn(what: string): void;
}

/**
 * A port for plain HTTP, for devices and for pages of the loopback. A page of a stranger is refused by its origin, and by the name of
 * the host that it asked: a name of its own may lead here.
 */
export class HttpDoor {
  readonly #ports: HttpDoorPorts;
  readonly #listener: Listener;
  // It never listens: sockets are handed to it.
  readonly #http = http.createServer();
  readonly #sockets = new Set<Socket>();

  /** @param port 0 takes any free one. */
  constructor(port: number, ports: HttpDoorPorts) {
    this.#ports = ports;
    this.#listener = new Listener(port, {
      opened: (socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      },
      accepted: ({ socket }) => this.#http.emit('connection', socket),
    });
    this.#http.on('request', (request, response) => void this.#serve(request, response));
  }

  get port(): number {
    return this.#listener.port;
  }

  open(): Promise<void> {
    return this.#listener.open();
  }

  /** Stops accepting; the connections that are there stay. */
  close(): void {
    this.#listener.close();
  }

  /** Resets the connections, also those that are kept alive; resolves when they are closed. */
  async cut(): Promise<void> {
    const closed = [...this.#sockets].map(
      (socket) => new Promise((resolve) => socket.once('close', resolve)),
    );
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await Promise.all(closed);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const { origin, host } = request.headers;
    const stranger = strangerIn(origin, host);
    if (stranger !== undefined) {
      this.#ports.warn(`refused a request to ${this.#ports.service} ${stranger}, not on the loopback`);
      response.writeHead(403).end();
      return;
    }
    if (origin !== undefined) this.#admitPage(origin, response);
    if (request.method === 'OPTIONS') response.writeHead(204).end();
    else await this.#answer(request, response);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = await bodyOf(request, this.#ports.longestBodyBytes);
    const answer = await this.#ports.answer({ method, url, headers, body });
    // The rest of a body that is too long is not waited for.
    if (body === undefined) response.setHeader('Connection', 'close');
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
  }

  /** As CORS wants it. The request is admitted already. */
  #admitPage(origin: string, response: ServerResponse): void {
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Allow-Methods', this.#ports.methods.join(', '));
    response.setHeader('Access-Control-Allow-Headers', '*');
    response.setHeader('Access-Control-Expose-Headers', this.#ports.exposedHeaders.join(', '));
    response.setHeader('Vary', 'Origin');
  }
}

function strangerIn(origin: string | undefined, host: string | undefined): string | undefined {
  if (!isWelcomeOrigin(origin)) return `of a page of ${describe(origin)}`;
  return isLoopbackHost(host) ? undefined : `at the name ${describe(host)}`;
}

/** Undefined when it did not come whole: too long, or its connection ended on the way. */
async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > maxBytes) return undefined;
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces);
}
