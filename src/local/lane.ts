import Denque from 'denque';

import type { Gate, Verdict } from './gate.ts';
import type { PacketFacts, TappedPacket } from './packet.ts';

/** A packet on its way through the tap, with the bytes to pass on. */
export interface Entry {
  readonly packet: TappedPacket;
  readonly facts: PacketFacts;
  readonly bytes: Buffer;
}

/**
 * How much one direction of one connection keeps before it stops its source: about what the buffers of two kernels
 * hold, so that a frozen reader stalls its writer as late as it would on a real network.
 */
const FULL_BYTES = 4 * 1024 * 1024;

/** One direction of one connection: packets in order, each moving on when the rules and the sink allow. */
export class Lane {
  readonly #gate: Gate;
  readonly #carry: (entry: Entry, verdict: Exclude<Verdict, 'wait'>) => void;
  readonly #hasRoom: () => void;
  readonly #mayPass: (entry: Entry) => boolean;
  readonly #queue = new Denque<Entry>();
  #bytes = 0;
  #pumping = false;
  #blocked = false;
  #stopped = false;

  /**
   * @param carry takes a packet over; it calls {@link block} when its sink is full.
   * @param hasRoom called when a lane that was full may be written to again.
   * @param mayPass the last question about a packet that the rules let pass: after a yes it goes, after a no it waits for {@link pump}.
   */
  constructor(
    gate: Gate,
    carry: (entry: Entry, verdict: Exclude<Verdict, 'wait'>) => void,
    hasRoom: () => void,
    mayPass: (entry: Entry) => boolean = () => true,
  ) {
    this.#gate = gate;
    this.#carry = carry;
    this.#hasRoom = hasRoom;
    this.#mayPass = mayPass;
    gate.attach(this);
  }

  get full(): boolean {
    return this.#bytes > FULL_BYTES;
  }

  add(entry: Entry): void {
    if (this.#stopped) return;
    this.#queue.push(entry);
    this.#bytes += entry.bytes.length;
    this.#gate.entered(entry.packet);
    this.pump();
  }

  /** The sink takes no more until {@link unblock}. */
  block(): void {
    this.#blocked = true;
  }

  unblock(): void {
    this.#blocked = false;
    this.pump();
  }

  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const wasFull = this.full;
    while (!this.#blocked && !this.#stopped) {
      const entry = this.#queue.peekFront();
      if (entry === undefined) break;
      const verdict = this.#gate.decide(entry.packet);
      if (verdict === 'wait' || (verdict === 'pass' && !this.#mayPass(entry))) break;
      this.#queue.shift();
      this.#bytes -= entry.bytes.length;
      this.#gate.left(entry.packet);
      this.#carry(entry, verdict);
    }
    this.#pumping = false;
    if (wasFull && this.#bytes <= FULL_BYTES) this.#hasRoom();
  }

  /** Nothing moves here any more; what waits is thrown away. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#gate.detach(this);
    for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
      this.#gate.left(entry.packet);
    }
    this.#bytes = 0;
    this.#hasRoom();
  }
}
