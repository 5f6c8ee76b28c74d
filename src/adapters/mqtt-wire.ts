import type { Writable } from 'node:stream';
import type { IPubackPacket, ISubackPacket, IUnsubackPacket } from 'mqtt-packet';
import { IotError } from '../protocol/errors.ts';
import {
  notSupportedByBroker,
  publishRefused,
  subscriptionRefused,
  tooLargeForBroker,
  unsubscriptionRefused,
} from '../protocol/failures.ts';
import { MQTT_LIMITS } from '../protocol/limits.ts';
import type { FilterRequest, OutgoingMessage, QoS } from '../protocol/message.ts';
import type { FilterAnswer, Wire } from '../protocol/transport.ts';
import { type Breach, protocolError } from './breach.ts';
import type { BrokerLimits } from './connack.ts';
import type { KeepAlive, SentForAnswer } from './keep-alive.ts';
import { type EncodablePacket, PacketBuffer } from './packet-buffer.ts';
import { textOf } from './property-text.ts';
import { PublishPacket } from './publish-packet.ts';
import { PINGREQ, subscribePacket, unsubscribePacket } from './request-packet.ts';
import { Unacknowledged, UnacknowledgedPublish } from './unacknowledged.ts';

/** The codes of a SUBACK or UNSUBACK, and what the broker says about them. */
interface Answer {
  readonly codes: readonly number[];
  readonly reason: string | undefined;
}

/** A SUBSCRIBE or UNSUBSCRIBE without its answer. */
interface Unanswered {
  readonly answeredBy: 'suback' | 'unsuback';
  /** What a SUBSCRIBE asked for; nothing for an UNSUBSCRIBE. */
  readonly filters: readonly string[];
  /** Settles the promise; returns what was wrong with the answer, if it breaks the protocol. */
  readonly settle: (answer: Answer) => Breach | undefined;
  readonly reject: (error: IotError) => void;
}

/** What is sent to be answered. */
interface Request<T> extends Pick<Unanswered, 'answeredBy' | 'filters'> {
  /** How many codes the answer must have. */
  readonly expected: number;
  readonly read: (answer: Answer) => T;
  readonly packet: (id: number) => EncodablePacket;
}

export interface MqttWireOptions {
  readonly stream: Writable;
  readonly protocolVersion: 4 | 5;
  readonly receiveMaximum: number;
  readonly limits: BrokerLimits;
  /** Is told of each packet that is sent. */
  readonly keepAlive: KeepAlive;
  /** Told when the broker does not end a subscription. */
  readonly warn: (message: string) => void;
  /** Told what was thrown by one that was called back. */
  readonly threw: (error: unknown) => void;
}

const LOWEST_REFUSAL = 0x80;
const PUBACK = 0x40;

/**
 * The packets of one live line. It writes past the client of mqtt.js: that would keep and deeply clone every publish in
 * a store, forget callbacks when the line ends, and merge the answers of a SUBSCRIBE. So the table of what is open is
 * here, and only here.
 */
export class MqttWire implements Wire {
  readonly receiveMaximum: number;
  readonly #packets: PacketBuffer;
  readonly #keepAlive: KeepAlive;
  readonly #limits: BrokerLimits;
  readonly #warn: (message: string) => void;
  readonly #threw: (error: unknown) => void;
  readonly #protocolVersion: 4 | 5;
  readonly #unacknowledged = new Unacknowledged();
  readonly #unanswered = new Map<number, Unanswered>();
  #awaitingDrain: (() => void)[] = [];
  #lastPacketId = 0;
  /** Why nothing may be sent any more. */
  #closed: IotError | undefined;
  /** Nothing is called back any more. */
  #over = false;

  constructor(options: MqttWireOptions) {
    const { stream, protocolVersion, receiveMaximum, limits, keepAlive, warn, threw } = options;
    this.receiveMaximum = receiveMaximum;
    this.#packets = new PacketBuffer(stream, () => this.drained());
    this.#keepAlive = keepAlive;
    this.#limits = limits;
    this.#warn = warn;
    this.#threw = threw;
    this.#protocolVersion = protocolVersion;
  }

