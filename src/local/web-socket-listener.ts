import http, { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';

import { MQTT_PATH, MQTT_SUBPROTOCOL } from '../adapters/web-socket.ts';
import { describe } from '../protocol/errors.ts';
import { parametersOf, type UnsignedEntrance } from './authorizer.ts';
import type { Accepted } from './connection.ts';
import { type AcceptedStream, Listener } from './listener.ts';
import { isWelcomeOrigin } from './origins.ts';
import { type QueryParameters, readQuery } from './query.ts';
import { isSigned, type SigV4Verifier } from './sigv4-verifier.ts';

export interface WebSocketPorts {
  /** A socket was accepted; nothing is agreed yet. */
  opened(socket: Socket): void;
  /** The connection may carry MQTT. */
  accepted(accepted: Accepted): void;
  readonly verifier: SigV4Verifier;
  /** Whether there is anybody who could let in a client without a signature. */
  readonly hasAuthorizer: boolean;
  /** The HTTP status to refuse with, when a fault says so. */
  takeUpgradeRefusal(): number | undefined;
  /** The time of day that refusals are dated with. */
  now(): number;
  warn(what: string): void;
}

/** Why an upgrade is refused. */
interface Refusal {
  readonly status: number;
  /** For the client. */
  readonly message: string;
  /** For the developer, when that is more. It holds no secret. */
  readonly reason?: string;
}

/** The second is what MQTT 3.1 called itself, and the first SDKs of AWS still do. */
const SUBPROTOCOLS: readonly string[] = [MQTT_SUBPROTOCOL, 'mqttv3.1'];
const ALPN_MQTT = 'mqtt';
const ALPN_HTTP = 'http/1.1';

/**
 * What AWS IoT Core has on port 443 for clients without a certificate: MQTT in TLS with a custom authorizer (ALPN `mqtt`),
 * and else MQTT over WebSocket, signed or with a custom authorizer
 * (https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html).
 */
export class WebSocketListener {
  readonly #ports: WebSocketPorts;
  readonly #listener: Listener;
  // It never listens: streams are handed to it.
  readonly #http = http.createServer();
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
  /** The socket below each stream that speaks HTTP, so that it can be reset. */
  readonly #sockets = new WeakMap<Duplex, Socket>();

  /** @param port 0 takes any free one. */
  constructor(port: number, secure: Pick<TlsOptions, 'cert' | 'key'>, ports: WebSocketPorts) {
    this.#ports = ports;
    this.#listener = new Listener(
      port,
      { opened: (socket) => ports.opened(socket), accepted: (accepted) => this.#accepted(accepted) },
      { ...secure, minVersion: 'TLSv1.2', ALPNProtocols: [ALPN_MQTT, ALPN_HTTP] },
    );
    this.#http.on('request', (_request, response) => response.writeHead(404).end());
    this.#http.on('upgrade', (request, stream, head) => this.#upgrade(request, stream, head));
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

  #accepted({ protocol, ...accepted }: AcceptedStream): void {
    const { stream, socket } = accepted;
    if (protocol === ALPN_MQTT) {
      this.#ports.accepted({ ...accepted, unsigned: { transport: 'mqtt', parameters: [] } });
      return;
    }
    stream.on('error', () => {});
    this.#sockets.set(stream, socket);
    this.#http.emit('connection', stream);
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const judged = this.#judge(request);
    if ('status' in judged) {
      if (judged.reason !== undefined) {
        this.#ports.warn(`refused an upgrade to a WebSocket with ${judged.status}: ${judged.reason}`);
      }
      this.#refuse(stream, judged);
      return;
    }
    const socket = this.#sockets.get(stream);
    if (socket === undefined) throw new Error('a stream without a socket');
    this.#webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      const stream = streamOf(webSocket);
      this.#ports.accepted({ stream, socket, principal: '', isWebSocket: true, ...judged });
    });
  }

  #judge(request: IncomingMessage): Refusal | { readonly unsigned?: UnsignedEntrance } {
    const fault = this.#ports.takeUpgradeRefusal();
    if (fault !== undefined) return { status: fault, message: STATUS_CODES[fault] ?? '' };
    const { headers } = request;
    const { origin, host = '' } = headers;
    if (!isWelcomeOrigin(origin)) {
      return forbidden('Forbidden', `a page of ${describe(origin)} asked, which is not on the loopback`);
    }
    const [path = '', rawQuery = ''] = splitOnce(request.url ?? '', '?');
    const query = readQuery(rawQuery);
    if (path !== MQTT_PATH)
      return forbidden('Forbidden', `MQTT is at ${MQTT_PATH}, and not at ${describe(path)}`);
    if (query === undefined) return forbidden('Forbidden', 'its query is not percent-encoded');
    if (!offersMqtt(request)) {
      const message = `Sec-WebSocket-Protocol must name '${SUBPROTOCOLS[0]}'.`;
      return { status: 400, message, reason: message };
    }
    if (!isSigned(query)) return this.#judgeUnsigned(query, request);
    const refusal = this.#ports.verifier.refusal({ path, query, host, headers });
    return refusal === undefined ? {} : forbidden(refusal, refusal);
  }

  #judgeUnsigned(
    query: QueryParameters,
    { headers }: IncomingMessage,
  ): Refusal | { readonly unsigned: UnsignedEntrance } {
    if (this.#ports.hasAuthorizer) {
      return { unsigned: { transport: 'webSocket', parameters: parametersOf(query, headers) } };
    }
    return forbidden(
      'Missing Authentication Token',
      'it is not signed, and startLocalIotCore() was given no `authorizer` to ask instead',
    );
  }

  /** Dated, so that a client can find out that its clock is wrong. */
  #refuse(stream: Duplex, { status, message }: Refusal): void {
    const body = JSON.stringify({ message });
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      `Date: ${new Date(this.#ports.now()).toUTCString()}`,
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    stream.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => stream.destroy());
  }
}

const forbidden = (message: string, reason: string): Refusal => ({ status: 403, message, reason });

function offersMqtt({ headers }: IncomingMessage): boolean {
  const offered = headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((protocol) => SUBPROTOCOLS.includes(protocol.trim()));
}

function splitOnce(text: string, separator: string): readonly string[] {
  const index = text.indexOf(separator);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}

/** In object mode it tells text frames, which MQTT does not have (MQTT-6.0.0-1), from binary ones: they are strings. */
function streamOf(webSocket: WebSocket): Duplex {
  webSocket.on('error', () => {});
  const stream = createWebSocketStream(webSocket, { readableObjectMode: true });
  // Once the client has ended there is nobody to write to; ws would wait for a socket to finish that is already gone.
  return stream.once('end', () => stream.destroy());
}
