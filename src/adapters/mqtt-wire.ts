import type { Duplex } from 'node:stream';
import mqttPacket, {
  type IPubackPacket,
  type ISubackPacket,
  type IUnsubackPacket,
  type Packet,
} from 'mqtt-packet';
import { IotError } from '../protocol/errors.ts';
import { publishRefused, subscriptionRefused, unsubscriptionRefused } from '../protocol/failures.ts';
import { MQTT_LIMITS } from '../protocol/limits.ts';
import type { FilterRequest, OutgoingMessage, QoS } from '../protocol/message.ts';
import type { FilterAnswer, Wire } from '../protocol/transport.ts';
import type { KeepAlive, SentForAnswer } from './keep-alive.ts';
import { publishPacket } from './publish-packet.ts';

/** A QoS 1 publish without PUBACK. */
interface Unacknowledged extends SentForAnswer {
  readonly topic: string;
  readonly done: (error?: IotError) => void;
}

/** A SUBSCRIBE or UNSUBSCRIBE without its answer. */
interface Unanswered {
  readonly answeredBy: 'suback' | 'unsuback';
  /** What a SUBSCRIBE asked for; nothing for an UNSUBSCRIBE. */
  readonly filters: readonly string[];
  /** Settles the promise; returns what was wrong with the answer, if it breaks the protocol. */
  readonly settle: (codes: readonly number[] | undefined) => string | undefined;
  readonly reject: (error: IotError) => void;
}

export interface MqttWireOptions {
  readonly stream: Duplex;
  readonly protocolVersion: 4 | 5;
  readonly receiveMaximum: number;
  /** Is told of each packet that is sent. */
  readonly keepAlive: KeepAlive;
}

const LOWEST_REFUSAL = 0x80;
const PUBACK = 0x40;
// Taken at once: an app's fake timers must not hold packets back.
const atEndOfTurn = setImmediate;

/**
 * The packets of one live line. It writes past the client of mqtt.js: that would keep and deeply clone every publish in
 * a store, forget callbacks when the line ends, and merge the answers of a SUBSCRIBE. So the table of what is open is
 * here, and only here.
 */
export class MqttWire implements Wire {
  readonly receiveMaximum: number;
  readonly #stream: Duplex;
  readonly #keepAlive: KeepAlive;
  readonly #format: { readonly protocolVersion: 4 | 5 };
  readonly #unacknowledged = new Map<number, Unacknowledged>();
  readonly #unanswered = new Map<number, Unanswered>();
  #awaitingDrain: (() => void)[] = [];
  #lastPacketId = 0;
  /** The stream holds back what is written until the end of this turn. */
  #corked = false;
  /** Why nothing may be sent any more. */
  #closed: IotError | undefined;
  /** Nothing is called back any more. */
  #over = false;

  constructor({ stream, protocolVersion, receiveMaximum, keepAlive }: MqttWireOptions) {
    this.receiveMaximum = receiveMaximum;
    this.#stream = stream;
    this.#keepAlive = keepAlive;
    this.#format = { protocolVersion };
  }

  publish(message: OutgoingMessage, done: (error?: IotError) => void): void {
    if (this.#closed !== undefined) return;
    const { protocolVersion } = this.#format;
    if (message.qos === 0) {
      const taken = this.#send(publishPacket(message, protocolVersion));
      this.#keepAlive.sent();
      if (taken) done();
      else this.#awaitingDrain.push(done);
      return;
    }
    const messageId = this.#nextPacketId();
    const { topic } = message;
    this.#unacknowledged.set(messageId, { topic, done, sentAt: this.#keepAlive.sentForAnswer() });
    this.#send(publishPacket(message, protocolVersion, messageId));
  }

  subscribe(requests: readonly FilterRequest[]): Promise<readonly FilterAnswer[]> {
    const subscriptions = requests.map(({ filter, qos }) => ({ topic: filter, qos }));
    return this.#ask(
      'suback',
      requests.length,
      (codes) => requests.map((request, i) => answer(request, codes[i])),
      {
        cmd: 'subscribe',
        subscriptions,
      },
    );
  }

