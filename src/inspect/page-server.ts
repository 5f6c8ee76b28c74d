import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { CHART_STYLE } from './chart/index.ts';
import type { Charts } from './charts.ts';
import type { FaultName } from './feed.ts';
import { FeedStream } from './feed-stream.ts';
import { type FaultyCore, faultsOf, injectFault, isInvalid } from './line-faults.ts';
import type { LiveFeed } from './live-feed.ts';
import { isOwnOrigin, LOOPBACK_HOST, listenOnLoopback, strangerIn } from './loopback-door.ts';
import { cut, withoutControls, withoutSecrets } from './secret-text.ts';

const MAX_STREAMS = 32;
const MAX_BODY_BYTES = 1_024;
const PAGE = new URL('./page/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
};

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

interface PagePorts {
  readonly feed: LiveFeed;
  readonly charts: Charts;
  readonly core: FaultyCore | undefined;
}

/** A refusal: the status and a word of why. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Serves the page, its pictures and its feed on the loopback, to nobody who has come from elsewhere. */
export class PageServer {
  readonly #ports: PagePorts;
  readonly #faults: ReadonlySet<string>;
  readonly #server = http.createServer();
  #port = 0;

  constructor(ports: PagePorts) {
    this.#ports = ports;
    this.#faults = new Set(faultsOf(ports.core));
    this.#server.on('request', (request, response) => void this.#serve(request, response));
  }

  get url(): string {
    return `http://${LOOPBACK_HOST}:${this.#port}/`;
  }

  /** @throws IotError `INVALID_ARGUMENT` when another program has the port */
  async listen(port: number): Promise<void> {
    this.#port = await listenOnLoopback(this.#server, port);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    try {
      const stranger = strangerIn(request, this.#port);
      if (stranger !== undefined) throw new Refusal(403, `refused: it ${stranger}`);
      await this.#answer(request, response);
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      if (response.headersSent) response.destroy();
      else sendError(response, status, error);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const [start, folder = '', name = '', ...more] = url.split('/');
    if (start !== '' || more.length > 0) throw new Refusal(404, 'there is no such page');
    if (folder === 'faults') {
      allow(method, 'POST', response);
      await this.#inject(name, request);
      response.writeHead(204).end();
      return;
    }
    allow(method, 'GET', response);
    if (url === '/feed') this.#stream(response);
    else await this.#file(folder, name, response);
  }

  async #file(folder: string, name: string, response: ServerResponse): Promise<void> {
    const text = await this.#textOf(folder, name);
    if (text === undefined) throw new Refusal(404, 'there is no such page');
    const extension = name === '' ? 'html' : name.slice(name.lastIndexOf('.') + 1);
    response.writeHead(200, { 'Content-Type': TYPES[extension] }).end(text);
  }

  async #textOf(folder: string, name: string): Promise<string | undefined> {
    if (folder === '' && name === '') return readPage('index.html');
    if (folder === 'charts' && name.endsWith('.svg')) return this.#ports.charts.read(name.slice(0, -4));
    if (folder !== 'page') return undefined;
    return name === 'chart.css' ? CHART_STYLE : readPage(name);
  }

  #stream(response: ServerResponse): void {
    const { feed } = this.#ports;
    if (feed.streams >= MAX_STREAMS) throw new Refusal(503, `${MAX_STREAMS} pages are open already`);
    feed.add(new FeedStream(response));
  }

  async #inject(name: string, request: IncomingMessage): Promise<void> {
    const { core } = this.#ports;
    const { origin, 'content-type': type = '' } = request.headers;
    // Every browser says where a POST comes from; whoever says nothing is none.
    if (!isOwnOrigin(origin, this.#port)) throw new Refusal(403, 'a POST must come from the page');
    if (core === undefined || !this.#faults.has(name)) throw new Refusal(404, 'there is no such fault');
    if (!/^application\/json\s*(;|$)/i.test(type))
      throw new Refusal(415, 'the body must be application/json');
    const body = await jsonOf(request);
    try {
      await injectFault(core, name as FaultName, body);
    } catch (error) {
      throw isInvalid(error) ? new Refusal(400, (error as Error).message) : error;
    }
  }
}

function allow(method: string, allowed: string, response: ServerResponse): void {
  if (method === allowed) return;
  response.setHeader('Allow', allowed);
  throw new Refusal(405, `only ${allowed} is answered here`);
}

/** A file of the page by its plain name; undefined when there is none. */
async function readPage(name: string): Promise<string | undefined> {
  if (!/^[a-z][a-z0-9-]*\.(html|js|css)$/.test(name)) return undefined;
  return readFile(new URL(name, PAGE), 'utf8').catch(() => undefined);
}

async function jsonOf(request: IncomingMessage): Promise<object> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, `the body may have ${MAX_BODY_BYTES} bytes`);
    pieces.push(piece);
  }
  const body = parsed(Buffer.concat(pieces).toString());
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refusal(400, 'the body must be an object of JSON');
  return body;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sendError(response: ServerResponse, status: number, error: unknown): void {
  const message = error instanceof Error ? error.message : 'it failed';
  const body = JSON.stringify({ error: cut(withoutControls(withoutSecrets(message)), 512) });
  // What of a body was not read is not waited for.
  response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' }).end(body);
}
