import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type tls from 'node:tls';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { LOOPBACK } from '../../src/testing/loopback.ts';
import type { Pair } from './certificates.ts';

/** One upgrade that was asked for. */
export interface Upgrade {
  readonly request: IncomingMessage;
  /** TLS; what is written to it goes out as it is. */
  readonly socket: tls.TLSSocket;
  /** Says yes, as RFC 6455 has it, with the subprotocol that was asked for. */
  accept(): WebSocket;
  /** Any answer, byte for byte. */
  answer(text: string): void;
}

/** Frames as a server may not make them. */
export const frame = (firstByte: number, payload: string | Buffer, { masked = false } = {}): Buffer => {
  const bytes = Buffer.from(payload as string);
  const size = bytes.length < 126 ? [bytes.length] : [126, bytes.length >> 8, bytes.length & 0xff];
  const [short = 0, ...rest] = size;
  const head = [firstByte, masked ? short | 0x80 : short, ...rest, ...(masked ? [0, 0, 0, 0] : [])];
  return Buffer.concat([Buffer.from(head), bytes]);
};

/** MQTT over WebSocket on a port of the loopback, with TLS. By default each upgrade becomes a way to a broker behind it. */
export class WebSocketFront implements AsyncDisposable {
  readonly upgrades: Upgrade[] = [];
  /** The SNI of each TLS handshake. */
  readonly serverNames: (string | false | null | undefined)[] = [];
  /** The raw sockets, to be reset. */
  readonly sockets: net.Socket[] = [];
  /** What becomes of an upgrade. */
  onUpgrade: (upgrade: Upgrade) => void = (upgrade) => this.passOn(upgrade);
  readonly #server: https.Server;
  readonly #webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt' });
  readonly #brokerPort: number;
  readonly #waiting: (() => void)[] = [];

  private constructor(pair: Pair, brokerPort: number, options: tls.TlsOptions) {
    this.#brokerPort = brokerPort;
    this.#server = https.createServer({ ...pair, ...options });
    this.#server.on('connection', (socket: net.Socket) => {
      this.sockets.push(socket);
      socket.on('error', () => {});
    });
    this.#server.on('secureConnection', (socket) => this.serverNames.push(socket.servername));
    this.#server.on('tlsClientError', () => {});
    this.#server.on('upgrade', (request: IncomingMessage, socket: tls.TLSSocket, head: Buffer) => {
      socket.on('error', () => {});
      this.#asked(request, socket, head);
    });
  }

  static async start(pair: Pair, brokerPort = 0, options: tls.TlsOptions = {}): Promise<WebSocketFront> {
    const front = new WebSocketFront(pair, brokerPort, options);
    front.#server.listen(0, LOOPBACK);
    await once(front.#server, 'listening');
    return front;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** The upgrade with this number, counted from 0, once it was asked for. */
  async upgrade(index: number): Promise<Upgrade> {
    for (;;) {
      const found = this.upgrades[index];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Accepts the upgrade and lets the client speak with the broker. */
  passOn(upgrade: Upgrade): WebSocket {
    const webSocket = upgrade.accept();
    const near = createWebSocketStream(webSocket);
    const far = net.connect(this.#brokerPort, LOOPBACK);
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    near.on('error', end).on('close', end);
    far.on('error', end);
    near.pipe(far).pipe(near);
    return webSocket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#webSockets.close();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #asked(request: IncomingMessage, socket: tls.TLSSocket, head: Buffer): void {
    const upgrade: Upgrade = {
      request,
      socket,
      accept: () => {
        let accepted: WebSocket | undefined;
        this.#webSockets.handleUpgrade(request, socket, head, (made) => {
          made.on('error', () => {});
          accepted = made;
        });
        return accepted as WebSocket;
      },
      answer: (text) => socket.end(text),
    };
    this.upgrades.push(upgrade);
    this.onUpgrade(upgrade);
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
