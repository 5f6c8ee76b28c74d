import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { type Clock, systemClock } from '../protocol/clock.ts';
import { Alarm } from './alarm.ts';
import type { UnsignedEntrance } from './authorizer.ts';
import { BrokerEnd } from './broker-end.ts';
import type { ConnectRate } from './connect-rate.ts';
import { type Frame, Framer } from './framer.ts';
import type { Gate, Verdict } from './gate.ts';
import { type Entry, Lane } from './lane.ts';
import type { LocalIotCoreLimits } from './limits.ts';
import { type Direction, END, type PacketFacts, readFrame, type TappedPacket } from './packet.ts';
import type { TapRecord } from './tap.ts';
import { Traffic } from './traffic.ts';

/** Why a session ended, in the words of AWS's lifecycle events. */
export type DisconnectReason =
  | 'AUTH_ERROR'
  | 'CLIENT_ERROR'
  | 'CLIENT_INITIATED_DISCONNECT'
  | 'CONNECTION_LOST'
  | 'DUPLICATE_CLIENTID'
  | 'FORBIDDEN_ACCESS'
  | 'MQTT_KEEP_ALIVE_TIMEOUT'
  | 'WEBSOCKET_TTL_EXPIRATION';

/** An accepted connection, as a listener hands it over. */
export interface Accepted {
  /** Carries MQTT: the TLS stream, a WebSocket in it, or the socket itself. A text frame of a WebSocket comes as a string. */
  readonly stream: Duplex;
  readonly socket: Socket;
  /** SHA-256 of the client's certificate, as AWS names it; empty without one. */
  readonly principal: string;
  readonly isWebSocket?: boolean;
  /** Present when nothing has signed in yet, so that CONNECT has to. */
  readonly unsigned?: UnsignedEntrance;
}

export interface ConnectionPorts {
  readonly gate: Gate;
  readonly limits: LocalIotCoreLimits;
  readonly clock: Clock;
  readonly connectRate: ConnectRate;
  /** The last word on a packet that the rules let pass to the broker. */
  admit(connection: Connection, facts: PacketFacts): Exclude<Verdict, 'wait'>;
  record(record: TapRecord): void;
  /** A CONNECT said who the client is. */
  identified(): void;
  /** A limit discards, or holds back, what this connection carries. */
  limited(connection: Connection, what: string): void;
  /** Both ends are closed. */
  gone(connection: Connection): void;
}

/**
 * A client's connection: its stream on one side, the broker's end on the other, and a lane each way between them.
 * Bytes are passed on as they came.
 */
export class Connection {
  readonly id: number;
  readonly principal: string;
  readonly unsigned: UnsignedEntrance | undefined;
  readonly isWebSocket: boolean;
  /** By the clock of the limits. */
  readonly openedAt: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What the broker holds instead of a socket. */
  readonly brokerEnd: BrokerEnd;
  clientId: string | undefined;
  protocolVersion = 4;
  /** The first reason that was found for the end; the end itself may come later. */
  endReason: DisconnectReason | undefined;

  readonly #ports: ConnectionPorts;
  readonly #stream: Duplex;
  readonly #socket: Socket;
  readonly #toBroker: Lane;
  readonly #toClient: Lane;
  readonly #traffic: Traffic;
  /** Rings when a CONNECT that came too early may pass. */
  readonly #door: Alarm;
  #isAtDoor = false;
  #taken: (() => void) | undefined;
  #inputEnded = false;
  #endPassed = false;
  #brokerGone = false;

  constructor(
    id: number,
    { stream, socket, principal, unsigned, isWebSocket = false }: Accepted,
    maxPacketBytes: number,
    ports: ConnectionPorts,
  ) {
    this.id = id;
    this.principal = principal;
    this.unsigned = unsigned;
    this.isWebSocket = isWebSocket;
    this.openedAt = ports.clock.now();
    this.remoteAddress = socket.remoteAddress ?? '';
    this.remotePort = socket.remotePort ?? 0;
    this.#ports = ports;
    this.#stream = stream;
    this.#socket = socket;

    const giveRoom = (): void => {
      if (!this.#toClient.full && !this.#traffic.full) this.#takeWrite();
    };
    this.#toBroker = new Lane(ports.gate, this.#carryToBroker, () => stream.resume(), this.#mayCome);
    this.#toClient = new Lane(ports.gate, this.#carryToClient, giveRoom);
    this.#door = new Alarm(ports.clock, () => this.#toBroker.pump());
    this.#traffic = new Traffic({
      limits: ports.limits,
      clock: ports.clock,
      deliver: ({ facts, bytes }) => this.#add('toClient', facts, bytes),
      retry: () => this.#toBroker.pump(),
      hasRoom: giveRoom,
      warn: (what) => ports.limited(this, what),
    });

    const fromBroker = new Framer();
    this.brokerEnd = new BrokerEnd({
      wanted: () => this.#toBroker.unblock(),
      written: (bytes, taken) => {
        this.#taken = taken;
        // One write to the socket for all that the broker wrote at once.
        stream.cork();
        for (const frame of fromBroker.take(bytes)) {
          this.#traffic.add({ facts: readFrame(frame, 4), bytes: frame.bytes });
        }
        stream.uncork();
        giveRoom();
      },
      gone: () => {
        this.#brokerGone = true;
        this.#door.clear();
        this.#toBroker.stop();
        this.#traffic.stop();
        this.#add('toClient', END);
        this.#reportIfGone();
      },
    });

