import { type Breach, malformed, oversized } from './breach.ts';
import { InboundTopic } from './inbound-topic.ts';

/** PUBLISH with each QoS that there is, with and without DUP and RETAIN. */
const PUBLISHES = [0, 1, 2].flatMap((qos) => [0, 1, 8, 9].map((flags) => 0x30 | (qos << 1) | flags));
/** CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP (2.1.2, 2.1.3). */
const OF_BOTH = [0x20, ...PUBLISHES, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0];
/** Every byte that a packet from a broker can begin with. MQTT 5 adds DISCONNECT and AUTH. */
const FIRST_BYTES = { 4: new Set(OF_BOTH), 5: new Set([...OF_BOTH, 0xe0, 0xf0]) } as const;
/** One byte for what it is, four for its length (2.1.4). */
const HEADER_BYTES = 5;
/** The upper half of the first byte. */
const PUBLISH = 3;

/**
 * Looks at the fixed header of each packet as its bytes come in, before the parser does: that would keep whatever is
 * announced until it is whole, so a broker could fill the memory of a device with one packet. And at its topic.
 */
export class InboundGuard {
  readonly #firstBytes: ReadonlySet<number>;
  readonly #mostBytes: number;
  readonly #topic = new InboundTopic();
  /** Bytes of the header that have come; 0 between two packets. */
  #headerBytes = 0;
  #type = 0;
  #length = 0;
  /** What of the packet is still to come behind its header. */
  #bodyLeft = 0;
  #packets = 0;

  /** @param mostBytes of one packet, header and all. */
  constructor(protocolVersion: 4 | 5, mostBytes: number) {
    this.#firstBytes = FIRST_BYTES[protocolVersion];
    this.#mostBytes = mostBytes;
  }

  /** How many packets have begun that nothing is wrong with. */
  get packets(): number {
    return this.#packets;
  }

  /** Takes the bytes that came next. Returns what is wrong with them, if something is. */
  look(bytes: Uint8Array): Breach | undefined {
    for (let at = 0; at < bytes.length; ) {
      if (this.#bodyLeft > 0) {
        const passed = Math.min(this.#bodyLeft, bytes.length - at);
        const breach = this.#body(bytes.subarray(at, at + passed));
        if (breach !== undefined) return breach;
        this.#bodyLeft -= passed;
        at += passed;
        continue;
      }
      const breach = this.#header(bytes[at++] as number);
      if (breach !== undefined) return breach;
    }
    return undefined;
  }

  #header(byte: number): Breach | undefined {
    this.#headerBytes += 1;
    if (this.#headerBytes === 1) {
      this.#type = byte >> 4;
      this.#length = 0;
      return this.#firstBytes.has(byte) ? undefined : malformed(`a packet that begins with ${hex(byte)}`);
    }
    this.#length |= (byte & 0x7f) << (7 * (this.#headerBytes - 2));
    if (byte >= 0x80) {
      return this.#headerBytes < HEADER_BYTES
        ? undefined
        : malformed('a packet length of more than four bytes');
    }
    const bytes = this.#headerBytes + this.#length;
    this.#headerBytes = 0;
    this.#bodyLeft = this.#length;
    if (bytes > this.#mostBytes) return oversized(bytes, this.#mostBytes);
    this.#packets += 1;
    if (this.#type === PUBLISH) this.#topic.begin();
    return undefined;
  }

  #body(bytes: Uint8Array): Breach | undefined {
    const breach = this.#type === PUBLISH ? this.#topic.look(bytes) : undefined;
    if (breach !== undefined) this.#packets -= 1;
    return breach;
  }
}

const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;