  publish(message: OutgoingMessage, done: (error?: IotError) => void): number {
    if (this.#closed !== undefined) return 0;
    const messageId = message.qos === 0 ? undefined : this.#nextPacketId();
    const packet = new PublishPacket(message, this.#protocolVersion, messageId);
    const bytes = packet.byteLength;
    const unfit = this.#unfit(message, bytes);
    if (unfit !== undefined) {
      done(unfit);
      return 0;
    }
    this.#packets.append(packet);
    if (messageId === undefined) {
      this.#keepAlive.sent();
      if (this.#awaitingDrain.length === 0 && this.#packets.isTaken) done();
      else this.#awaitingDrain.push(done);
      return bytes;
    }
    const sentAt = this.#keepAlive.sentForAnswer();
    this.#unacknowledged.add(new UnacknowledgedPublish(messageId, message.topic, bytes, sentAt, done));
    return bytes;
  }

  subscribe(requests: readonly FilterRequest[]): Promise<readonly FilterAnswer[]> {
    return this.#ask({
      answeredBy: 'suback',
      filters: requests.map(({ filter }) => filter),
      expected: requests.length,
      read: (answer) => answersTo(requests, answer),
      packet: (id) => subscribePacket(requests, this.#protocolVersion, id),
    });
  }

  unsubscribe(filters: readonly string[]): Promise<void> {
    return this.#ask({
      answeredBy: 'unsuback',
      filters: [],
      // Only MQTT 5 answers with codes (3.11.3).
      expected: this.#protocolVersion === 5 ? filters.length : 0,
      read: (answer) => this.#warnOfRefusals(filters, answer),
      packet: (id) => unsubscribePacket(filters, this.#protocolVersion, id),
    });
  }

  /** Takes a PUBACK, SUBACK or UNSUBACK. Returns what is wrong with it, if something is. */
  take(packet: IPubackPacket | ISubackPacket | IUnsubackPacket): Breach | undefined {
    const id = packet.messageId as number;
    if (packet.cmd === 'puback') {
      this.#acknowledge(id, packet);
      return undefined;
    }
    const unanswered = this.#unanswered.get(id);
    // Not open, or open for another kind of answer: late or doubled, and harmless.
    if (unanswered === undefined || unanswered.answeredBy !== packet.cmd) return undefined;
    this.#unanswered.delete(id);
    const codes = (packet.granted as readonly number[] | undefined) ?? [];
    return unanswered.settle({ codes, reason: textOf(packet.properties?.reasonString) });
  }

  /** The socket may have taken what was sent: at a drain, and at the end of a turn, after which none may come. */
  drained(): void {
    if (!this.#packets.isTaken) return;
    const waiting = this.#awaitingDrain;
    this.#awaitingDrain = [];
    try {
      for (const done of waiting) {
        // One of them may have ended the line.
        if (!this.#over) done();
      }
    } catch (error) {
      this.#threw(error);
    }
  }

  /** Gives the stream all that was sent: before others write to it. */
  flush(): void {
    this.#packets.flush();
  }

  /** Acknowledges a message of QoS 1. */
  sendPuback(packetId: number): void {
    if (this.#closed === undefined)
      this.#packets.appendBytes(Uint8Array.of(PUBACK, 2, packetId >> 8, packetId & 0xff));
  }

  sendPing(): void {
    this.#packets.appendBytes(PINGREQ);
  }

  oldestUnacknowledged(): SentForAnswer | undefined {
    return this.#unacknowledged.oldest;
  }

  /** At most so many bytes are still on their way: neither acknowledged, nor taken by the socket when nobody will do that. */
  bytesUnderWay(): number {
    return Math.max(this.#unacknowledged.bytes, this.#packets.untakenBytes);
  }

  /** What the socket did not take, because it is full; not what this turn sends. */
  waitingBytes(): number {
    return this.#packets.waitingBytes;
  }

  /** A number that grows as the socket takes what is sent. */
  takenBytes(): number {
    return this.#packets.takenBytes;
  }

  /** The filters of each SUBSCRIBE that has no SUBACK yet. */
  unansweredFilters(): readonly string[] {
    return [...this.#unanswered.values()].flatMap(({ filters }) => filters);
  }

  /** Takes no more packets from its owner; what is open stays open. Before DISCONNECT. */
  close(why: IotError): void {
    this.#closed ??= why;
  }

  /** The line has ended: nothing is called back any more, open promises reject. */
  end(why: IotError): void {
    this.close(why);
    this.#over = true;
    this.#packets.drop();
    this.#awaitingDrain = [];
    this.#unacknowledged.clear();
    const unanswered = [...this.#unanswered.values()];
    this.#unanswered.clear();
    for (const { reject } of unanswered) reject(why);
  }

  #acknowledge(id: number, packet: IPubackPacket): void {
    const publish = this.#unacknowledged.take(id);
    if (publish === undefined) return;
    const code = packet.reasonCode ?? 0;
    publish.done(
      code < LOWEST_REFUSAL
        ? undefined
        : publishRefused(publish.topic, code, textOf(packet.properties?.reasonString)),
    );
  }

  /** Why the broker would end the line over this publish (MQTT-3.2.2-11, MQTT-3.2.2-14, MQTT-3.2.2-15). */
  #unfit({ topic, qos, retain }: OutgoingMessage, bytes: number): IotError | undefined {
    const limits = this.#limits;
    if (bytes > limits.maximumPacketBytes) return tooLargeForBroker(topic, bytes, limits.maximumPacketBytes);
    if (qos > limits.maximumQos) return notSupportedByBroker(topic, 'QoS 1');
    if (retain && !limits.retain) return notSupportedByBroker(topic, 'retain');
    return undefined;
  }

  #ask<T>({ answeredBy, filters, expected, read, packet }: Request<T>): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const messageId = this.#nextPacketId();
    return new Promise((resolve, reject) => {
      const settle = (answer: Answer): Breach | undefined => {
        if (answer.codes.length !== expected) {
          const what = `${answeredBy} with ${answer.codes.length} codes for ${expected} filters`;
          reject(new IotError('PROTOCOL_ERROR', `the broker broke the MQTT protocol: ${what}`));
          return protocolError(what);
        }
        try {
          resolve(read(answer));
        } catch (error) {
          reject(error);
        }
        return undefined;
      };
      this.#unanswered.set(messageId, { answeredBy, filters, settle, reject });
      this.#packets.append(packet(messageId));
      this.#keepAlive.sent();
    });
  }

  /** A refused filter was answered: asked again, on this line or the next, the broker would refuse it again. */
  #warnOfRefusals(filters: readonly string[], { codes, reason }: Answer): void {
    for (const [index, filter] of filters.entries()) {
      const code = codes[index] ?? 0;
      if (code < LOWEST_REFUSAL) continue;
      const { message } = unsubscriptionRefused(filter, code, reason);
      this.#warn(`${message}; it goes on sending what matches`);
    }
  }

  #nextPacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % MQTT_LIMITS.packetId) + 1;
    while (this.#unacknowledged.has(this.#lastPacketId) || this.#unanswered.has(this.#lastPacketId));
    return this.#lastPacketId;
  }
}

function answersTo(requests: readonly FilterRequest[], { codes, reason }: Answer): readonly FilterAnswer[] {
  return requests.map(({ filter, qos }, index) => {
    const code = codes[index] ?? LOWEST_REFUSAL;
    if (code >= LOWEST_REFUSAL) return { filter, error: subscriptionRefused(filter, code, reason) };
    return { filter, grantedQos: Math.min(code, qos) as QoS };
  });
}
