import type { IotError } from '../protocol/errors.ts';
import type { Flow, FlowPort } from '../protocol/flow.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import type { QueueLimits } from '../protocol/queue-limits.ts';
import type { Wire } from '../protocol/transport.ts';
import {
  closedError,
  evictedError,
  expiredError,
  leftError,
  notConnectedError,
  wireFailedError,
  withOutcome,
} from './endings.ts';
import { type DeliveryObserver, type EndObserver, Entry, sizeOf } from './entry.ts';
import { EntryList } from './entry-list.ts';
import { Expiry } from './expiry.ts';
import type { Kept } from './journal.ts';
import { Notices } from './notices.ts';
import type { AddOptions, OutboxOptions } from './outbox-options.ts';
import { Outlet } from './outlet.ts';
import { Room } from './room.ts';
import { Waiters } from './waiters.ts';

/**
 * The one place where messages wait. A message that was added is delivered, or its observer is told why not.
 *
 * It keeps one order, `[in flight | to resend | waiting]`. While a {@link Wire} is attached and its window has room, it
 * writes what is to be resent, whatever the flow is, and then what waits: all while the flow is `free`, what was
 * released while it is `paced`. Suspects, publishes over which the broker may close the line, go one at a time. QoS 0 needs
 * no slot of the window, but a socket that takes it: while the wire holds too much that is untaken, it waits. So does QoS 1
 * until the journal has it, if there is one; and everything while the rate is used up. Nothing overtakes what waits, but for
 * requests. An entry ends when it is delivered, refused, evicted, expired, ended by its caller, or by `close`; nothing else
 * removes it.
 *
 * Each command runs to its end before any observer hears of it: first the writes, then the calls, in order, one at a
 * time. The flow is `closed` at first.
 */
export class Outbox implements FlowPort {
  readonly #options: OutboxOptions;
  readonly #expiry: Expiry;
  readonly #list = new EntryList();
  readonly #outlet: Outlet;
  readonly #room: Room;
  readonly #notices: Notices;
  #joined = 0;
  #closedBy: IotError | undefined;
  readonly #flushWaiters = new Waiters<undefined>();
  #isWriting = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#room = new Room(options, this.#list);
    this.#outlet = new Outlet(options, this.#list, () => this.#settle());
    this.#expiry = new Expiry(options.clock, (entry) => this.#expired(entry));
    this.#notices = new Notices(options.reportError);
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

  get limits(): QueueLimits {
    return this.#room.limits;
  }

  /** Bounds what is added from now on. What waits already stays, also when it is more. */
  set limits(limits: QueueLimits) {
    this.#room.limits = limits;
  }

