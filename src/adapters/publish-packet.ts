import type { OutgoingMessage } from '../protocol/message.ts';
import type { EncodablePacket } from './packet-buffer.ts';
import { encodeProperties } from './publish-properties.ts';
import { lengthBytes, writeLength } from './variable-byte-integer.ts';

const PUBLISH = 0x30;
const RETAIN = 0x01;
/** Their length, which is 0. */
const NO_PROPERTIES = Uint8Array.of(0);

/**
 * One PUBLISH (MQTT 3.3). mqtt-packet writes each field of it to the stream apart; six small writes a message were most of
 * what a publish cost.
 */
export class PublishPacket implements EncodablePacket {
  readonly byteLength: number;
  readonly #message: OutgoingMessage;
  readonly #packetId: number | undefined;
  /** Absent in MQTT 3.1.1. */
  readonly #properties: Uint8Array | undefined;
  /** What follows the fixed header (2.1.4). */
  readonly #remainingLength: number;

  /** @param packetId absent for QoS 0. */
  constructor(message: OutgoingMessage, protocolVersion: 4 | 5, packetId?: number) {
    const { topic, payload, properties } = message;
    this.#message = message;
    this.#packetId = packetId;
    if (protocolVersion === 5)
      this.#properties = properties === undefined ? NO_PROPERTIES : encodeProperties(properties);
    this.#remainingLength =
      2 +
      Buffer.byteLength(topic) +
      (packetId === undefined ? 0 : 2) +
      (this.#properties?.byteLength ?? 0) +
      Buffer.byteLength(payload);
    this.byteLength = 1 + lengthBytes(this.#remainingLength) + this.#remainingLength;
  }

  writeTo(memory: Buffer, start: number): void {
    const { topic, payload, qos, retain } = this.#message;
    memory[start] = PUBLISH | (qos << 1) | (retain ? RETAIN : 0);
    let at = writeLength(memory, start + 1, this.#remainingLength);
    const topicBytes = memory.write(topic, at + 2);
    at = memory.writeUInt16BE(topicBytes, at) + topicBytes;
    if (this.#packetId !== undefined) at = memory.writeUInt16BE(this.#packetId, at);
    if (this.#properties !== undefined) {
      memory.set(this.#properties, at);
      at += this.#properties.byteLength;
    }
    if (typeof payload === 'string') memory.write(payload, at);
    else memory.set(payload, at);
  }
}
