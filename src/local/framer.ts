/** One whole MQTT packet as it came, or bytes that are none. */
export interface Frame {
  readonly bytes: Buffer;
  /** Where the body starts: after the fixed header. */
  readonly bodyAt: number;
  readonly fault?: 'malformed' | 'tooLarge';
}

/** A remaining length has at most four bytes (MQTT-2.2.3). */
const MAX_LENGTH_BYTES = 4;

/**
 * Cuts a stream of bytes into MQTT packets and never changes one. After bytes that cannot be a packet it gives all that
 * follows through as it comes: what to do about it is the receiver's business.
 */
export class Framer {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #size = 0;
  /** How many bytes there must be before the next look is worth while. */
  #wanted = 2;
  #fault: Frame['fault'];

  /** @param maxBytes a packet that announces more is given through as a fault before its body is there. */
  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
  }

  /** Takes the next bytes of the stream; gives the packets that are whole by now. */
  take(chunk: Buffer): Frame[] {
    if (this.#fault !== undefined) return [{ bytes: chunk, bodyAt: 0, fault: this.#fault }];
    this.#pieces.push(chunk);
    this.#size += chunk.length;
    // Joined only once enough is there, so that a large packet in small pieces is not copied again for each of them.
    if (this.#size < this.#wanted) return [];

    const frames: Frame[] = [];
    let rest = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces, this.#size);
    for (let frame = this.#cut(rest); frame !== undefined; frame = this.#cut(rest)) {
      frames.push(frame);
      rest = rest.subarray(frame.bytes.length);
    }
    this.#pieces = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
    return frames;
  }

  /** The packet at the head of these bytes, if it is whole. */
  #cut(bytes: Buffer): Frame | undefined {
    this.#wanted = 2;
    if (bytes.length === 0) return undefined;
    const header = readHeader(bytes);
    if (header === 'malformed') return this.#giveUp(bytes, header);
    this.#wanted = header === undefined ? bytes.length + 1 : header.bodyAt + header.length;
    if (this.#wanted > this.#maxBytes) return this.#giveUp(bytes, 'tooLarge');
    if (header === undefined || bytes.length < this.#wanted) return undefined;
    return { bytes: bytes.subarray(0, this.#wanted), bodyAt: header.bodyAt };
  }

  #giveUp(bytes: Buffer, fault: Frame['fault'] & {}): Frame {
    this.#fault = fault;
    return { bytes, bodyAt: 0, fault };
  }
}

function readHeader(bytes: Buffer): { bodyAt: number; length: number } | 'malformed' | undefined {
  let length = 0;
  for (let index = 1; index <= MAX_LENGTH_BYTES; index++) {
    const byte = bytes[index];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** (index - 1);
    if (byte < 0x80) return { bodyAt: index + 1, length };
  }
  return 'malformed';
}
