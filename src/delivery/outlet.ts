import type { IotError } from '../protocol/errors.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import type { Wire } from '../protocol/transport.ts';
import type { EndObserver, Entry } from './entry.ts';
import type { EntryList } from './entry-list.ts';
import { Gate } from './gate.ts';
import { Line } from './line.ts';
import type { OutboxOptions } from './outbox-options.ts';
import { Pacer } from './pacer.ts';
import { Waiters } from './waiters.ts';

/** Eight of the largest publishes that AWS takes: more than a socket takes at a time, and little for a device's memory. */
const MAX_UNTAKEN_BYTES = 8 * AWS_LIMITS.payloadBytes;

/** The way out: the line, if there is one, and what its window, the flow and the rate let through now. */
export class Outlet {
  readonly gate: Gate;
  readonly #options: OutboxOptions;
  readonly #pacer: Pacer | undefined;
  /** Those who wait for room for a request. */
  readonly #asking = new Waiters<OutgoingMessage>();
  #line: Line | undefined;

  /** @param lookAgain called when the rate may let something go that it has held back */
  constructor(options: OutboxOptions, list: EntryList, lookAgain: () => void) {
    const { rate, clock } = options;
    this.gate = new Gate(list);
    this.#options = options;
    this.#pacer = rate === undefined ? undefined : new Pacer(rate, clock, lookAgain);
  }

  /** Whether a message may go as soon as the window and the rate have room. */
  isOpen(): boolean {
    return this.#line !== undefined && this.gate.flow === 'free';
  }

  /** Whether it has to be found out who closes the lines, and nothing may be sent yet. */
  get isHeld(): boolean {
    return this.#line?.suspects !== undefined && this.gate.flow === 'closed';
  }

  attach(wire: Wire, suspects: Set<Entry> | undefined): void {
    const window = Math.min(this.#options.window ?? AWS_LIMITS.unacknowledgedPublishes, wire.receiveMaximum);
    const maxUntakenBytes = this.#options.maxUntakenBytes ?? MAX_UNTAKEN_BYTES;
    // One that has ended, now or before, would never end again.
    for (const entry of suspects ?? []) if (entry.place === 'ended') suspects?.delete(entry);
    this.#line = new Line({ wire, window, maxUntakenBytes, suspects });
  }

  /** The line has ended. `tell` is given the calls that tell the requests of it. */
  detach(tell: (call: () => void) => void): void {
    this.#line?.end(tell);
    this.#line = undefined;
    this.rest();
  }

  /** Nothing has to be looked at again. */
  rest(): void {
    this.#pacer?.rest();
  }

  /** Whether this one, whose turn it is, may go, but for the rate. */
  lets(entry: Entry): boolean {
    const line = this.#line;
    if (line === undefined || !entry.isAccepted || !this.gate.lets(entry)) return false;
    // Whoever asked to be told of room comes first, or a busy line would never have any.
    const isKeptFree = !this.#asking.isEmpty && line.takesRequests(this.gate.flow);
    return !isKeptFree && line.hasSlot(entry.message.qos, this.gate.flow);
  }

  /** Whether the rate lets this message go now; if not, it is looked at again when it may. */
  allows(message: OutgoingMessage): boolean {
    return this.#pacer?.allows(message) ?? true;
  }

  /** Gives an entry to the wire, which may answer inside of the call. What the wire throws is thrown; then it is used no more. */
  send(entry: Entry, answered: (entry: Entry, error?: IotError) => void): void {
    const { message } = entry;
    this.#use(message, (line) => line.send(message, entry, answered));
  }

  /** An entry has left the list. */
  left(entry: Entry): void {
    this.#line?.suspects?.delete(entry);
    this.gate.left();
  }

  /** Whether this message may pass all that waits. */
  hasRoomFor(message: OutgoingMessage): boolean {
    const line = this.#line;
    if (line === undefined || !line.takesRequests(this.gate.flow)) return false;
    return line.hasSlot(message.qos, this.gate.flow) && this.allows(message);
  }

  /** Gives a message to the wire that is in no list. Throws as `send` does. */
  request(message: OutgoingMessage, observer: EndObserver, tell: (call: () => void) => void): void {
    this.#use(message, (line) => line.request(message, observer, tell));
  }

  /** Notes who is to be told when there is room for this message. The result takes it back. */
  ask(message: OutgoingMessage, callback: () => void): () => boolean {
    return this.#asking.add(message, callback);
  }

  /** Who is to be told that there is room. */
  nextAsking(): (() => void) | undefined {
    return this.#asking.takeIf((message) => this.hasRoomFor(message));
  }

  #use(message: OutgoingMessage, write: (line: Line) => void): void {
    const line = this.#line;
    if (line === undefined) return;
    this.#pacer?.sent(message);
    try {
      write(line);
    } catch (error) {
      line.isStopped = true;
      throw error;
    }
  }
}
