import type { Duplex } from 'node:stream';
import mqtt, { type MqttClient } from 'mqtt';
import type { IConnackPacket, IDisconnectPacket, IPublishPacket, Packet } from 'mqtt-packet';
import { IotError } from '../protocol/errors.ts';
import {
  closedFailure,
  connackFailure,
  disconnectFailure,
  type FailurePlace,
  internalFailure,
} from '../protocol/failures.ts';
import type { AttachedWire, LineEnd, TransportFact, TransportLine } from '../protocol/transport.ts';
import type { OpenedStream } from './authentication.ts';
import { type Breach, disconnectPacket, malformed, protocolError } from './breach.ts';
import { type Accepted, readAccepted, sessionFacts } from './connack.ts';
import { clientOptions } from './connect-options.ts';
import { atEndOfTurn } from './end-of-turn.ts';
import { InboundGuard } from './inbound-guard.ts';
import { InboundPublishes, incomingMessage } from './inbound-publish.ts';
import { KeepAlive, shorterInterval } from './keep-alive.ts';
import { type Lasting, noneUnreleased } from './lasting.ts';
import { type Phase, placeIn } from './line-phase.ts';
import { type MqttTransportOptions, NO_BOUND_BYTES, signInContext } from './mqtt-options.ts';
import { MqttWire } from './mqtt-wire.ts';
import { wrongPacketId } from './packet-id.ts';
import { textOf } from './property-text.ts';

/** DISCONNECT, the same in MQTT 3.1.1 (3.14) and, with reason code 0, in MQTT 5 (3.14.2.1). */
const DISCONNECT = Uint8Array.of(0xe0, 0);
/** Given to mqtt.js, it keeps it from acknowledging the packet. */
const NOT_BY_MQTTJS = new Error('not acknowledged by mqtt.js');

/** The typed error for what a sign-in or a stream reported. Passes an `IotError` through. */
export type FailureOf = (error: unknown, place: FailurePlace) => IotError;

/** What a line gets from its transport. */
interface LinePorts {
  readonly lasting: Lasting;
  readonly report: (fact: TransportFact) => void;
  readonly failureOf: FailureOf;
}

/**
 * One attempt, and the line that it becomes: one socket, one client of mqtt.js, one wire. mqtt.js sends CONNECT and parses
 * what is received; all that lasts longer than a packet is kept here or in the wire.
 */
export class MqttLine implements TransportLine {
  readonly #options: MqttTransportOptions;
  readonly #lasting: Lasting;
  readonly #report: (fact: TransportFact) => void;
  readonly #failureOf: FailureOf;
  readonly #abort = new AbortController();
  readonly #publishes = new InboundPublishes();
  #phase: Phase = 'signingIn';
  #stream: Duplex | undefined;
  #client: MqttClient | undefined;
  #wire: MqttWire | undefined;
  #keepAlive: KeepAlive | undefined;
  #attached: AttachedWire | undefined;
  /** Packets that the parser found. */
  #parsed = 0;
  /** How many of them are in front of what broke the protocol, once something has. */
  #sound = Number.POSITIVE_INFINITY;
  /** How it ended, once it has. */
  #ended: LineEnd | undefined;
  /** Set by `disconnect()`: then this is why the line ends, whatever else ends it first. */
  #asked: IotError | undefined;

  constructor(options: MqttTransportOptions, { lasting, report, failureOf }: LinePorts) {
    this.#options = options;
    this.#lasting = lasting;
    this.#report = report;
    this.#failureOf = failureOf;
  }

  /** Begins the attempt. Reports nothing before it returns. */
  open(previous?: IotError): void {
    this.#attempt(previous).catch((error: unknown) => this.#end(this.#failure(error)));
  }

