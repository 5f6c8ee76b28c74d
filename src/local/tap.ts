import type { Changes } from '../protocol/changes.ts';
import { BoundedLog } from './bounded-log.ts';
import type { Gate, Rule, Verdict } from './gate.ts';
import type { Direction, PacketKind, TappedPacket } from './packet.ts';

/** Which packets are meant. A field that is left out matches all. */
export interface PacketMatch {
  readonly direction?: Direction;
  readonly packet?: PacketKind;
  readonly clientId?: string;
  readonly connection?: number;
  /** PUBLISH to exactly this topic; SUBSCRIBE and UNSUBSCRIBE that name exactly this filter. */
  readonly topic?: string;
}

/** A packet that has left the tap. */
export interface TapRecord extends TappedPacket {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** `answered`: the core replied in the broker's name, and the broker never saw it. */
  readonly fate: 'passed' | 'dropped' | 'answered';
}

/** Packets that are being held back. */
export interface Hold {
  /** How many packets of this match wait now. */
  readonly held: number;
  /** Resolves as soon as `count` packets of this match wait at the same time. Default 1. */
  caught(count?: number): Promise<void>;
  /** Lets the oldest one go; the hold goes on. */
  releaseOne(): void;
  /** Lets all go and ends the hold. */
  release(): void;
  /** Throws away those that wait and ends the hold. */
  drop(): void;
}

const LOG_CAPACITY = 10_000;

function matches(match: PacketMatch, packet: TappedPacket): boolean {
  return (
    (match.packet === undefined || match.packet === packet.packet) &&
    (match.direction === undefined || match.direction === packet.direction) &&
    (match.clientId === undefined || match.clientId === packet.clientId) &&
    (match.connection === undefined || match.connection === packet.connection) &&
    (match.topic === undefined ||
      match.topic === packet.topic ||
      packet.filters?.includes(match.topic) === true)
  );
}

/** Sees and holds every packet of every connection, between TLS and the broker. */
export class Tap {
  readonly #gate: Gate;
  readonly #log = new BoundedLog<TapRecord>(LOG_CAPACITY);
  readonly #listeners = new Set<(record: TapRecord) => void>();
  readonly #changes: Changes;

  /** @internal */
  constructor(gate: Gate, changes: Changes) {
    this.#gate = gate;
    this.#changes = changes;
  }

  /** The newest packets that have left the tap, oldest first; at least 10,000 are kept. */
  get log(): readonly TapRecord[] {
    return this.#log.entries;
  }

  /** The part of the log that matches. */
  packets(match: PacketMatch): readonly TapRecord[] {
    return this.log.filter((record) => matches(match, record));
  }

  /** Resolves, with the first ones, as soon as `count` packets that match are in the log. Default 1. */
  async waitFor(match: PacketMatch, count = 1): Promise<readonly TapRecord[]> {
    await this.#changes.when(() => this.packets(match).length >= count);
    return this.packets(match).slice(0, count);
  }

  /** Calls `listener` for each packet as it leaves the tap; the returned function ends that. */
  on(listener: (record: TapRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Holds back the packets that match, from now on. Packets behind one that is held, in the same direction of the same
   * connection, wait too: order is kept, as on a real line.
   */
  hold(match: PacketMatch): Hold {
    return new HeldPackets(this.#gate, this.#changes, match);
  }

  /** @internal */
  record(record: TapRecord): void {
    this.#log.push(record);
    this.#changes.changed();
    for (const listener of this.#listeners) listener(record);
  }
}

class HeldPackets implements Hold, Rule {
  readonly #gate: Gate;
  readonly #match: PacketMatch;
  readonly #waiting = new Set<TappedPacket>();
  readonly #doomed = new Set<TappedPacket>();
  readonly #remove: () => void;
  readonly #changes: Changes;
  #ended = false;

  constructor(gate: Gate, changes: Changes, match: PacketMatch) {
    this.#gate = gate;
    this.#changes = changes;
    this.#match = match;
    this.#remove = gate.add(this);
  }

  get held(): number {
    return this.#waiting.size;
  }

  caught(count = 1): Promise<void> {
    return this.#changes.when(() => this.held >= count);
  }

  releaseOne(): void {
    for (const oldest of this.#waiting) {
      this.#waiting.delete(oldest);
      break;
    }
    this.#gate.changed();
  }

  release(): void {
    this.#ended = true;
    this.#waiting.clear();
    this.#remove();
  }

  drop(): void {
    this.#ended = true;
    for (const packet of this.#waiting) this.#doomed.add(packet);
    this.#waiting.clear();
    // The rule stays until the last of them is out of its lane: another rule may still keep it there.
    if (this.#doomed.size === 0) this.#remove();
    this.#gate.changed();
  }

  entered(packet: TappedPacket): void {
    if (this.#ended || !matches(this.#match, packet)) return;
    this.#waiting.add(packet);
    this.#changes.changed();
  }

  decide(packet: TappedPacket): Verdict {
    if (this.#doomed.has(packet)) return 'drop';
    return this.#waiting.has(packet) ? 'wait' : 'pass';
  }

  left(packet: TappedPacket): void {
    this.#waiting.delete(packet);
    if (this.#doomed.delete(packet) && this.#doomed.size === 0) this.#remove();
  }
}
