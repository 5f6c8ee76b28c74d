import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

import type { Accepted } from './connection.ts';

export interface ListenerPorts {
  /** A socket was accepted; over TLS nothing is agreed yet. */
  opened(socket: net.Socket): void;
  /** The connection may carry bytes: MQTT, unless the protocol that was agreed on says another. */
  accepted(accepted: AcceptedStream): void;
  /** A TLS handshake failed over what the client has shown, or has not. */
  refused?(why: string): void;
}

export interface AcceptedStream extends Accepted {
  /** The protocol that TLS agreed on (ALPN). */
  readonly protocol: string | undefined;
}

/** IPv6 is taken when the machine has it: `localhost` may mean either. Never anything beyond the loopback. */
const PRIMARY_HOST = '127.0.0.1';
const SECONDARY_HOST = '::1';

/** One port on the loopback, plain TCP or, with a secure context, TLS. Closed and opened again it keeps its port. */
export class Listener {
  readonly #ports: ListenerPorts;
  readonly #tls: tls.Server | undefined;
  /** The sockets whose TLS handshake is not over, by their remote end: TLS does not say which socket it came from. */
  readonly #handshaking = new Map<string, net.Socket>();
  #servers: net.Server[] = [];
  #port: number;

  /** @param port 0 takes any free one. */
  constructor(port: number, ports: ListenerPorts, secure?: tls.TlsOptions) {
    this.#port = port;
    this.#ports = ports;
    if (secure === undefined) return;
    // It never listens: sockets are handed to it, so that the raw socket stays at hand to be reset.
    this.#tls = tls.createServer(secure);
    this.#tls.on('secureConnection', (stream) => this.#secured(stream));
    this.#tls.on('tlsClientError', (error, stream) => {
      stream.destroy();
      this.#refused(error);
    });
  }

  get port(): number {
    return this.#port;
  }

  async open(): Promise<void> {
    const primary = await this.#listen(PRIMARY_HOST);
    this.#port = (primary.address() as net.AddressInfo).port;
    this.#servers = [primary];
    try {
      this.#servers.push(await this.#listen(SECONDARY_HOST));
    } catch {
      // No IPv6 here, or somebody else's port there.
    }
  }

  /** Stops accepting; the connections that are there stay. */
  close(): void {
    for (const server of this.#servers) server.close();
    this.#servers = [];
  }

  async #listen(host: string): Promise<net.Server> {
    const server = net.createServer({ noDelay: true }, (socket) => this.#opened(socket));
    server.listen({ port: this.#port, host, exclusive: true });
    await once(server, 'listening');
    return server;
  }

  #opened(socket: net.Socket): void {
    socket.on('error', () => {});
    this.#ports.opened(socket);
    if (this.#tls === undefined) {
      this.#ports.accepted({ stream: socket, socket, principal: '', protocol: undefined });
      return;
    }
    const key = remoteEnd(socket);
    this.#handshaking.set(key, socket);
    socket.once('close', () => {
      if (this.#handshaking.get(key) === socket) this.#handshaking.delete(key);
    });
    this.#tls.emit('connection', socket);
  }

  /** Who only left is nothing to tell. */
  #refused({ code = '' }: Error & { readonly code?: string }): void {
    if (!code.startsWith('ERR_SSL_')) return;
    const reason = code.slice('ERR_SSL_'.length).toLowerCase().replaceAll('_', ' ');
    this.#ports.refused?.(`refused a TLS handshake: ${reason}`);
  }

  #secured(stream: tls.TLSSocket): void {
    const key = remoteEnd(stream);
    const socket = this.#handshaking.get(key);
    this.#handshaking.delete(key);
    if (socket === undefined || socket.destroyed) {
      stream.destroy();
      return;
    }
    const protocol = stream.alpnProtocol === false ? undefined : (stream.alpnProtocol ?? undefined);
    this.#ports.accepted({ stream, socket, principal: principalOf(stream), protocol });
  }
}

function principalOf(stream: tls.TLSSocket): string {
  // Node's types know nothing of a client without a certificate.
  const { fingerprint256 } = stream.getPeerCertificate() as Partial<tls.PeerCertificate>;
  return fingerprint256?.replaceAll(':', '').toLowerCase() ?? '';
}

function remoteEnd(socket: net.Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
