import type { OutgoingMessage } from '../protocol/message.ts';
import { propertiesBytes } from '../protocol/property-bytes.ts';
import { textBytes, writeText } from './bytes.ts';
import type { EncodablePacket } from './packet-buffer.ts';
import { lengthBytes, writeLength, writeTextField, writeTwoBytes } from './packet-fields.ts';
import { writeProperties } from './publish-properties.ts';

const PUBLISH = 0x30;
const RETAIN = 0x01;

/**
 * One PUBLISH (MQTT 3.3). mqtt-packet writes each field of it to the stream apart; six small writes a message were most of
 * what a publish cost.
 */
export class PublishPacket implements EncodablePacket {
  readonly byteLength: number;
  readonly #message: OutgoingMessage;
  readonly #packetId: number | undefined;
  /** Of its properties, without their length. Absent in MQTT 3.1.1, which has none. */
  readonly #propertiesBytes: number | undefined;
  /** What follows the fixed header (2.1.4). */
  readonly #remainingLength: number;

  /** @param packetId absent for QoS 0. */
  constructor(message: OutgoingMessage, protocolVersion: 4 | 5, packetId?: number) {
    const { topic, payload, properties } = message;
    this.#message = message;
    this.#packetId = packetId;
    let bytes = 2 + textBytes(topic) + (packetId === undefined ? 0 : 2);
    if (protocolVersion === 5) {
      this.#propertiesBytes = properties === undefined ? 0 : propertiesBytes(properties);
      bytes += lengthBytes(this.#propertiesBytes) + this.#propertiesBytes;
    }
    this.#remainingLength = bytes + (typeof payload === 'string' ? textBytes(payload) : payload.byteLength);
    this.byteLength = 1 + lengthBytes(this.#remainingLength) + this.#remainingLength;
  }

  writeTo(memory: Uint8Array, start: number): void {
    const { topic, payload, properties, qos, retain } = this.#message;
    memory[start] = PUBLISH | (qos << 1) | (retain ? RETAIN : 0);
    let at = writeLength(memory, start + 1, this.#remainingLength);
    at = writeTextField(memory, at, topic);
    if (this.#packetId !== undefined) at = writeTwoBytes(memory, at, this.#packetId);
    if (this.#propertiesBytes !== undefined) {
      at = writeLength(memory, at, this.#propertiesBytes);
      if (properties !== undefined) at = writeProperties(memory, at, properties);
    }
    if (typeof payload === 'string') writeText(memory, at, payload);
    else memory.set(payload, at);
  }
}
