import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import mqttPacket, { type IConnackPacket, type IConnectPacket, type Packet } from 'mqtt-packet';

export type PacketOf<Cmd extends Packet['cmd']> = Extract<Packet, { cmd: Cmd }>;

/** One connection that a client made to a {@link ScriptedPeer}. It does nothing by itself. */
export class PeerConnection {
  readonly socket: net.Socket;
  /** Every packet that came, in order. */
  readonly received: Packet[] = [];
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  readonly #tcp: net.Socket;
  readonly #version: 4 | 5;
  #taken = 0;
  #wake: () => void = () => {};

  /** @param tcp below TLS, or the socket itself. */
  constructor(socket: net.Socket, tcp: net.Socket, version: 4 | 5) {
    this.socket = socket;
    this.#tcp = tcp;
    this.#version = version;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    const parser = mqttPacket.parser({ protocolVersion: version });
    parser.on('packet', (packet) => {
      this.received.push(packet);
      this.#wake();
    });
    socket.on('data', (bytes) => parser.parse(bytes));
  }

  /** The next packet of this kind; other kinds before it are passed over. */
  async next<Cmd extends Packet['cmd']>(cmd: Cmd): Promise<PacketOf<Cmd>> {
    for (;;) {
      while (this.#taken < this.received.length) {
        const packet = this.received[this.#taken++];
        if (packet?.cmd === cmd) return packet as PacketOf<Cmd>;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** How many packets of this kind have come so far. */
  count(cmd: Packet['cmd']): number {
    return this.received.filter((packet) => packet.cmd === cmd).length;
  }

  send(...packets: Packet[]): void {
    this.raw(Buffer.concat(packets.map((packet) => this.bytesOf(packet))));
  }

  bytesOf(packet: Packet): Buffer {
    return mqttPacket.generate(packet, { protocolVersion: this.#version });
  }

  raw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Waits for CONNECT and answers it. */
  async accept(answer: ConnackAnswer = {}): Promise<IConnectPacket> {
    const connect = await this.next('connect');
    this.send(connack(answer.code ?? 0, answer.sessionPresent, answer.properties));
    return connect;
  }

  /** FIN, after what was sent; with TLS close_notify before it. */
  end(): void {
    this.socket.end();
  }

  /** FIN without the close_notify that TLS asks for. */
  endTcp(): void {
    this.#tcp.end();
  }

  /** RST. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }
}

/** What a CONNACK may say. */
export interface ConnackAnswer {
  readonly sessionPresent?: boolean;
  readonly code?: number;
  /** MQTT 5 only. */
  readonly properties?: IConnackPacket['properties'];
}

/** A CONNACK for either version. */
export function connack(
  code = 0,
  sessionPresent = false,
  properties: ConnackAnswer['properties'] = undefined,
): Packet {
  const packet: Packet = { cmd: 'connack', returnCode: code, reasonCode: code, sessionPresent };
  return properties === undefined ? packet : { ...packet, properties };
}

export interface ScriptedPeerOptions {
  /** Listen with TLS. */
  readonly tls?: tls.TlsOptions;
  readonly protocolVersion?: 4 | 5;
  /** Keep sending possible after the client's FIN. Without TLS only. */
  readonly allowHalfOpen?: boolean;
}

/** A broker of which the test plays every packet. Listens on 127.0.0.1. */
export class ScriptedPeer {
  readonly port: number;
  /** Every connection so far; with TLS those whose handshake succeeded. */
  readonly connections: PeerConnection[] = [];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #taken = 0;
  #wake: () => void = () => {};

  private constructor(server: net.Server, options: ScriptedPeerOptions) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: net.Socket) => {
      const tcp = [...this.#sockets].find(({ remotePort }) => remotePort === socket.remotePort) ?? socket;
      this.connections.push(new PeerConnection(socket, tcp, options.protocolVersion ?? 4));
      this.#wake();
    });
    server.on('tlsClientError', () => {});
  }

  static async start(options: ScriptedPeerOptions = {}): Promise<ScriptedPeer> {
    const server =
      options.tls === undefined
        ? net.createServer({ allowHalfOpen: options.allowHalfOpen ?? false })
        : tls.createServer(options.tls);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ScriptedPeer(server, options);
  }

  /** The next connection that nobody took yet. */
  async connection(): Promise<PeerConnection> {
    while (this.#taken >= this.connections.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.connections[this.#taken++] as PeerConnection;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
