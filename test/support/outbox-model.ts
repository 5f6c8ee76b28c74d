import type { Flow } from '../../src/protocol/flow.ts';
import type { QoS } from '../../src/protocol/message.ts';

export interface ModelOptions {
  enabled: boolean;
  maxMessages: number;
  maxBytes: number;
  overflow: 'dropNewest' | 'dropOldest';
  window: number;
  maxUntakenBytes: number;
}

interface ModelEntry {
  id: string;
  qos: QoS;
  bytes: number;
  place: 'inFlight' | 'toResend' | 'waiting';
  writes: number;
  announced: boolean;
  expiresAt: number;
}

/** A wire of the model: whether it takes QoS 0 within the call, and whose answer is still to come. */
interface ModelLine {
  window: number;
  takesAtOnce: boolean;
  open: Map<string, ModelEntry>;
  /** The publishes over which the broker may close it; undefined on an ordinary line. */
  suspects: readonly string[] | undefined;
}

/**
 * The outbox as plainly as it can be said: one array in the order of the calls, searched from the front each time.
 * `writes` is what the wire saw, `told` what the observers heard.
 */
export class OutboxModel {
  readonly writes: string[] = [];
  readonly told: string[] = [];
  /** What each line left open that was detached. */
  readonly left: string[] = [];
  joined = 0;
  #entries: ModelEntry[] = [];
  #line: ModelLine | undefined;
  #flow: Flow = 'closed';
  #released = 0;
  #now = 0;
  #closed = false;
  readonly #options: ModelOptions;

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  count(place: ModelEntry['place']): number {
    return this.#entries.filter((entry) => entry.place === place).length;
  }

  get bytes(): number {
    return this.#waiting().reduce((sum, entry) => sum + entry.bytes, 0);
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
      expiresAt: this.#now + expiresInMs,
    };
    const atOnce =
      this.#isOpen() && this.count('waiting') + this.count('toResend') === 0 && this.#hasSlot(qos);
    // What waits since it was allowed to only makes way for as much as comes.
    const most = {
      messages: Math.max(maxMessages, this.count('waiting')),
      bytes: Math.max(maxBytes, this.bytes),
    };
    const fits = () => this.count('waiting') + 1 <= most.messages && this.bytes + bytes <= most.bytes;
    if (!atOnce && !fits()) {
      if (overflow === 'dropNewest' || maxMessages < 1 || bytes > maxBytes) return 'QUEUE_FULL';
      while (!fits()) this.#finish(this.#waiting()[0] as ModelEntry, 'QUEUE_EVICTED');
    }
    this.#entries.push(entry);
    if (!this.#isOpen()) this.#announce(entry);
    this.#pump();
    return undefined;
  }

  end(id: string): void {
    const entry = this.#entries.find((each) => each.id === id);
    if (entry !== undefined) this.#finish(entry, 'TIMEOUT', entry.writes > 0);
    this.#pump();
  }

  attach(receiveMaximum: number, takesAtOnce: boolean, suspects?: readonly string[]): void {
    this.#dropLine();
    const window = Math.min(this.#options.window, receiveMaximum);
    this.#line = { window, takesAtOnce, open: new Map(), suspects };
    this.#pump();
  }

  detach(): void {
    this.left.push(this.#dropLine());
  }

  /** What had no PUBACK, as a list. */
  #dropLine(): string {
    const wasOpen = this.#isOpen();
    const open = this.#entries.filter(({ place, qos }) => place === 'inFlight' && qos === 1);
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
    const due = this.#entries.filter((entry) => entry.expiresAt <= until);
    for (const entry of due.sort((a, b) => a.expiresAt - b.expiresAt)) {
      this.#now = Math.max(this.#now, entry.expiresAt);
      if (entry.place !== 'inFlight' && this.#entries.includes(entry)) {
        this.#finish(entry, 'MESSAGE_EXPIRED', entry.writes > 0);
      }
      this.#pump();
    }
    this.#now = until;
  }

  close(): void {
    if (!this.#closed)
      for (const entry of [...this.#entries]) this.#finish(entry, 'CLOSED', entry.writes > 0);
    this.#closed = true;
  }

  #pump(): void {
    for (;;) {
      const entry = this.#entries.find((each) => each.place !== 'inFlight');
      if (entry === undefined || this.#line === undefined || !this.#hasSlot(entry.qos)) return;
      if (entry.place === 'waiting' && this.#flow !== 'free' && this.#released === 0) return;
      if (entry.expiresAt <= this.#now) {
        this.#finish(entry, 'MESSAGE_EXPIRED', entry.writes > 0);
        continue;
      }
      if (entry.place === 'waiting' && this.#flow === 'paced') this.#released--;
      entry.place = 'inFlight';
      entry.writes++;
      this.writes.push(entry.id);
      if (entry.qos === 0 && this.#line.takesAtOnce) this.#finish(entry);
      else this.#line.open.set(entry.id, entry);
    }
  }

  #finish(entry: ModelEntry, code?: string, unknown = false): void {
    this.#entries = this.#entries.filter((each) => each !== entry);
    this.#released = Math.min(this.#released, this.count('waiting'));
    if (code === undefined) this.told.push(`delivered ${entry.id}`);
    else this.told.push(`failed ${entry.id} ${code}${unknown ? ' outcomeUnknown' : ''}`);
  }

  #announce(entry: ModelEntry): void {
    if (entry.announced) return;
    entry.announced = true;
    if (entry.place === 'waiting') this.joined++;
    this.told.push(`queued ${entry.id}`);
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
    return open.reduce((sum, each) => sum + each.bytes, 0) < this.#options.maxUntakenBytes;
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
