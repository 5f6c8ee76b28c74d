import type { Writable } from 'node:stream';
import { allocate } from './bytes.ts';
import { atEndOfTurn } from './end-of-turn.ts';

/** The most that goes to the stream in one piece. 16 KiB saved nothing over a write for each packet, 64 KiB less than this. */
export const SLAB_BYTES = 131_072;
/** A packet of more begins no slab but has memory of its own: most of one would go unused. */
export const MOST_SHARED_BYTES = SLAB_BYTES / 4;

/** Memory for packets: `[given to the stream | held back | free]`. */
class Slab {
  readonly memory: Uint8Array;
  /** Where what is held back begins. */
  start = 0;
  /** Where it ends. */
  end = 0;
  /** How many writes the stream has not finished: it may still read from here. */
  writes = 0;

  constructor(bytes: number) {
    this.memory = allocate(bytes);
  }
}

/** Those that nobody uses now. All lines share them, so that none holds memory while it is idle. */
const spares: Slab[] = [];
/** TLS finishes no write within the call: a full turn then needs as many as it fills, and new ones cost more than to fill them. */
const MOST_SPARES = 4;

const takeSlab = (): Slab => spares.pop() ?? new Slab(SLAB_BYTES);

function giveBack(slab: Slab): void {
  slab.start = 0;
  slab.end = 0;
  if (slab.memory.byteLength === SLAB_BYTES && spares.length < MOST_SPARES) spares.push(slab);
}

/** A packet that can be measured before it is encoded. */
export interface EncodablePacket {
  readonly byteLength: number;
  /** Writes exactly `byteLength` bytes. */
  writeTo(memory: Uint8Array, start: number): void;
}

/**
 * Holds back what one turn of the event loop sends, and writes it in one piece at its end: a write for each packet would be
 * most of what a publish costs. Packets are encoded where they are written from, because memory of their own would be
 * most of the rest. Whatever else is written to the stream needs a `flush` before it.
 */
export class PacketBuffer {
  readonly #stream: Writable;
  readonly #flushed: () => void;
  #slab: Slab | undefined;
  /** All that was ever sent. */
  #sentBytes = 0;
  /** This turn has sent something, and its end is waited for. */
  #isTurn = false;
  /** What the socket had not taken when this turn began to send. */
  #waitingBeforeTurn = 0;

  /** @param flushed called at the end of each turn that sent something, when the stream has got all of it. */
  constructor(stream: Writable, flushed: () => void) {
    this.#stream = stream;
    this.#flushed = flushed;
  }

  /** What the stream has not got yet. */
  get heldBytes(): number {
    return this.#slab === undefined ? 0 : this.#slab.end - this.#slab.start;
  }

  /** What the socket has not taken. */
  get untakenBytes(): number {
    return this.#stream.writableLength + this.heldBytes;
  }

  /** A number that grows as the socket takes what is sent. */
  get takenBytes(): number {
    return this.#sentBytes - this.untakenBytes;
  }

  /** What the socket did not take, because it is full; not what this turn sends. */
  get waitingBytes(): number {
    return this.#isTurn ? this.#waitingBeforeTurn : this.#stream.writableLength;
  }

  /** Whether all that was sent is as good as taken: no more is left than a stream takes without asking to wait. */
  get isTaken(): boolean {
    return this.#stream.writable && this.untakenBytes < this.#stream.writableHighWaterMark;
  }

  append(packet: EncodablePacket): void {
    const { byteLength } = packet;
    const slab = this.#slabFor(byteLength);
    packet.writeTo(slab.memory, slab.end);
    this.#appended(slab, byteLength);
  }

  appendBytes(packet: Uint8Array): void {
    const slab = this.#slabFor(packet.byteLength);
    slab.memory.set(packet, slab.end);
    this.#appended(slab, packet.byteLength);
  }

  /** Gives the stream what is held back. */
  flush(): void {
    const slab = this.#slab;
    if (slab === undefined || slab.end === slab.start) return;
    const bytes = slab.memory.subarray(slab.start, slab.end);
    slab.start = slab.end;
    slab.writes++;
    let isFinished = false;
    this.#stream.write(bytes, (error) => {
      // After an error nobody knows who reads it still.
      if (!isFinished && !error) this.#finished(slab);
    });
    // Most are taken within the call, and can be used again at once; the stream says so later only.
    isFinished = this.#stream.writableLength === 0;
    if (isFinished) this.#finished(slab);
  }

  /** The stream has ended: forgets what is held back, and its memory. */
  drop(): void {
    this.#slab = undefined;
  }

  /** Memory with room for a packet of so many bytes. */
  #slabFor(bytes: number): Slab {
    if (this.#slab !== undefined && this.#slab.end + bytes > this.#slab.memory.byteLength) this.flush();
    if (this.#slab === undefined || this.#slab.end + bytes > this.#slab.memory.byteLength)
      this.#slab = bytes > MOST_SHARED_BYTES ? new Slab(bytes) : takeSlab();
    return this.#slab;
  }

  #appended(slab: Slab, bytes: number): void {
    slab.end += bytes;
    this.#sentBytes += bytes;
    if (!this.#isTurn) this.#beginTurn();
  }

  /** The stream has read one piece of this slab. */
  #finished(slab: Slab): void {
    slab.writes--;
    if (slab.writes > 0 || slab.end > slab.start) return;
    if (slab === this.#slab) this.#slab = undefined;
    giveBack(slab);
  }

  #beginTurn(): void {
    this.#isTurn = true;
    this.#waitingBeforeTurn = this.#stream.writableLength;
    atEndOfTurn(() => {
      this.#isTurn = false;
      this.flush();
      this.#flushed();
    });
  }
}
