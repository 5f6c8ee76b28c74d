import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type tls from 'node:tls';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { LOOPBACK } from '../../src/testing/loopback.ts';

/** One upgrade that was asked for. */
export interface Upgrade {
  readonly request: IncomingMessage;
  /** TLS; what is written to it goes out as it is. */
  readonly socket: tls.TLSSocket;
  /** TCP, to be reset. */
  readonly tcp: net.Socket;
  /** Says yes, as RFC 6455 has it, with the subprotocol that was asked for. */
  accept(): WebSocket;
  /** Any answer, byte for byte, and then FIN. */
  answer(text: string): void;
}

/** A frame, also as a server may not make it: `0x82` begins a whole binary one. */
export function frame(firstByte: number, payload: string | Uint8Array, { masked = false } = {}): Buffer {
  const bytes = Buffer.from(payload as Uint8Array);
  const size = bytes.length < 126 ? [bytes.length] : [126, bytes.length >> 8, bytes.length & 0xff];
  const [short = 0, ...rest] = size;
  const head = [firstByte, masked ? short | 0x80 : short, ...rest, ...(masked ? [0, 0, 0, 0] : [])];
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** A refusal as a server of HTTP writes it. */
export function refusal(status: string, headers: Readonly<Record<string, string>> = {}, body = ''): string {
  const lines = Object.entries({ 'Content-Length': `${body.length}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return [`HTTP/1.1 ${status}`, ...lines, '', body].join('\r\n');
}

/** MQTT over WebSocket on a port of the loopback, with TLS. By default each upgrade becomes a way to a broker behind it. */
export class WebSocketFront implements AsyncDisposable {
  readonly upgrades: Upgrade[] = [];
  /** What TLS was asked for, handshake by handshake. */
  readonly handshakes: { readonly serverName: string | false | null | undefined; readonly alpn: unknown }[] =
    [];
  /** What becomes of an upgrade. */
  onUpgrade: (upgrade: Upgrade) => void = (upgrade) => this.passOn(upgrade);
  readonly #server: https.Server;
  readonly #webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'mqtt' });
  readonly #brokerPort: number;
  /** By the port at the other end, because TLS does not say which socket it came from. */
  readonly #open = new Map<number | undefined, net.Socket>();
  readonly #waiting: (() => void)[] = [];

  private constructor(brokerPort: number, options: tls.TlsOptions) {
    this.#brokerPort = brokerPort;
    this.#server = https.createServer(options);
    this.#server.on('connection', (socket: net.Socket) => {
      const { remotePort } = socket;
      this.#open.set(remotePort, socket);
      socket.on('error', () => {}).once('close', () => this.#open.delete(remotePort));
    });
    this.#server.on('secureConnection', ({ servername, alpnProtocol }) =>
      this.handshakes.push({ serverName: servername, alpn: alpnProtocol }),
    );
    this.#server.on('tlsClientError', () => {});
    this.#server.on('upgrade', (request: IncomingMessage, socket: tls.TLSSocket, head: Buffer) =>
      this.#asked(request, socket, head),
    );
  }

  static async start(options: tls.TlsOptions, brokerPort = 0): Promise<WebSocketFront> {
    const front = new WebSocketFront(brokerPort, options);
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
    near.on('error', () => far.destroy()).on('close', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
    return webSocket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#webSockets.close();
    this.#server.close();
    for (const socket of this.#open.values()) socket.destroy();
    await once(this.#server, 'close');
  }

  #asked(request: IncomingMessage, socket: tls.TLSSocket, head: Buffer): void {
    socket.on('error', () => {});
    const upgrade: Upgrade = {
      request,
      socket,
      tcp: this.#open.get(socket.remotePort) as net.Socket,
      accept: () => {
        let accepted: WebSocket | undefined;
        this.#webSockets.handleUpgrade(request, socket, head, (made) => {
          accepted = made.on('error', () => {});
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