    const fromClient = new Framer(maxPacketBytes);
    stream.on('data', (bytes: Buffer | string) => {
      if (typeof bytes === 'string') this.#add('toBroker', { packet: 'malformed', bytes: bytes.length });
      else this.#take(fromClient.take(bytes));
      if (this.#toBroker.full) stream.pause();
    });
    stream.on('drain', () => this.#toClient.unblock());
    stream.on('error', () => {});
    stream.on('end', () => this.#endInput());
    stream.on('close', () => {
      this.#traffic.stop();
      this.#toClient.stop();
      this.#endInput();
      // Nobody is there any more whom it could let in, and it would keep those out who are.
      if (this.#isAtDoor) this.brokerEnd.destroy();
      this.#reportIfGone();
    });
  }

  /** Whether the client's socket is still open. */
  get open(): boolean {
    return !this.#stream.destroyed;
  }

  /** Whether the broker could know that nothing more comes: it does not look while it waits for an authorizer. */
  get hasLeft(): boolean {
    return this.#endPassed || this.brokerEnd.destroyed;
  }

  /** Resets the socket and tells the broker, now: nothing is held back, nothing more is delivered. */
  cut(): void {
    this.#traffic.stop();
    this.#toClient.stop();
    // The system resets no socket that is being shut down, and Node would neither close it then nor say so.
    const isEnding = this.#stream.writableEnded && !this.#stream.writableFinished;
    if (!isEnding) this.#socket.resetAndDestroy();
    this.#stream.destroy();
    this.brokerEnd.destroy();
  }

  #take(frames: readonly Frame[]): void {
    for (const frame of frames) {
      this.#add('toBroker', readFrame(frame, this.protocolVersion), frame.bytes);
    }
  }

  #add(direction: Direction, facts: PacketFacts, bytes: Buffer = Buffer.alloc(0)): void {
    const { connectAs, will, ...shown } = facts;
    if (connectAs !== undefined) {
      this.clientId ??= connectAs;
      this.protocolVersion = facts.protocolVersion ?? 4;
      this.#ports.identified();
    }
    const packet: TappedPacket = { direction, connection: this.id, clientId: this.clientId, ...shown };
    (direction === 'toBroker' ? this.#toBroker : this.#toClient).add({ packet, facts, bytes });
  }

  readonly #carryToBroker = (entry: Entry, ruled: Exclude<Verdict, 'wait'>): void => {
    const { packet, facts, bytes } = entry;
    const verdict = ruled === 'pass' ? this.#admit(facts) : ruled;
    this.#record(packet, verdict);
    if (verdict === 'pass' && packet.packet === 'end') this.#passEnd();
    else if (verdict === 'pass' && !this.brokerEnd.push(bytes)) this.#toBroker.block();
    else if (typeof verdict === 'object') this.#answer(verdict.answer);
    else if (verdict === 'close') this.brokerEnd.destroy();
  };

  /** Whether a packet of the client may pass now, or waits for its turn. */
  readonly #mayCome = ({ facts, bytes }: Entry): boolean => {
    if (facts.packet === 'connect' && !this.#mayConnect()) return false;
    return this.#traffic.mayCome(bytes.length);
  };

  #mayConnect(): boolean {
    const { connectRate, limits } = this.#ports;
    const { clientId = '' } = this;
    const waitMs = connectRate.waitMs(clientId);
    if (waitMs === 0) {
      this.#isAtDoor = false;
      connectRate.cameIn(clientId);
      return true;
    }
    this.#door.set(waitMs);
    if (!this.#isAtDoor && waitMs > connectRate.earlyMs) {
      const most = `${limits.connectsPerSecondPerClientId} a second`;
      this.#ports.limited(this, `connects more often than ${most}: AWS throttles it, and here it waits`);
    }
    this.#isAtDoor = true;
    return false;
  }

  #admit(facts: PacketFacts): Exclude<Verdict, 'wait'> {
    const verdict = this.#ports.admit(this, facts);
    if (verdict !== 'pass') return verdict;
    if (facts.packet === 'publish' && !this.#traffic.mayPublish()) return 'drop';
    if (facts.packet === 'puback' || facts.packet === 'pubcomp') this.#traffic.acknowledged(facts.messageId);
    return verdict;
  }

  #passEnd(): void {
    this.#endPassed = true;
    this.brokerEnd.push(null);
  }

  readonly #carryToClient = ({ packet, bytes }: Entry, verdict: Exclude<Verdict, 'wait'>): void => {
    this.#record(packet, verdict);
    if (verdict === 'drop') return;
    if (verdict !== 'pass' || packet.packet === 'end') this.#stream.end(() => this.#stream.destroy());
    else if (!this.#stream.write(bytes)) this.#toClient.block();
  };

  #answer(bytes: Buffer): void {
    for (const frame of new Framer().take(bytes)) {
      this.#add('toClient', readFrame(frame, this.protocolVersion), frame.bytes);
    }
    this.brokerEnd.destroy();
  }

  #endInput(): void {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    // In order, behind the packets that came before it: whatever holds those back holds the end back too.
    this.#add('toBroker', END);
  }

  #takeWrite(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  #record(packet: TappedPacket, verdict: Exclude<Verdict, 'wait'>): void {
    const fate = verdict === 'pass' ? 'passed' : typeof verdict === 'object' ? 'answered' : 'dropped';
    this.#ports.record({ at: systemClock.now(), fate, ...packet });
  }

  #reportIfGone(): void {
    if (this.#brokerGone && !this.open) this.#ports.gone(this);
  }
}
