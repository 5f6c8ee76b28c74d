import { MAX_DELAY_MS } from '../protocol/clock.ts';
import type { IotError } from '../protocol/errors.ts';
import type { Flow, FlowPort } from '../protocol/flow.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import type { Wire } from '../protocol/transport.ts';
import {
  closedError,
  evictedError,
  expiredError,
  notConnectedError,
  queueFullError,
  wireFailedError,
  withOutcome,
} from './endings.ts';
import { type DeliveryObserver, Entry, type Line, sizeOf } from './entry.ts';
import { EntryList } from './entry-list.ts';
import type { AddOptions, OutboxOptions } from './outbox-options.ts';

/** Eight of the largest publishes that AWS takes: more than a socket takes at a time, and little for a device's memory. */
const MAX_UNTAKEN_BYTES = 8 * AWS_LIMITS.payloadBytes;

/**
 * The one place where messages wait. A message that was added is delivered, or its observer is told why not.
 *
 * It keeps one order, `[in flight | to resend | waiting]`. While a {@link Wire} is attached and its window has room, it
 * writes what is to be resent, whatever the flow is, and then what waits: all while the flow is `free`, what was
 * released while it is `paced`. Suspects, publishes over which the broker may close the line, go one at a time. QoS 0 needs
 * no slot of the window, but a socket that takes it: while the wire holds too much that is untaken, it waits, and QoS 1
 * behind it too, because nothing overtakes. An entry ends when it is delivered, refused, evicted, expired, ended by its
 * caller, or by `close`; nothing else removes it.
 *
 * Each command runs to its end before any observer hears of it: first the writes, then the calls, in order, one at a
 * time. The flow is `closed` at first.
 */
export class Outbox implements FlowPort {
  readonly #options: OutboxOptions;
  readonly #list = new EntryList();
  #line: Line | undefined;
  #flow: Flow = 'closed';
  /** How many of the waiting entries were released and not yet written. Never more than wait. */
  #released = 0;
  #joined = 0;
  #closedBy: IotError | undefined;
  #notices: (() => void)[] = [];
  readonly #flushWaiters = new Set<{ readonly callback: () => void }>();
  #isWriting = false;
  #isTelling = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Entries that wait for their first write. */
  get waiting(): number {
    return this.#list.waiting;
  }

  /** Entries that are on the wire and not ended. */
  get inFlight(): number {
    return this.#list.inFlight;
  }

  /** Entries that were in flight when a line ended. */
  get toResend(): number {
    return this.#list.toResend;
  }

  /** Bytes that wait: what `maxBytes` bounds. */
  get bytes(): number {
    return this.#list.waitingBytes;
  }

  get backlog(): number {
    return this.#list.waiting - this.#released;
  }

  get joined(): number {
    return this.#joined;
  }

