import { sizeOf } from '../../src/delivery/entry.ts';
import type { IotError } from '../../src/protocol/errors.ts';
import type { OutgoingMessage } from '../../src/protocol/message.ts';
import type { Wire } from '../../src/protocol/transport.ts';

export interface WrittenPacket {
  readonly message: OutgoingMessage;
  readonly done: (error?: IotError) => void;
}

export interface WireScript {
  readonly receiveMaximum?: number;
  /** Called inside of each publish, before anything else. It may throw. */
  readonly onPublish?: (packet: WrittenPacket) => void;
  /** Answers within the call: QoS 0, or all. */
  readonly answersAtOnce?: 'none' | 'qos0' | 'all';
}

/** A wire that keeps what was written to it, and answers when it is told to. */
export class ScriptedWire implements Wire {
  readonly receiveMaximum: number;
  readonly packets: WrittenPacket[] = [];
  readonly #script: WireScript;

  constructor(script: WireScript = {}) {
    this.receiveMaximum = script.receiveMaximum ?? 65_535;
    this.#script = script;
  }

  /** The payloads that were written, in order. */
  get payloads(): string[] {
    return this.packets.map((packet) => String(packet.message.payload));
  }

  publish(message: OutgoingMessage, done: (error?: IotError) => void): number {
    const packet = { message, done };
    this.packets.push(packet);
    this.#script.onPublish?.(packet);
    const { answersAtOnce = 'qos0' } = this.#script;
    if (answersAtOnce === 'all' || (answersAtOnce === 'qos0' && message.qos === 0)) done();
    return sizeOf(message);
  }

  /** Answers the latest packet with this payload. */
  answer(payload: string, error?: IotError): void {
    this.packets.findLast((packet) => packet.message.payload === payload)?.done(error);
  }

  subscribe(): never {
    throw new Error('This wire carries publishes only.');
  }

  unsubscribe(): never {
    throw new Error('This wire carries publishes only.');
  }
}