  /** All that has not ended, in the order in which it is sent, as it is now. */
  entries(): readonly Entry[] {
    return [...this.#list];
  }

  get backlog(): number {
    return this.#outlet.gate.backlog;
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
    if (!this.#options.enabled && !this.#outlet.isOpen()) throw notConnectedError();
    const entry = new Entry(message, observer);
    entry.isAccepted = this.#options.journal === undefined || message.qos === 0;
    if (!this.#goesAtOnce(entry)) this.#makeRoom(entry);
    this.#list.append(entry);
    if (options?.expiresInMs !== undefined) entry.expiresAt = this.#expiry.after(options.expiresInMs);
    this.#expiry.watch(entry);
    if (!entry.isAccepted) this.#keep(entry);
    if (!this.#outlet.isOpen()) this.#announce(entry);
    this.#settle();
    return entry;
  }

  /**
   * Takes up what an earlier process left in the journal: it waits, before all that was added here, also when it is
   * more than the limits; then there is no room for more.
   *
   * @param observe who hears of its end
   * @param told is called when it waits, and before any of it is written: the flow may have to be paced first
   */
  recover(
    found: readonly Kept[],
    observe: (message: OutgoingMessage) => EndObserver,
    told: () => void = () => undefined,
  ): void {
    // Closed: they stay where they are, for the next process. With nothing found nothing has to be paced.
    if (this.#closedBy !== undefined || found.length === 0) return;
    const entries = found.map((kept) => Entry.recovered(kept, observe(kept.message)));
    this.#list.insertBeforeWaiting(entries);
    for (const entry of entries) this.#expiry.watch(entry);
    told();
    this.#settle();
  }

  /**
   * Writes a message now, past all that waits, if there is a line whose window and whose rate have room for it; it never waits
   * and is never sent again. When the line ends without an answer, its observer hears `CONNECTION_LOST`.
   *
   * @returns whether it was written; if not, nothing is ever heard of it, and `onRoom` tells when to ask again
   */
  request(message: OutgoingMessage, observer: EndObserver): boolean {
    if (this.#isWriting || !this.#outlet.hasRoomFor(message)) return false;
    this.#isWriting = true;
    try {
      this.#outlet.request(message, observer, (call) => {
        this.#notices.note(call);
        this.#settle();
      });
    } catch (error) {
      this.#notices.report(error);
    }
    this.#isWriting = false;
    this.#settle();
    return true;
  }

  /** Calls back once, as soon as this message may be written as a request; what waits lets it pass. The result takes it back. */
  onRoom(message: OutgoingMessage, callback: () => void): () => void {
    const takeBack = this.#outlet.ask(message, callback);
    this.#settle();
    return () => {
      if (takeBack()) this.#settle();
    };
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
    this.#outlet.attach(wire, suspects);
    this.#options.journal?.open();
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
    const wasOpen = this.#outlet.isOpen();
    this.#outlet.gate.flow = flow;
    if (wasOpen && !this.#outlet.isOpen()) this.#announceWaiting();
    this.#settle();
  }

  /** Only what waits now can be released; a release that finds nothing is not kept for later messages. */
  release(count: number): void {
    this.#outlet.gate.release(count);
    this.#settle();
  }

  /**
   * Ends everything that is left with `error`, in order; what the journal has accepted stays there, for the next process.
   * Nothing can be added afterwards; calling it twice is harmless.
   */
  close(error: IotError): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = error;
    this.#outlet.rest();
    const left = leftError(error);
    for (let entry = this.#list.first; entry !== undefined; entry = this.#list.first) {
      const isLeft = entry.kept !== undefined && entry.isAccepted;
      // Its sender hears that it was accepted, if he has heard nothing yet.
      if (isLeft) this.#announce(entry);
      this.#finish(entry, withOutcome(isLeft ? left : error, entry.writes > 0));
    }
    this.#settle();
  }

  /** Calls back once nothing is in flight or can be resent; at once when that is so. The result takes the request back. */
  onFlushed(callback: () => void): () => void {
    const takeBack = this.#flushWaiters.add(undefined, callback);
    this.#tellAll();
    return () => void takeBack();
  }

  #goesAtOnce(entry: Entry): boolean {
    if (!this.#outlet.isOpen() || this.#isWriting || this.#list.next !== undefined) return false;
    return this.#outlet.lets(entry) && this.#outlet.allows(entry.message);
  }

  /** Throws if it may not wait, and evicts those in whose place it does. */
  #makeRoom(entry: Entry): void {
    entry.bytes = sizeOf(entry.message);
    this.#room.check(entry, this.#outlet.isOpen());
    this.#evictFor(entry, { isCounted: false, isOpen: this.#outlet.isOpen() });
  }

  #evictFor(entry: Entry, as: { readonly isCounted: boolean; readonly isOpen: boolean }): void {
    this.#room.evictFor(entry, as, (oldest) => this.#finish(oldest, evictedError(oldest)));
  }

  #keep(entry: Entry): void {
    // What was published on a live line makes nobody go, also when the line is gone before the journal has it.
    const wasOpen = this.#outlet.isOpen();
    this.#room.hold(entry);
    entry.kept = this.#options.journal?.keep(entry.message, entry.expiresAt, (error) => {
      if (entry.place === 'ended') return;
      if (error === undefined) this.#accept(entry, wasOpen);
      else this.#finish(entry, error);
      this.#settle();
    });
  }

  #accept(entry: Entry, wasOpen: boolean): void {
    this.#room.free(entry);
    entry.isAccepted = true;
    this.#evictFor(entry, { isCounted: true, isOpen: wasOpen || this.#outlet.isOpen() });
    if (entry.announced && entry.place !== 'ended') this.#notices.note(() => entry.observer.queued());
  }

  /** It ends before it was accepted: it never was one more that waits. */
  #refuse(entry: Entry): void {
    this.#room.free(entry);
    if (entry.announced) this.#joined--;
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
      if (this.#expiry.isOver(entry)) this.#finish(entry, expiredError(entry));
      else this.#write(entry);
    }
    this.#isWriting = false;
  }

  #nextToWrite(): Entry | undefined {
    const entry = this.#list.next;
    if (entry === undefined || !this.#outlet.lets(entry)) return undefined;
    return this.#expiry.isOver(entry) || this.#outlet.allows(entry.message) ? entry : undefined;
  }

  /**
   * All books are kept before the wire is called: it may answer, or end, inside of the call. One that throws is about to end.
   * QoS 1 stays in flight then, so that `detach` makes it to be resent; QoS 0 can be neither resent (it might arrive twice)
   * nor called delivered, so it fails.
   */
  #write(entry: Entry): void {
    this.#outlet.gate.passes(entry);
    this.#list.advance(entry);
    entry.writes++;
    try {
      this.#outlet.send(entry, this.#answered);
    } catch (cause) {
      this.#notices.report(cause);
      if (entry.message.qos === 0 && entry.place === 'inFlight') this.#finish(entry, wireFailedError(cause));
    }
  }

  readonly #answered = (entry: Entry, error: IotError | undefined): void => {
    // Refused now, but an earlier line may have carried it: only then the outcome is unknown.
    if (entry.place === 'inFlight') this.#finish(entry, error && withOutcome(error, entry.writes > 1));
    this.#settle();
  };

  #dropLine(): Entry[] {
    const wasOpen = this.#outlet.isOpen();
    const unacknowledged: Entry[] = [];
    this.#outlet.detach((call) => this.#notices.note(call));
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
    if (entry.message.qos === 0) this.#finish(entry, undefined);
    else if (this.#expiry.isOver(entry)) this.#finish(entry, expiredError(entry));
    else this.#announce(entry);
  }

  #expired(entry: Entry): void {
    // In flight the PUBACK decides, or `detach`, which looks at the time itself.
    if (entry.place === 'inFlight') return;
    this.#finish(entry, expiredError(entry));
    this.#settle();
  }

  /** The only way out of the list. Without an error the message was delivered. */
  #finish(entry: Entry, error: IotError | undefined): void {
    const { observer } = entry;
    if (!entry.isAccepted) this.#refuse(entry);
    this.#list.remove(entry);
    // Closed: what was accepted stays in the journal, for the next process.
    const isLeft = this.#closedBy !== undefined && entry.isAccepted;
    if (entry.kept !== undefined && !isLeft) this.#options.journal?.release(entry.kept);
    this.#outlet.left(entry);
    this.#expiry.forget(entry);
    this.#notices.note(error === undefined ? () => observer.delivered() : () => observer.failed(error));
  }

  #announceWaiting(): void {
    for (let entry = this.#list.firstWaiting; entry !== undefined; entry = entry.next) this.#announce(entry);
  }

  #announce(entry: Entry): void {
    if (entry.announced) return;
    entry.announced = true;
    if (entry.place === 'waiting') this.#joined++;
    const { observer } = entry;
    // One that is not accepted yet hears of it when it is.
    if (entry.isAccepted) this.#notices.note(() => observer.queued());
  }

  #tellAll(): void {
    if (!this.#isWriting) this.#notices.tellAll(this.#nextWaiter);
  }

  /** Whose turn it is when nothing else is to be told: one that waits for room, or for the end of all that is under way. */
  readonly #nextWaiter = (): (() => void) | undefined => {
    const asking = this.#outlet.nextAsking();
    if (asking === undefined) return this.#flushWaiters.takeIf(() => this.#isFlushed());
    return () => {
      try {
        asking();
      } finally {
        this.#writeAll();
      }
    };
  };

  /** What is to be resent is not waited for on a line that finds out who closes it: a closed flow holds it back there. */
  #isFlushed(): boolean {
    return this.#list.inFlight === 0 && (this.#outlet.isHeld || this.#list.toResend === 0);
  }
}