  /**
   * Accepts a message: from here on its observer will hear its end. Its place among the others is fixed now.
   * @throws IotError `CLOSED`, `NOT_CONNECTED` (queueing is off and there is no live line), `QUEUE_FULL`; then nothing
   * was added, nothing evicted, and the observer hears nothing.
   */
  add(message: OutgoingMessage, observer: DeliveryObserver, options?: AddOptions): Entry {
    if (this.#closedBy !== undefined) throw closedError(this.#closedBy);
    if (!this.#options.enabled && !this.#isOpen()) throw notConnectedError();
    const entry = new Entry(message, observer);
    if (!this.#goesAtOnce(entry)) this.#makeRoom(entry);
    this.#list.append(entry);
    if (!this.#isOpen()) this.#announce(entry);
    if (options?.expiresInMs !== undefined) {
      entry.expiresAt = this.#options.clock.now() + options.expiresInMs;
      this.#armExpiry(entry);
    }
    this.#settle();
    return entry;
  }

  /**
   * The caller's own end of a message: abort or deadline. Its observer gets `error`, with `outcomeUnknown` when it was
   * ever written; it is not sent again, and on the wire it keeps its slot until its PUBACK. Does nothing after its end.
   */
  end(entry: Entry, error: IotError): void {
    if (entry.place === 'ended') return;
    this.#finish(entry, withOutcome(error, entry.writes > 0));
    this.#settle();
  }

  /**
   * Writes to this wire from now on, until `detach`.
   *
   * @param suspects present when it has to be found out who closes the lines: then nothing is sent before the flow opens,
   * and while any of these is left they go one at a time, with nothing beside them. Each that ends is taken out of the set.
   */
  attach(wire: Wire, suspects?: Set<Entry>): void {
    this.#dropLine();
    const window = Math.min(this.#options.window ?? AWS_LIMITS.unacknowledgedPublishes, wire.receiveMaximum);
    const untakenRoom = this.#options.maxUntakenBytes ?? MAX_UNTAKEN_BYTES;
    // One that has ended, now or before, would never end again.
    for (const entry of suspects ?? []) if (entry.place === 'ended') suspects?.delete(entry);
    this.#line = { wire, window, slots: window, suspects, untakenRoom, stopped: false };
    this.#settle();
  }

  /**
   * The line has ended. What was in flight is to be resent, in its order and before all that waits; QoS 0 ends as
   * delivered, taken by the socket or not, and what expired meanwhile as expired. Every observer that still counted on the
   * line hears `queued`.
   *
   * @returns the QoS 1 messages that had no PUBACK
   */
  detach(): readonly Entry[] {
    const unacknowledged = this.#dropLine();
    this.#settle();
    return unacknowledged;
  }

  setFlow(flow: Flow): void {
    const wasOpen = this.#isOpen();
    this.#flow = flow;
    if (flow !== 'paced') this.#released = 0;
    if (wasOpen && !this.#isOpen()) this.#announceWaiting();
    this.#settle();
  }

  /** Only what waits now can be released; a release that finds nothing is not kept for later messages. */
  release(count: number): void {
    if (this.#flow !== 'paced') return;
    this.#released = Math.min(this.#released + count, this.#list.waiting);
    this.#settle();
  }

  /** Ends everything that is left with `error`, in order. Nothing can be added afterwards; calling it twice is harmless. */
  close(error: IotError): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = error;
    for (let entry = this.#list.first; entry !== undefined; entry = this.#list.first) {
      this.#finish(entry, withOutcome(error, entry.writes > 0));
    }
    this.#settle();
  }

  /** Calls back once nothing is in flight or can be resent; at once when that is so. The result takes the request back. */
  onFlushed(callback: () => void): () => void {
    const waiter = { callback };
    this.#flushWaiters.add(waiter);
    this.#tellAll();
    return () => {
      this.#flushWaiters.delete(waiter);
    };
  }

  /** Whether a message may go as soon as the window has room. */
  #isOpen(): boolean {
    return this.#line !== undefined && this.#flow === 'free';
  }

  #goesAtOnce(entry: Entry): boolean {
    return this.#isOpen() && !this.#isWriting && this.#list.next === undefined && this.#hasSlot(entry);
  }

  /** Nothing acknowledges QoS 0: what makes room for it is that the socket takes what is before it. */
  #hasSlot(entry: Entry): boolean {
    const line = this.#line;
    if (line === undefined || line.stopped) return false;
    if (line.suspects !== undefined && !this.#mayTry(line, line.suspects)) return false;
    return (entry.message.qos === 0 ? line.untakenRoom : line.slots) > 0;
  }

  /** On a line that finds out who closes it: not before its subscriptions are settled, and suspects only alone. */
  #mayTry({ window, slots }: Line, suspects: ReadonlySet<Entry>): boolean {
    if (this.#flow === 'closed') return false;
    return suspects.size === 0 || slots === window;
  }

  /** Throws, or evicts what must go so that the entry may wait. */
  #makeRoom(entry: Entry): void {
    const { maxBytes, overflow } = this.#options;
    const maxMessages = this.#isOpen() ? Number.POSITIVE_INFINITY : this.#options.maxMessages;
    entry.bytes = sizeOf(entry.message);
    const fits = () => this.#list.waiting < maxMessages && this.#list.waitingBytes + entry.bytes <= maxBytes;
    if (fits()) return;
    if (overflow === 'dropNewest' || maxMessages < 1 || entry.bytes > maxBytes) throw queueFullError();
    while (!fits()) {
      const oldest = this.#list.firstWaiting;
      if (oldest === undefined) return;
      this.#finish(oldest, evictedError());
    }
  }

  /** Writes and tells until there is nothing to do. From inside of a write or a call the outer one goes on with it. */
  #settle(): void {
    this.#writeAll();
    this.#tellAll();
  }

  #writeAll(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    for (let entry = this.#nextToWrite(); entry !== undefined; entry = this.#nextToWrite()) {
      if (this.#isExpired(entry)) this.#finish(entry, expiredError(entry));
      else this.#write(entry);
    }
    this.#isWriting = false;
  }

  #nextToWrite(): Entry | undefined {
    const entry = this.#list.next;
    if (entry === undefined || !this.#hasSlot(entry)) return undefined;
    if (entry.place === 'waiting' && this.#flow !== 'free' && this.#released === 0) return undefined;
    return entry;
  }

  /** All books are kept before the wire is called: it may answer, or end, inside of the call. */
  #write(entry: Entry): void {
    const line = this.#line;
    if (line === undefined) return;
    if (entry.place === 'waiting' && this.#released > 0) this.#released--;
    this.#list.advance();
    entry.writes++;
    entry.line = line;
    if (entry.message.qos === 1) line.slots--;
    try {
      line.wire.publish(entry.message, (error) => this.#answered(entry, line, error));
      // Sizes cost time: most are taken within the call, and never measured.
      if (entry.message.qos === 0 && entry.line === line) this.#countUntaken(entry, line);
    } catch (error) {
      this.#wireThrew(entry, line, error);
    }
  }

  #countUntaken(entry: Entry, line: Line): void {
    entry.untakenBytes = entry.bytes === 0 ? sizeOf(entry.message) : entry.bytes;
    line.untakenRoom -= entry.untakenBytes;
  }

  /** The wire's answer counts once, and only for the line that it was written to. */
  #answered(entry: Entry, line: Line, error: IotError | undefined): void {
    if (entry.line !== line) return;
    entry.line = undefined;
    if (entry.message.qos === 1) line.slots++;
    else if (entry.untakenBytes > 0) line.untakenRoom += entry.untakenBytes;
    // Refused now, but an earlier line may have carried it: only then the outcome is unknown.
    if (entry.place === 'inFlight') this.#finish(entry, error && withOutcome(error, entry.writes > 1));
    this.#settle();
  }

  /**
   * A wire that throws is about to end. QoS 1 stays in flight, so that `detach` makes it to be resent; QoS 0 can be
   * neither resent (it might arrive twice) nor called delivered, so it fails.
   */
  #wireThrew(entry: Entry, line: Line, cause: unknown): void {
    line.stopped = true;
    this.#report(cause);
    if (entry.message.qos === 0 && entry.line === line && entry.place === 'inFlight') {
      this.#finish(entry, wireFailedError(cause));
    }
  }

