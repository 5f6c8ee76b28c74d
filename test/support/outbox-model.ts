import type { Flow } from '../../src/protocol/flow.ts';
import type { QoS } from '../../src/protocol/message.ts';
import type { QueueLimits, RateLimit } from '../../src/protocol/queue-limits.ts';

export interface ModelOptions extends QueueLimits {
  enabled: boolean;
  window: number;
  maxUntakenBytes: number;
  /** Whether a journal has to keep what is QoS 1. */
  journaled: boolean;
  rate: RateLimit | undefined;
}

/** What is written, and of what size. */
interface ModelMessage {
  id: string;
  qos: QoS;
  bytes: number;
}

interface ModelEntry extends ModelMessage {
  place: 'inFlight' | 'toResend' | 'waiting';
  writes: number;
  announced: boolean;
  /** Whether the journal has it, or need not have it. */
  accepted: boolean;
  /** Whether the journal was asked to keep it, and has not refused. */
  journaled: boolean;
  expiresAt: number;
  born: number;
  /** Whether it was added on a live line: then it makes nobody go, whenever it is kept. */
  wasOpen: boolean;
}

/** A wire of the model: whether it takes QoS 0 within the call, and whose answer is still to come. */
interface ModelLine {
  window: number;
  takesAtOnce: boolean;
  open: Map<string, ModelMessage>;
  /** Which of these are requests. */
  requests: Set<string>;
  /** The publishes over which the broker may close it; undefined on an ordinary line. */
  suspects: readonly string[] | undefined;
}

/** Whatever happens by itself happens at a multiple of this. */
export const STEP_MS = 10;

/**
 * The outbox as plainly as it can be said: one array in the order of the calls, searched from the front each time.
 * `writes` is what the wire saw, `told` what the observers heard, `released` what the journal may forget. Times are in steps
 * of {@link STEP_MS}.
 */
export class OutboxModel {
  readonly writes: string[] = [];
  readonly told: string[] = [];
  /** What each line left open that was detached. */
  readonly left: string[] = [];
  readonly released: string[] = [];
  joined = 0;
  #entries: ModelEntry[] = [];
  /** Requests that wait for room. */
  #asking: ModelMessage[] = [];
  /** When, and how much. */
  readonly #sends: { at: number; bytes: number }[] = [];
  #line: ModelLine | undefined;
  #flow: Flow = 'closed';
  #released = 0;
  #now = 0;
  #born = 0;
  #closed = false;
  readonly #options: ModelOptions;

  constructor(options: ModelOptions) {
    this.#options = { ...options };
  }

  /** Everything in its order: `id place`. */
  get entries(): string {
    return this.#entries.map(({ id, place }) => `${id} ${place}`).join();
  }

