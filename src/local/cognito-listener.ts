import { randomUUID } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { describe } from '../protocol/errors.ts';
import { CognitoError, type IdentityPool } from './identity-pool.ts';
import { Listener } from './listener.ts';
import { isWelcomeOrigin } from './origins.ts';

export interface CognitoPorts {
  readonly pool: IdentityPool;
  warn(what: string): void;
}

const SERVICE = 'AWSCognitoIdentityService.';
const CONTENT_TYPE = 'application/x-amz-json-1.1';
const LONGEST_BODY_BYTES = 256 * 1024;

/** The HTTP endpoint of Amazon Cognito identity pools, in the protocol AWS JSON 1.1, for devices and for pages. */
export class CognitoListener {
  readonly #ports: CognitoPorts;
  readonly #listener: Listener;
  // It never listens: sockets are handed to it.
  readonly #http = http.createServer();
  readonly #sockets = new Set<Socket>();

  /** @param port 0 takes any free one. */
  constructor(port: number, ports: CognitoPorts) {
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
    const { origin } = request.headers;
    if (!isWelcomeOrigin(origin)) {
      this.#ports.warn(`refused a request to Cognito of a page of ${describe(origin)}, not on the loopback`);
      response.writeHead(403).end();
      return;
    }
    if (origin !== undefined) admitPage(origin, response);
    if (request.method === 'OPTIONS') response.writeHead(204).end();
    else if (request.method === 'POST') await this.#answer(request, response);
    else response.writeHead(405).end();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await bodyOf(request);
    if (text === undefined) {
      // Too long, or its connection ended on the way.
      response.writeHead(413, { Connection: 'close' }).end();
      return;
    }
    const { status, body } = this.#outcome(request, text);
    response.writeHead(status, { 'Content-Type': CONTENT_TYPE, 'x-amzn-RequestId': randomUUID() });
    response.end(JSON.stringify(body));
  }

  #outcome({ headers }: IncomingMessage, text: string): { status: number; body: object } {
    const target = headers['x-amz-target'];
    const operation = typeof target === 'string' && target.startsWith(SERVICE) ? target : SERVICE;
    try {
      const body = this.#ports.pool.answer(operation.slice(SERVICE.length), parse(text));
      return { status: 200, body };
    } catch (error) {
      if (!(error instanceof CognitoError)) throw error;
      const { type, message } = error;
      this.#ports.warn(`refused a request to Cognito with ${type}: ${describe(message)}`);
      return { status: 400, body: { __type: type, message } };
    }
  }
}

/** As CORS wants it. The request is admitted already. */
function admitPage(origin: string, response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Methods', 'POST');
  response.setHeader('Access-Control-Allow-Headers', '*');
  response.setHeader('Access-Control-Expose-Headers', 'x-amzn-RequestId');
  response.setHeader('Vary', 'Origin');
}

/** Undefined when it did not come whole. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > LONGEST_BODY_BYTES) return undefined;
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