  #dropLine(): Entry[] {
    const wasOpen = this.#isOpen();
    const unacknowledged: Entry[] = [];
    this.#line = undefined;
    for (let entry = this.#list.first; entry?.place === 'inFlight'; ) {
      const next: Entry | undefined = entry.next;
      if (entry.message.qos === 1) unacknowledged.push(entry);
      this.#loseLine(entry);
      entry = next;
    }
    this.#list.rewind();
    if (wasOpen) this.#announceWaiting();
    return unacknowledged;
  }

  #loseLine(entry: Entry): void {
    entry.line = undefined;
    if (entry.message.qos === 0) this.#finish(entry, undefined);
    else if (this.#isExpired(entry)) this.#finish(entry, expiredError(entry));
    else this.#announce(entry);
  }

  #armExpiry(entry: Entry): void {
    const { clock } = this.#options;
    const delay = Math.min(entry.expiresAt - clock.now(), MAX_DELAY_MS);
    entry.timer = clock.setTimeout(() => this.#expiryTimer(entry), delay);
  }

  #expiryTimer(entry: Entry): void {
    entry.timer = undefined;
    if (!this.#isExpired(entry)) {
      this.#armExpiry(entry);
    } else if (entry.place !== 'inFlight') {
      // In flight the PUBACK decides, or `detach`, which looks at the time itself.
      this.#finish(entry, expiredError(entry));
      this.#settle();
    }
  }

  #isExpired(entry: Entry): boolean {
    return entry.expiresAt !== Number.POSITIVE_INFINITY && entry.expiresAt <= this.#options.clock.now();
  }

  /** The only way out of the list. Without an error the message was delivered. */
  #finish(entry: Entry, error: IotError | undefined): void {
    const { observer } = entry;
    this.#list.remove(entry);
    this.#line?.suspects?.delete(entry);
    if (this.#released > this.#list.waiting) this.#released = this.#list.waiting;
    if (entry.timer !== undefined) this.#options.clock.clearTimeout(entry.timer);
    entry.timer = undefined;
    this.#notices.push(error === undefined ? () => observer.delivered() : () => observer.failed(error));
  }

  #announceWaiting(): void {
    for (let entry = this.#list.firstWaiting; entry !== undefined; entry = entry.next) this.#announce(entry);
  }

  #announce(entry: Entry): void {
    if (entry.announced) return;
    entry.announced = true;
    if (entry.place === 'waiting') this.#joined++;
    const { observer } = entry;
    this.#notices.push(() => observer.queued());
  }

  #tellAll(): void {
    if (this.#isWriting || this.#isTelling) return;
    this.#isTelling = true;
    for (let batch = this.#takeNotices(); batch.length > 0; batch = this.#takeNotices()) {
      for (const tell of batch) this.#contain(tell);
    }
    this.#isTelling = false;
  }

  /** What is to be told next: all that is noted or, when nothing is, one flush callback that has come true. */
  #takeNotices(): readonly (() => void)[] {
    if (this.#notices.length > 0) {
      const notices = this.#notices;
      this.#notices = [];
      return notices;
    }
    if (this.#flushWaiters.size === 0 || !this.#isFlushed()) return NO_NOTICES;
    const [waiter] = this.#flushWaiters;
    if (waiter === undefined) return NO_NOTICES;
    this.#flushWaiters.delete(waiter);
    return [waiter.callback];
  }

  /** What is to be resent is not waited for on a line that finds out who closes it: a closed flow holds it back there. */
  #isFlushed(): boolean {
    const isHeld = this.#line?.suspects !== undefined && this.#flow === 'closed';
    return this.#list.inFlight === 0 && (isHeld || this.#list.toResend === 0);
  }

  #contain(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    const { reportError } = this.#options;
    queueMicrotask(() => {
      if (reportError === undefined) throw error;
      reportError(error);
    });
  }
}

const NO_NOTICES: readonly (() => void)[] = [];