  disconnect(): void {
    if (this.#phase === 'disconnecting' || this.#phase === 'ended') return;
    this.#asked = new IotError('DISCONNECTED', 'the connection was closed because disconnect was asked for');
    if (this.#phase !== 'connected') {
      this.#end(this.#asked);
      return;
    }
    this.#phase = 'disconnecting';
    this.#keepAlive?.stop();
    this.#wire?.close(this.#asked);
    // Not destroyed here: unread bytes would make it a reset, which can overtake the DISCONNECT, and then the broker
    // publishes the Will. The broker closes; the machine bounds the wait.
    this.#sendLast(DISCONNECT);
  }

  free(): void {
    this.#release(new IotError('CONNECTION_LOST', 'the connection was given up'));
  }

  async #attempt(previous?: IotError): Promise<void> {
    const { signal } = this.#abort;
    await this.#lasting.pace.turn(signal);
    const open = await this.#options.authentication.signIn(signInContext(this.#options, signal, previous));
    if (this.#phase !== 'signingIn') return;
    this.#phase = 'dialing';
    this.#tell({ type: 'transport.signedIn' });
    if (this.#is('ended')) return;
    const opened = await open(signal);
    if (this.#is('ended')) opened.stream.destroy();
    else this.#connect(opened);
  }

  #connect(opened: OpenedStream): void {
    const { stream } = opened;
    this.#stream = stream;
    this.#phase = 'awaitingConnack';
    stream.on('error', (error) => this.#end(this.#failure(error), isReset(error) ? 'reset' : 'givenUp'));
    // At the end of what it sends the broker is gone, also when our own bytes can no longer be flushed to it.
    stream.on('end', () => this.#end(closedFailure(this.#place()), 'closed'));
    stream.on('close', () => this.#end(closedFailure(this.#place()), 'closed'));
    // A client certificate refused by TLS 1.3 fails the stream after its handshake: it may have failed already.
    if (stream.destroyed) {
      this.#end(stream.errored ? this.#failure(stream.errored) : closedFailure(this.#place()));
      return;
    }
    this.#guard(stream);
    const client = this.#speakMqtt(opened);
    this.#lasting.pace.connecting();
    client.connect();
    // Not kept longer than they are needed. A user name may have a token in it.
    delete client.options.username;
    delete client.options.password;
    // The guard looks after it: mqtt.js would destroy the stream, and what waits in it.
    delete client.options.properties?.maximumPacketSize;
    stream.setMaxListeners(0);
  }

  /** Sees what comes before mqtt.js does, whose own listener is added after this one. */
  #guard(stream: Duplex): void {
    const { protocolVersion, maximumPacketBytes = NO_BOUND_BYTES } = this.#options;
    const guard = new InboundGuard(protocolVersion, maximumPacketBytes);
    stream.on('data', (bytes: Uint8Array) => {
      if (this.#is('ended')) return;
      const breach = guard.look(bytes);
      if (breach === undefined) return;
      // A session may have good messages in front of it, the same on each line: mqtt.js handles them within this turn.
      this.#sound = guard.packets;
      stream.unpipe();
      atEndOfTurn(() => this.#break(breach));
    });
  }

  #speakMqtt(opened: OpenedStream): MqttClient {
    const { stream, credentials } = opened;
    const { clientId, unreleased } = this.#lasting;
    const client = new mqtt.MqttClient(() => stream, {
      ...clientOptions(this.#options, clientId, credentials),
      incomingStore: unreleased,
    });
    this.#client = client;
    // Stream errors were taken above, so this is the parser. It stays on for good: an error event without a listener ends
    // the process.
    client.on('error', (error) => {
      if (this.#sound === Number.POSITIVE_INFINITY) this.#break(malformed(error.message, error));
    });
    client.on('packetreceive', (packet) => {
      try {
        this.#parsed += 1;
        if (this.#parsed <= this.#sound) this.#receive(packet, opened);
      } catch (error) {
        this.#end(calledBackAndThrew(error));
      }
      // mqtt.js handles it next; but could throw over what is wrong with it, or answer after our DISCONNECT.
      if (!this.#is('connected') || this.#parsed > this.#sound) keepFromMqttjs(packet);
    });
    client.handleMessage = (packet, callback) => {
      const taken = this.#deliver(packet);
      // The wire acknowledges all that came together by one write; mqtt.js would make one for each message.
      if (taken && packet.qos === 1) this.#wire?.sendPuback(packet.messageId as number);
      this.#flushBeforeMqttjs(packet);
      callback(taken && packet.qos !== 1 ? undefined : NOT_BY_MQTTJS);
    };
    return client;
  }

  /** Sees each packet before mqtt.js handles it. */
  #receive(packet: Packet, opened: OpenedStream): void {
    if (this.#phase === 'ended') return;
    const wrongId = wrongPacketId(packet);
    if (wrongId !== undefined) {
      this.#break(wrongId);
      return;
    }
    if (this.#phase === 'awaitingConnack') {
      if (packet.cmd === 'connack') this.#open(packet, opened);
      else this.#break(protocolError(`${packet.cmd} before CONNACK`));
      return;
    }
    switch (packet.cmd) {
      case 'publish':
        this.#breakIf(this.#publishes.check(packet));
        this.#flushBeforeMqttjs(packet);
        return;
      case 'pingresp':
      case 'pubrel':
        return;
      case 'puback':
      case 'suback':
      case 'unsuback':
        this.#breakIf(this.#wire?.take(packet));
        // It would only look in vain for who waits for it there.
        keepFromMqttjs(packet);
        return;
      case 'disconnect':
        this.#disconnected(packet);
        return;
      case 'connack':
        this.#break(protocolError('a second CONNACK'));
        return;
      default:
        this.#break(protocolError(`${packet.cmd} to a client that never sent anything it could answer`));
    }
  }

  #disconnected({ reasonCode = 0, properties = {} }: IDisconnectPacket): void {
    const { reasonString, serverReference } = properties;
    const place = this.#place();
    this.#end(disconnectFailure(reasonCode, place, textOf(reasonString), textOf(serverReference)), 'closed');
  }

  #open(connack: IConnackPacket, opened: OpenedStream): void {
    const code = this.#options.protocolVersion === 5 ? connack.reasonCode : connack.returnCode;
    if (typeof code !== 'number') {
      this.#break(malformed('CONNACK without a code'));
      return;
    }
    if (code !== 0) {
      const { reasonString, serverReference } = connack.properties ?? {};
      this.#end(connackFailure(code, this.#place(), textOf(reasonString), textOf(serverReference)));
      return;
    }
    const accepted = readAccepted(connack, this.#lasting.clientId);
    if ('reasonCode' in accepted) {
      this.#break(accepted);
      return;
    }
    // mqtt.js would make room for as many topic aliases as the broker allows, and we use none.
    delete connack.properties;
    if (accepted.assignedClientId !== undefined) this.#lasting.clientId = accepted.assignedClientId;
    this.#attach(accepted, opened);
    if (this.#is('ended')) return;
    this.#phase = 'connected';
    const session = sessionFacts(accepted, {
      clean: this.#options.clean,
      caution: this.#attached?.caution,
      lifetimeMs: opened.lifetimeMs?.(),
    });
    if (!session.sessionPresent) this.#forgetUnreleased();
    this.#tell({ type: 'transport.connected', session });
  }

  #forgetUnreleased(): void {
    this.#lasting.unreleased = noneUnreleased();
    if (this.#client !== undefined) this.#client.incomingStore = this.#lasting.unreleased;
  }

  #attach({ receiveMaximum, limits, serverKeepAliveSeconds }: Accepted, opened: OpenedStream): void {
    const { stream, bytesRead } = opened;
    const { clock, pingTimeoutMs, operationTimeoutMs, protocolVersion, warn = ignore } = this.#options;
    const keepAliveSeconds = shorterInterval(this.#options.keepAliveSeconds, serverKeepAliveSeconds);
    const timing = { clock, keepAliveSeconds, pingTimeoutMs, operationTimeoutMs };
    const keepAlive: KeepAlive = new KeepAlive(timing, {
      progress: bytesRead,
      sendPing: () => wire.sendPing(),
      oldestUnacknowledged: () => wire.oldestUnacknowledged(),
      bytesUnderWay: () => wire.bytesUnderWay(),
      waitingBytes: () => wire.waitingBytes(),
      takenBytes: () => wire.takenBytes(),
      giveUp: (error) => this.#end(error),
    });
    const threw = (error: unknown) => this.#end(calledBackAndThrew(error));
    const wire: MqttWire = new MqttWire({
      stream,
      protocolVersion,
      receiveMaximum,
      limits,
      keepAlive,
      warn,
      threw,
    });
    this.#keepAlive = keepAlive;
    this.#wire = wire;
    stream.on('drain', () => wire.drained());
    const attached = this.#options.attach(wire);
    // Whoever was given the wire may have ended the line with it.
    if (this.#ended === undefined) this.#attached = attached;
    else attached.detach(this.#ended);
  }

  /** Hands one PUBLISH over. False when it was not taken and must not be acknowledged. */
  #deliver(packet: IPublishPacket): boolean {
    if (this.#phase !== 'connected') return false;
    try {
      this.#options.onMessage(incomingMessage(packet));
    } catch {
      // The handlers of users are wrapped above; whatever comes here must not stop the stream of packets.
    }
    // The handler may have ended the line, or asked for its end: after DISCONNECT nothing may be sent.
    return this.#is('connected');
  }

  /** QoS 2 is answered by mqtt.js itself: the PUBREC before it hands the message over, the PUBCOMP after that. */
  #flushBeforeMqttjs({ qos }: IPublishPacket): void {
    if (qos === 2) this.#wire?.flush();
  }

  #breakIf(breach: Breach | undefined): void {
    if (breach !== undefined) this.#break(breach);
  }

  /** Ends a line whose broker broke the protocol. MQTT 5 lets us say why (4.13.1); whether it arrives, we do not wait for. */
  #break(breach: Breach): void {
    // In either version it also sends what this turn holds back, the PUBACKs of what came before.
    if (this.#is('connected'))
      this.#sendLast(this.#options.protocolVersion === 5 ? disconnectPacket(breach) : undefined);
    this.#end(breach.error(this.#place()));
  }

  /** Sends what this turn holds back, then this, and nothing after it. */
  #sendLast(packet?: Uint8Array): void {
    this.#wire?.flush();
    this.#stream?.end(packet);
  }

  /** Ends the line and reports it, once. */
  #end(error: IotError, how: LineEnd['how'] = 'givenUp'): void {
    if (this.#phase === 'ended') return;
    const wasOpen = this.#phase === 'connected' || this.#phase === 'disconnecting';
    const why = this.#asked === undefined ? this.#release(error, how) : this.#release(this.#asked, 'givenUp');
    this.#tell({ type: wasOpen ? 'transport.closed' : 'transport.failed', error: why });
  }

  /** Reports one fact. Whoever listens may throw: before the end that ends the line, after it nothing can be told. */
  #tell(fact: TransportFact): void {
    try {
      this.#report(fact);
    } catch (error) {
      this.#end(calledBackAndThrew(error));
    }
  }

  /** Frees everything and says nothing, once. Returns why the line ended, as whoever had its wire knows it. */
  #release(why: IotError, how: LineEnd['how'] = 'givenUp'): IotError {
    if (this.#ended !== undefined) return this.#ended.error;
    this.#phase = 'ended';
    this.#ended = { error: why, how, unansweredFilters: this.#wire?.unansweredFilters() ?? [] };
    this.#abort.abort(why);
    this.#keepAlive?.stop();
    this.#wire?.end(why);
    this.#client?.end(true);
    this.#stream?.destroy();
    try {
      return this.#attached?.detach(this.#ended) ?? why;
    } catch {
      // It is the owner's fault, and the line has ended anyway.
      return why;
    }
  }

  #failure(error: unknown): IotError {
    return this.#failureOf(error, this.#place());
  }

  #place(): FailurePlace {
    return placeIn(this.#phase, this.#options);
  }

  #is(phase: Phase): boolean {
    return this.#phase === phase;
  }
}

/** The broker, or something on the way, cut the connection: RST, or a write after it. */
const isReset = ({ code }: Error & { readonly code?: unknown }): boolean =>
  code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED';

/** To mqtt.js this is a packet of an unknown kind, which it passes over. */
const keepFromMqttjs = (packet: { cmd: string }): void => {
  packet.cmd = 'handled';
};

const ignore = (): void => {};

const calledBackAndThrew = (error: unknown): IotError =>
  internalFailure('a callback of the transport threw', error);
