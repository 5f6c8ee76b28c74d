import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { BrokerStreams } from './broker-connection.ts';
import { LOOPBACK, reset } from './loopback.ts';

export interface ListenerOptions {
  readonly port: number;
  readonly tls: tls.TlsOptions | undefined;
  /** The client's FIN does not close the broker's end by itself. */
  readonly allowHalfOpen: boolean;
}

/** One port on the loopback, plain TCP or TLS. Closed and opened again it keeps its port. */
export class BrokerListener {
  /** Every socket that is open, also those whose TLS handshake is not over, and what is spoken over it. */
  readonly #streams = new Map<net.Socket, Duplex>();
  readonly #accepted: (streams: BrokerStreams) => void;
  readonly #allowHalfOpen: boolean;
  readonly #tls: tls.Server | undefined;
  /** TLS does not say which socket it came from. */
  readonly #handshaking = new Map<number | undefined, net.Socket>();
  #server: net.Server | undefined;
  #port: number;

  /** @param accepted Told of each connection that may carry MQTT. */
  constructor(options: ListenerOptions, accepted: (streams: BrokerStreams) => void) {
    this.#port = options.port;
    this.#allowHalfOpen = options.allowHalfOpen;
    this.#accepted = accepted;
    if (options.tls === undefined) return;
    // It never listens: sockets are handed to it, so that the raw socket stays at hand to be reset.
    this.#tls = tls.createServer(options.tls);
    this.#tls.on('secureConnection', (stream) => this.#secured(stream));
    this.#tls.on('tlsClientError', (_error, stream) => stream.destroy());
  }

  get port(): number {
    return this.#port;
  }

  /** Resolves when clients can connect. */
  async open(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = net.createServer({ noDelay: true, allowHalfOpen: this.#allowHalfOpen }, (socket) =>
      this.#opened(socket),
    );
    this.#server = server;
    server.listen({ port: this.#port, host: LOOPBACK, exclusive: true });
    await once(server, 'listening');
    this.#port = (server.address() as net.AddressInfo).port;
  }

  /** Refuses clients from now on; connections stay. */
  close(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Ends every connection by RST; resolves when all are gone. */
  async cut(): Promise<void> {
    const gone = [...this.#streams.keys()].map((socket) => once(socket, 'close'));
    for (const [socket, stream] of this.#streams) reset(socket, stream);
    await Promise.all(gone);
  }

  #opened(socket: net.Socket): void {
    socket.on('error', () => {});
    this.#streams.set(socket, socket);
    socket.once('close', () => {
      this.#streams.delete(socket);
      this.#handshaking.delete(socket.remotePort);
    });
    if (this.#tls === undefined) {
      this.#accepted({ socket, stream: socket });
      return;
    }
    this.#handshaking.set(socket.remotePort, socket);
    this.#tls.emit('connection', socket);
  }

  #secured(stream: tls.TLSSocket): void {
    const socket = this.#handshaking.get(stream.remotePort);
    this.#handshaking.delete(stream.remotePort);
    if (socket === undefined || socket.destroyed) stream.destroy();
    else {
      this.#streams.set(socket, stream);
      this.#accepted({ socket, stream });
    }
  }
}
