import type { FilterRequest } from '../protocol/message.ts';
import { textBytes } from './bytes.ts';
import type { EncodablePacket } from './packet-buffer.ts';
import { lengthBytes, writeLength, writeTextField, writeTwoBytes } from './packet-fields.ts';

const SUBSCRIBE = 0x82;
const UNSUBSCRIBE = 0xa2;
const NO_LOCAL = 0x04;
const RETAIN_AS_PUBLISHED = 0x08;
const RETAIN_HANDLING_SHIFT = 4;
const PACKET_ID_BYTES = 2;
const TEXT_LENGTH_BYTES = 2;

/** PINGREQ (3.12). */
export const PINGREQ: Uint8Array = Uint8Array.of(0xc0, 0);

/** What stands in the payload for one filter. */
interface Asked {
  readonly filter: string;
  /** The byte behind the filter; an UNSUBSCRIBE has none. */
  readonly options?: number;
}

/** A SUBSCRIBE (3.8) or an UNSUBSCRIBE (3.10), without properties. */
class RequestPacket implements EncodablePacket {
  readonly byteLength: number;
  readonly #firstByte: number;
  readonly #packetId: number;
  readonly #propertiesBytes: 0 | 1;
  readonly #asked: readonly Asked[];
  /** What follows the fixed header (2.1.4). */
  readonly #remainingLength: number;

  constructor(firstByte: number, asked: readonly Asked[], protocolVersion: 4 | 5, packetId: number) {
    this.#firstByte = firstByte;
    this.#packetId = packetId;
    this.#propertiesBytes = protocolVersion === 5 ? 1 : 0;
    this.#asked = asked;
    this.#remainingLength = PACKET_ID_BYTES + this.#propertiesBytes;
    for (const { filter, options } of asked)
      this.#remainingLength += TEXT_LENGTH_BYTES + textBytes(filter) + (options === undefined ? 0 : 1);
    this.byteLength = 1 + lengthBytes(this.#remainingLength) + this.#remainingLength;
  }

  writeTo(memory: Uint8Array, start: number): void {
    memory[start] = this.#firstByte;
    let at = writeLength(memory, start + 1, this.#remainingLength);
    at = writeTwoBytes(memory, at, this.#packetId);
    if (this.#propertiesBytes > 0) memory[at++] = 0;
    for (const { filter, options } of this.#asked) {
      at = writeTextField(memory, at, filter);
      if (options !== undefined) memory[at++] = options;
    }
  }
}

/** Asks for filters. Only MQTT 5 can say more about one than its QoS (3.8.3.1). */
export function subscribePacket(
  requests: readonly FilterRequest[],
  protocolVersion: 4 | 5,
  packetId: number,
): EncodablePacket {
  const asked = requests.map((request) => ({
    filter: request.filter,
    options: request.qos | (protocolVersion === 5 ? subscriptionOptions(request) : 0),
  }));
  return new RequestPacket(SUBSCRIBE, asked, protocolVersion, packetId);
}

/** Gives filters back. */
export function unsubscribePacket(
  filters: readonly string[],
  protocolVersion: 4 | 5,
  packetId: number,
): EncodablePacket {
  const asked = filters.map((filter) => ({ filter }));
  return new RequestPacket(UNSUBSCRIBE, asked, protocolVersion, packetId);
}

function subscriptionOptions({ noLocal, retainAsPublished, retainHandling = 0 }: FilterRequest): number {
  return (
    (noLocal ? NO_LOCAL : 0) |
    (retainAsPublished ? RETAIN_AS_PUBLISHED : 0) |
    (retainHandling << RETAIN_HANDLING_SHIFT)
  );
}