  set limits(limits: QueueLimits) {
    Object.assign(this.#options, limits);
  }

  count(place: ModelEntry['place']): number {
    return this.#entries.filter((entry) => entry.place === place).length;
  }

  get bytes(): number {
    return sum(this.#waiting());
  }

  get backlog(): number {
    return this.count('waiting') - this.#released;
  }

  /** The code that `add` throws, or undefined. */
  add(id: string, qos: QoS, bytes: number, expiresInMs = Number.POSITIVE_INFINITY): string | undefined {
    const { enabled, maxBytes, overflow } = this.#options;
    const maxMessages = this.#isOpen() ? Number.POSITIVE_INFINITY : this.#options.maxMessages;
    if (this.#closed) return 'CLOSED';
    if (!enabled && !this.#isOpen()) return 'NOT_CONNECTED';
    const entry: ModelEntry = {
      id,
      qos,
      bytes,
      place: 'waiting',
      writes: 0,
      announced: false,
      accepted: !this.#options.journaled || qos === 0,
      journaled: this.#options.journaled && qos === 1,
      expiresAt: this.#now + expiresInMs,
      born: this.#born++,
      wasOpen: this.#isOpen(),
    };
    const atOnce =
      this.#isOpen() && this.count('waiting') + this.count('toResend') === 0 && this.#mayGoNow(entry);
    if (!atOnce) {
      const canMakeRoom = overflow === 'dropOldest' && maxMessages >= 1 && bytes <= maxBytes;
      const isFull = this.count('waiting') >= maxMessages || this.bytes + bytes > maxBytes;
      if (isFull && !canMakeRoom) return 'QUEUE_FULL';
      this.#evictFor(entry);
    }
    this.#entries.push(entry);
    if (!this.#isOpen()) this.#announce(entry);
    this.#pump();
    return undefined;
  }

  /** The journal has it, or says why not. */
  kept(id: string, rejection?: string): void {
    const entry = this.#entries.find((each) => each.id === id);
    if (entry === undefined) return;
    entry.accepted = rejection === undefined;
    if (rejection !== undefined) {
      entry.journaled = false;
      this.#finish(entry, rejection);
    } else {
      this.#evictFor(entry);
      if (entry.announced && this.#entries.includes(entry)) this.told.push(`queued ${id}`);
    }
    this.#pump();
  }

  /**
   * What the journal does not have yet makes way for its like alone; what waits since it was allowed to, only for as much as
   * comes.
   */
  #evictFor(entry: ModelEntry): void {
    const { maxMessages, maxBytes, overflow } = this.#options;
    if (overflow === 'dropNewest') return;
    const alike = () => this.#waiting().filter(({ accepted }) => accepted === entry.accepted);
    const others = () => alike().filter((other) => other !== entry);
    const most = {
      messages: Math.max(
        this.#isOpen() || entry.wasOpen ? Number.POSITIVE_INFINITY : maxMessages,
        others().length,
      ),
      bytes: Math.max(maxBytes, sum(others())),
    };
    while (others().length >= most.messages || sum(others()) + entry.bytes > most.bytes) {
      const [oldest] = alike();
      if (oldest === undefined) return;
      this.#finish(oldest, 'QUEUE_EVICTED', oldest.writes > 0);
      if (oldest === entry) return;
    }
  }

  /** An earlier process left these, and may have sent them. */
  recover(found: readonly { id: string; bytes: number; expiresInMs: number }[]): void {
    if (this.#closed) return;
    const recovered = found.map(({ id, bytes, expiresInMs }): ModelEntry => {
      const expiresAt = this.#now + expiresInMs;
      const stored = { journaled: true, accepted: true, announced: true, writes: 1, wasOpen: false };
      return { id, qos: 1, bytes, place: 'waiting', expiresAt, born: this.#born++, ...stored };
    });
    const others = this.#entries.filter(({ place }) => place !== 'waiting');
    this.#entries = [...others, ...recovered, ...this.#waiting()];
    this.#pump();
  }

  /** Whether it was written. */
  request(request: ModelMessage): boolean {
    if (!this.#hasRoomFor(request)) return false;
    this.#writeRequest(request);
    this.#pump();
    return true;
  }

  /** It is written as soon as there is room. */
  requestLater(request: ModelMessage): void {
    this.#asking.push(request);
    this.#pump();
  }

  forgetRequest(id: string): void {
    this.#asking = this.#asking.filter((each) => each.id !== id);
    this.#pump();
  }

  end(id: string): void {
    const entry = this.#entries.find((each) => each.id === id);
    if (entry !== undefined) this.#finish(entry, 'TIMEOUT', entry.writes > 0);
    this.#pump();
  }

  attach(receiveMaximum: number, takesAtOnce: boolean, suspects?: readonly string[]): void {
    this.#dropLine();
    const window = Math.min(this.#options.window, receiveMaximum);
    this.#line = { window, takesAtOnce, open: new Map(), requests: new Set(), suspects };
    this.#pump();
  }

  detach(): void {
    this.left.push(this.#dropLine());
  }

  /** What had no PUBACK, as a list. */
  #dropLine(): string {
    const wasOpen = this.#isOpen();
    const open = this.#entries.filter(({ place, qos }) => place === 'inFlight' && qos === 1);
    for (const id of this.#line?.requests ?? [])
      this.told.push(`failed ${id} CONNECTION_LOST outcomeUnknown`);
    this.#line = undefined;
    for (const entry of this.#entries.filter((each) => each.place === 'inFlight')) {
      entry.place = 'toResend';
      if (entry.qos === 0) this.#finish(entry);
      else if (entry.expiresAt <= this.#now) this.#finish(entry, 'MESSAGE_EXPIRED', true);
      else this.#announce(entry);
    }
    if (wasOpen) this.#waiting().map((entry) => this.#announce(entry));
    return open.map(({ id }) => id).join();
  }

  /** The wire of the line that is attached answers; answers of older ones never come here. */
  answer(id: string, refusal?: string): void {
    this.#line?.open.delete(id);
    if (this.#line?.requests.delete(id)) this.#tellEnd(id, refusal, false);
    const entry = this.#entries.find((each) => each.id === id);
    if (entry !== undefined) this.#finish(entry, refusal, entry.writes > 1);
    this.#pump();
  }

  setFlow(flow: Flow): void {
    const wasOpen = this.#isOpen();
    this.#flow = flow;
    if (flow !== 'paced') this.#released = 0;
    if (wasOpen && !this.#isOpen()) this.#waiting().map((entry) => this.#announce(entry));
    this.#pump();
  }

  release(count: number): void {
    if (this.#flow === 'paced') this.#released = Math.min(this.#released + count, this.count('waiting'));
    this.#pump();
  }

  advance(durationMs: number): void {
    const until = this.#now + durationMs;
    this.#expire();
    while (this.#now < until) {
      this.#now += STEP_MS;
      this.#expire();
    }
  }

  /** In the order in which they came: those that were recovered have overtaken others. */
  #expire(): void {
    const isDue = ({ expiresAt, place }: ModelEntry) => expiresAt <= this.#now && place !== 'inFlight';
    for (const entry of this.#entries.filter(isDue).sort((a, b) => a.born - b.born)) {
      if (!this.#entries.includes(entry)) continue;
      this.#finish(entry, 'MESSAGE_EXPIRED', entry.writes > 0);
      this.#pump();
    }
    this.#pump();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const entry of [...this.#entries]) {
      if (entry.journaled && entry.accepted) this.#announce(entry);
      this.#finish(entry, 'CLOSED', entry.writes > 0 || (entry.journaled && entry.accepted));
    }
    this.#pump();
  }

  /** Whoever asked for room comes first, where requests may go at all. */
  #pump(): void {
    for (;;) {
      const [asking] = this.#asking;
      if (asking !== undefined && this.#takesRequests()) {
        if (!this.#hasRoomFor(asking)) return;
        this.#asking.shift();
        this.told.push(`room ${asking.id}`);
        this.#writeRequest(asking);
      } else if (!this.#pumpEntry()) return;
    }
  }

  /** Writes the next entry or ends it, or does nothing. */
  #pumpEntry(): boolean {
    const entry = this.#entries.find((each) => each.place !== 'inFlight');
    if (entry === undefined || this.#line === undefined || !this.#hasSlot(entry.qos)) return false;
    if (entry.place === 'waiting' && this.#flow !== 'free' && this.#released === 0) return false;
    if (!entry.accepted) return false;
    if (entry.expiresAt <= this.#now) {
      this.#finish(entry, 'MESSAGE_EXPIRED', entry.writes > 0);
      return true;
    }
    if (!this.#allows(entry.bytes)) return false;
    if (entry.place === 'waiting' && this.#flow === 'paced') this.#released--;
    entry.place = 'inFlight';
    entry.writes++;
    this.#write(entry);
    if (entry.qos === 0 && this.#line.takesAtOnce) this.#finish(entry);
    else this.#line.open.set(entry.id, entry);
    return true;
  }

  #writeRequest({ id, qos, bytes }: ModelMessage): void {
    this.#write({ id, qos, bytes });
    if (qos === 0 && this.#line?.takesAtOnce) {
      this.#tellEnd(id);
      return;
    }
    this.#line?.requests.add(id);
    this.#line?.open.set(id, { id, qos, bytes });
  }

  #write({ id, bytes }: ModelMessage): void {
    this.writes.push(id);
    this.#sends.push({ at: this.#now, bytes });
  }

  /** At most so many and so much in a second, and a tenth as many in a tenth; one that is too large goes alone. */
  #allows(bytes: number): boolean {
    const { rate } = this.#options;
    if (rate === undefined) return true;
    const since = (durationMs: number) => this.#sends.filter(({ at }) => this.#now - at < durationMs);
    if (since(100).length >= Math.ceil(rate.publishesPerSecond / 10)) return false;
    const second = since(1_000);
    const isMore = sum(second) + bytes > rate.bytesPerSecond;
    return second.length === 0 || (second.length < rate.publishesPerSecond && !isMore);
  }

  #mayGoNow({ qos, bytes, accepted }: ModelEntry): boolean {
    const isHeld = this.#asking.length > 0 && this.#takesRequests();
    return accepted && !isHeld && this.#hasSlot(qos) && this.#allows(bytes);
  }

  #hasRoomFor({ qos, bytes }: ModelMessage): boolean {
    return this.#takesRequests() && this.#hasSlot(qos) && this.#allows(bytes);
  }

  /** On a line that finds out who closes it only after that. */
  #takesRequests(): boolean {
    const suspects = this.#line?.suspects;
    if (this.#line === undefined || suspects === undefined) return this.#line !== undefined;
    return this.#flow !== 'closed' && !this.#entries.some(({ id }) => suspects.includes(id));
  }

  #finish(entry: ModelEntry, code?: string, unknown = false): void {
    this.#entries = this.#entries.filter((each) => each !== entry);
    this.#released = Math.min(this.#released, this.count('waiting'));
    // Refused by the store, or ended before it was asked: it never was one more that waits.
    if (!entry.accepted && entry.announced) this.joined--;
    if (entry.journaled && !(this.#closed && entry.accepted)) this.released.push(entry.id);
    this.#tellEnd(entry.id, code, unknown);
  }

  #tellEnd(id: string, code?: string, unknown = false): void {
    if (code === undefined) this.told.push(`delivered ${id}`);
    else this.told.push(`failed ${id} ${code}${unknown ? ' outcomeUnknown' : ''}`);
  }

  #announce(entry: ModelEntry): void {
    if (entry.announced) return;
    entry.announced = true;
    if (entry.place === 'waiting') this.joined++;
    if (entry.accepted) this.told.push(`queued ${entry.id}`);
  }

  #waiting(): ModelEntry[] {
    return this.#entries.filter((entry) => entry.place === 'waiting');
  }

  #isOpen(): boolean {
    return this.#line !== undefined && this.#flow === 'free';
  }

  #hasSlot(qos: QoS): boolean {
    if (this.#line === undefined || !this.#mayTry(this.#line)) return false;
    const open = [...this.#line.open.values()].filter((each) => each.qos === qos);
    if (qos === 1) return open.length < this.#line.window;
    return sum(open) < this.#options.maxUntakenBytes;
  }

  /** Whether nothing is in flight, and nothing can be resent. */
  get isFlushed(): boolean {
    const isHeld = this.#line?.suspects !== undefined && this.#flow === 'closed';
    return this.count('inFlight') === 0 && (isHeld || this.count('toResend') === 0);
  }

  /** Suspects go one at a time, with nothing beside them, and not before the flow opens. */
  #mayTry({ open, suspects }: ModelLine): boolean {
    if (suspects === undefined) return true;
    if (this.#flow === 'closed') return false;
    const isOneLeft = this.#entries.some(({ id }) => suspects.includes(id));
    return !isOneLeft || ![...open.values()].some(({ qos }) => qos === 1);
  }
}

function sum(sizes: readonly { bytes: number }[]): number {
  return sizes.reduce((total, { bytes }) => total + bytes, 0);
}
