import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import mqttPacket, { type IConnackPacket, type IConnectPacket, type Packet } from 'mqtt-packet';
import { Changes } from '../protocol/changes.ts';
import { IotError } from '../protocol/errors.ts';
import type { BrokerEvent, PacketOf } from './broker-log.ts';
import { reset } from './loopback.ts';

/** What a CONNACK says. */
export interface ConnackAnswer {
  /** A return code of MQTT 3.1.1, or a reason code of MQTT 5. Default 0, accepted. */
  readonly code?: number;
  /** Default false. */
  readonly sessionPresent?: boolean;
  /** MQTT 5 only: `receiveMaximum`, `serverKeepAlive`, `assignedClientIdentifier`, `maximumPacketSize`, … */
  readonly properties?: NonNullable<IConnackPacket['properties']>;
}

/** A CONNACK for either version. */
export function connack({ code = 0, sessionPresent = false, properties = {} }: ConnackAnswer = {}): Packet {
  return { cmd: 'connack', returnCode: code, reasonCode: code, sessionPresent, properties };
}

/** @internal Who hears what happens on a connection. */
export interface ConnectionObserver {
  received(connection: BrokerConnection, packet: Packet): void;
  sent(connection: BrokerConnection, packet: Packet): void;
  /** A PUBLISH that the broker has taken: it was served, or acknowledged by hand. */
  took(connection: BrokerConnection, packet: PacketOf<'publish'>): void;
  happened(connection: BrokerConnection, what: BrokerEvent): void;
}

/** The streams of one connection: the socket, and what MQTT is spoken over. Without TLS they are the same. */
export interface BrokerStreams {
  readonly socket: Socket;
  readonly stream: Duplex;
}

const ACCEPTED_BELOW = 0x80;

/** One connection that a client made to a `ScriptedBroker`, for tests that play packets by hand. */
export class BrokerConnection {
  /** Connections are counted from 1. */
  readonly number: number;
  /** What MQTT is spoken over. Paused, it reads nothing more, and the client's writes stall. */
  readonly stream: Duplex;
  /** Every packet that came, in order. */
  readonly received: Packet[] = [];
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #observer: ConnectionObserver;
  readonly #changes = new Changes(setImmediate);
  /** QoS 1 publishes that are neither served nor acknowledged. */
  readonly #untaken = new Set<PacketOf<'publish'>>();
  #connect: IConnectPacket | undefined;
  #clientId: string | undefined;
  #isOpen = true;
  #taken = 0;

  /** @internal */
  constructor(number: number, { socket, stream }: BrokerStreams, observer: ConnectionObserver) {
    this.number = number;
    this.stream = stream;
    this.#socket = socket;
    this.#observer = observer;
    this.closed = new Promise((resolve) => stream.once('close', () => resolve()));
    stream.on('error', () => this.#ended());
    stream.once('end', () => this.#ended());
    stream.once('close', () => this.#ended());
    this.#read();
  }

  /** The client id of its CONNECT, or the one that the broker assigned. */
  get clientId(): string | undefined {
    return this.#clientId;
  }

  /** As its CONNECT says; 4 before. */
  get protocolVersion(): 4 | 5 {
    return this.#connect?.protocolVersion === 5 ? 5 : 4;
  }

  /** Whether the client still has its end open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * The next packet of this kind; other kinds before it are passed over. Rejects when the connection closes without one.
   */
  async next<Cmd extends Packet['cmd']>(cmd: Cmd): Promise<PacketOf<Cmd>> {
    let found: Packet | undefined;
    const isThere = (): boolean => {
      while (found === undefined && this.#taken < this.received.length) {
        const packet = this.received[this.#taken++];
        if (packet?.cmd === cmd) found = packet;
      }
      if (found === undefined && !this.#isOpen)
        throw new IotError('CLOSED', `connection ${this.number} closed before a ${cmd} came`);
      return found !== undefined;
    };
    await this.#changes.when(isThere);
    return found as unknown as PacketOf<Cmd>;
  }

  /** How many packets of this kind have come so far. */
  count(cmd: Packet['cmd']): number {
    return this.received.filter((packet) => packet.cmd === cmd).length;
  }

  /** Waits for CONNECT and answers it. */
  async accept(answer: ConnackAnswer = {}): Promise<IConnectPacket> {
    const connect = await this.next('connect');
    this.send(connack(answer));
    return connect;
  }

  /** Sends packets, all by one write. */
  send(...packets: readonly Packet[]): void {
    for (const packet of packets) {
      if (packet.cmd === 'puback' && (packet.reasonCode ?? 0) < ACCEPTED_BELOW)
        this.#takeAcknowledged(packet.messageId);
      if (packet.cmd === 'connack' && packet.properties?.assignedClientIdentifier !== undefined)
        this.#clientId = packet.properties.assignedClientIdentifier;
      this.#observer.sent(this, packet);
    }
    this.raw(Buffer.concat(packets.map((packet) => this.bytesOf(packet))));
  }

  /** A packet as it would be sent, for tests that send it in parts. */
  bytesOf(packet: Packet): Buffer {
    return mqttPacket.generate(packet, { protocolVersion: this.protocolVersion });
  }

  /** Sends bytes, whatever they are. */
  raw(bytes: Uint8Array): void {
    if (this.stream.writable) this.stream.write(bytes);
  }

  /** MQTT 5: says DISCONNECT with this reason code and closes. MQTT 3.1.1 has no words for it: it only closes. */
  disconnect(reasonCode: number): void {
    if (this.protocolVersion === 5) this.send({ cmd: 'disconnect', reasonCode });
    this.end();
  }

  /** FIN, after what was sent; with TLS a close_notify before it. */
  end(): void {
    this.stream.end();
  }

  /** FIN without the close_notify that TLS asks for. */
  endTcp(): void {
    this.#socket.end();
  }

  /** RST; what was sent before it may be lost. */
  reset(): void {
    reset(this.#socket, this.stream);
    this.#ended();
  }

  /** @internal Notes that the broker has taken a PUBLISH. Once for each that came. */
  take(packet: PacketOf<'publish'>): void {
    if (this.#untaken.delete(packet) || packet.qos === 0) this.#observer.took(this, packet);
  }

  #takeAcknowledged(messageId: number | undefined): void {
    for (const packet of this.#untaken) {
      if (packet.messageId !== messageId) continue;
      this.take(packet);
      return;
    }
  }

  #read(): void {
    const parser = mqttPacket.parser();
    parser.on('packet', (packet) => this.#receive(packet));
    parser.on('error', () => {
      this.#observer.happened(this, 'malformed');
      this.reset();
    });
    this.stream.on('data', (bytes: Buffer) => parser.parse(bytes));
  }

  #receive(packet: Packet): void {
    if (packet.cmd === 'connect') {
      this.#connect = packet;
      this.#clientId = packet.clientId;
    }
    if (packet.cmd === 'publish' && packet.qos > 0) this.#untaken.add(packet);
    this.received.push(packet);
    this.#changes.changed();
    this.#observer.received(this, packet);
  }

  #ended(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#changes.changed();
    this.#observer.happened(this, 'closed');
  }
}