  unsubscribe(filters: readonly string[]): Promise<void> {
    // Only MQTT 5 answers with codes (3.11.3).
    const expected = this.#format.protocolVersion === 5 ? filters.length : 0;
    return this.#ask('unsuback', expected, (codes) => throwFirstRefusal(filters, codes), {
      cmd: 'unsubscribe',
      unsubscriptions: [...filters],
    });
  }

  /** Takes a PUBACK, SUBACK or UNSUBACK. Returns what is wrong with it, if it breaks the protocol. */
  take(packet: IPubackPacket | ISubackPacket | IUnsubackPacket): string | undefined {
    const id = packet.messageId;
    if (id === undefined) return `${packet.cmd} without a packet id`;
    if (packet.cmd === 'puback') {
      this.#acknowledge(id, packet);
      return undefined;
    }
    const unanswered = this.#unanswered.get(id);
    // Not open, or open for another kind of answer: late or doubled, and harmless.
    if (unanswered === undefined || unanswered.answeredBy !== packet.cmd) return undefined;
    this.#unanswered.delete(id);
    return unanswered.settle(packet.granted as readonly number[] | undefined);
  }

  /** The socket has taken all that was written. */
  drained(): void {
    const waiting = this.#awaitingDrain;
    this.#awaitingDrain = [];
    for (const done of waiting) {
      // One of them may have ended the line.
      if (!this.#over) done();
    }
  }

  /** Acknowledges a message of QoS 1. */
  sendPuback(packetId: number): void {
    if (this.#closed === undefined) this.#send(Buffer.from([PUBACK, 2, packetId >> 8, packetId & 0xff]));
  }

  sendPing(): void {
    this.#write({ cmd: 'pingreq' });
  }

  oldestUnacknowledged(): SentForAnswer | undefined {
    return this.#unacknowledged.values().next().value;
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
    this.#unacknowledged.clear();
    const unanswered = [...this.#unanswered.values()];
    this.#unanswered.clear();
    for (const { reject } of unanswered) reject(why);
  }

  #acknowledge(id: number, packet: IPubackPacket): void {
    const unacknowledged = this.#unacknowledged.get(id);
    if (unacknowledged === undefined) return;
    this.#unacknowledged.delete(id);
    const code = packet.reasonCode ?? 0;
    unacknowledged.done(code < LOWEST_REFUSAL ? undefined : publishRefused(unacknowledged.topic, code));
  }

  #ask<T>(
    answeredBy: Unanswered['answeredBy'],
    expected: number,
    read: (codes: readonly number[]) => T,
    packet: Packet,
  ): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const messageId = this.#nextPacketId();
    return new Promise((resolve, reject) => {
      const settle = (codes: readonly number[] = []): string | undefined => {
        if (codes.length !== expected) {
          const what = `${answeredBy} with ${codes.length} codes for ${expected} filters`;
          reject(new IotError('PROTOCOL_ERROR', `the broker broke the MQTT protocol: ${what}`));
          return what;
        }
        try {
          resolve(read(codes));
        } catch (error) {
          reject(error);
        }
        return undefined;
      };
      const filters = packet.cmd === 'subscribe' ? packet.subscriptions.map(({ topic }) => topic) : [];
      this.#unanswered.set(messageId, { answeredBy, filters, settle, reject });
      this.#write({ ...packet, messageId });
      this.#keepAlive.sent();
    });
  }

  #nextPacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % MQTT_LIMITS.packetId) + 1;
    while (this.#unacknowledged.has(this.#lastPacketId) || this.#unanswered.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  #write(packet: Packet): void {
    mqttPacket.writeToStream(packet, this.#stream, this.#format);
  }

  /** Writes bytes; all that one turn of the event loop writes goes to the socket together. */
  #send(bytes: Buffer): boolean {
    if (!this.#corked) {
      this.#corked = true;
      this.#stream.cork();
      atEndOfTurn(() => {
        this.#corked = false;
        this.#stream.uncork();
      });
    }
    return this.#stream.write(bytes);
  }
}

function answer({ filter, qos }: FilterRequest, code = LOWEST_REFUSAL): FilterAnswer {
  if (code >= LOWEST_REFUSAL) return { filter, error: subscriptionRefused(filter, code) };
  return { filter, grantedQos: Math.min(code, qos) as QoS };
}

function throwFirstRefusal(filters: readonly string[], codes: readonly number[]): void {
  const refused = codes.findIndex((code) => code >= LOWEST_REFUSAL);
  if (refused !== -1) throw unsubscriptionRefused(filters[refused] ?? '', codes[refused] ?? LOWEST_REFUSAL);
}
