import type { Clock, Timer } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import type { DurableMessage, DurableStore, OpenStore, StoreChange } from '../protocol/queue-store.ts';
import { EndedRanges } from './ended-ranges.ts';
import { withOutcome } from './endings.ts';
import { encodeMessage } from './record.ts';
import { StoreSurvey } from './store-survey.ts';

/** A store that failed is left alone for so long. */
const REST_MS = 1_000;
/** And is tried again after so long when nobody has asked for it. */
const RETRY_MS = 30_000;
/** A store that does not answer holds up the end for so long. */
const CLOSE_TIMEOUT_MS = 5_000;
/** How much goes into one write, so that the first of a thousand messages does not wait for a hundred thousand. */
const BATCH_PUTS = 1_000;
const BATCH_BYTES = 1_048_576;

export interface JournalOptions {
  readonly store: DurableStore;
  readonly clock: Clock;
  /**
   * What an earlier process left, oldest first, and how many messages cannot be found. At the first opening that succeeds,
   * once, before any `keep` is answered.
   */
  readonly recovered: (found: readonly Kept[], missing: number) => void;
  /** The store cannot be opened or written, once an outage; or it had lost messages when it was opened again. */
  readonly failed: (error: IotError) => void;
}

/** Hears whether a message is kept. */
type Done = (error?: IotError) => void;

/** A message in the journal's hands. For its holder it is a ticket; only the journal reads the rest, and writes to it. */
export class Kept implements DurableMessage {
  readonly message: OutgoingMessage;
  readonly expiresAt: number;
  /** Until it is answered. */
  done: Done | undefined;
  /** Until it is written. */
  record: Uint8Array | undefined = undefined;
  /** 0 before it has one. */
  number = 0;
  /** It was released, or could not be kept. */
  isEnded = false;

  constructor(message: OutgoingMessage, expiresAt: number, done?: Done) {
    this.message = message;
    this.expiresAt = expiresAt;
    this.done = done;
  }
}

/**
 * Keeps messages in a durable store, in their order, until they are released.
 *
 * Each message gets the next number, which is never used again. In the store every number up to the last is, at any time,
 * either a message or in an {@link EndedRanges ended range}, so that what is neither was lost. What is asked for while
 * a write is out goes together into the next one. After a failure the store is closed; when it is opened again, memory is the
 * truth, and the store is made to say the same: a write that failed may have taken place.
 */
export class Journal {
  readonly #options: JournalOptions;
  /** To be written, in this order. */
  readonly #queue = new Set<Kept>();
  /** In the write that is out. */
  #out: Kept[] = [];
  /** What has a number and has not ended. Numbers only grow, so its order is theirs. */
  readonly #live = new Map<number, Kept>();
  #nextNumber = 1;
  /** Both are there while the store is open. */
  #store: OpenStore | undefined;
  #ranges: EndedRanges | undefined;
  #isRecovered = false;
  /** Of no meaning while it is open. */
  #isOpeningWanted = false;
  #lastError: IotError | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;
  #isOutageTold = false;
  #isWorking = false;
  #work: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #retryTimer: Timer;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** Opens the store, if it is not; one that failed only after a rest. For whoever sees a good moment. */
  open(): void {
    if (!this.#mayOpen()) return;
    this.#isOpeningWanted = true;
    this.#wake();
  }

  /**
   * Keeps a message. `done` is called once, in the order of the calls and never inside of this one, unless the message is
   * released or the journal closed before. With an error the message is not kept; the next process may find it all the same
   * when this one ends before it has opened the store again.
   */
  keep(message: OutgoingMessage, expiresAt: number, done: Done): Kept {
    const kept = new Kept(message, expiresAt, done);
    if (this.#isClosed()) return kept;
    if (!this.#mayOpen()) {
      queueMicrotask(() => this.#reject(kept, this.#lastError));
      return kept;
    }
    kept.record = encodeMessage(kept);
    this.#queue.add(kept);
    this.#wake();
    return kept;
  }

  /** The message has ended: it is kept no longer. At any time, also before it was written. Again it does nothing. */
  release(kept: Kept): void {
    if (kept.isEnded) return;
    this.#end(kept);
    if (this.#ranges === undefined || kept.number === 0) return;
    this.#ranges.add(kept.number, kept.number);
    this.#wake();
  }

  /**
   * Writes what was released, gives up what is not yet written (its `done` is not called), and frees the store. What is kept
   * stays in it. Never rejects; a second call is the first one.
   */
  close(): Promise<void> {
    this.#closing ??= this.#bounded(this.#close());
    return this.#closing;
  }

  #isClosed(): boolean {
    return this.#closing !== undefined;
  }

  #mayOpen(): boolean {
    return this.#options.clock.now() >= this.#notBefore;
  }

  #wake(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#work = this.#doAll();
  }

  /** One thing after another until nothing is left to do. Never rejects. */
  async #doAll(): Promise<void> {
    // All that is asked for in this turn goes together.
    await Promise.resolve();
    while (!this.#isClosed() && this.#hasWork()) {
      try {
        if (this.#store === undefined) await this.#openStore();
        else await this.#write(this.#store);
      } catch (cause) {
        await this.#fail(storeError(cause));
      }
    }
    this.#isWorking = false;
  }

  #hasWork(): boolean {
    return this.#queue.size > 0 || (this.#ranges?.isChanged ?? this.#isOpeningWanted);
  }

  async #openStore(): Promise<void> {
    this.#stopRetry();
    const { store, clock } = this.#options;
    const opened = await store.open(clock);
    // Also when reading fails, or the journal is closed meanwhile: whoever closes it closes this.
    this.#store = opened;
    const survey = new StoreSurvey();
    for await (const records of opened.read()) {
      if (this.#isClosed()) return;
      for (const record of records) survey.add(record);
    }
    if (!this.#isClosed()) this.#takeUp(survey);
  }

  /** From here on the store is in use. */
  #takeUp(survey: StoreSurvey): void {
    const lost = this.#isRecovered ? this.#compare(survey) : 0;
    if (!this.#isRecovered) this.#adopt(survey);
    this.#nextNumber = Math.max(this.#nextNumber, survey.top + 1);
    this.#ranges = EndedRanges.around(this.#live.keys(), this.#nextNumber - 1);
    this.#ranges.compareWith(survey.others);
    if (!this.#hasWork()) this.#isOutageTold = false;
    if (lost > 0) this.#tell(() => this.#options.failed(lostError(lost)));
    if (this.#isRecovered) return;
    this.#isRecovered = true;
    const found = [...this.#live.values()];
    this.#tell(() => this.#options.recovered(found, survey.missing));
  }

  /** What an earlier process left is this one's now. */
  #adopt(survey: StoreSurvey): void {
    for (const [number, { message, expiresAt }] of survey.messages) {
      const kept = new Kept(message, expiresAt);
      kept.number = number;
      this.#live.set(number, kept);
    }
  }

  /** What lives here and not there is lost, and written again; what lives there and not here has ended. */
  #compare({ messages, others }: StoreSurvey): number {
    for (const number of messages.keys()) others.set(number, undefined);
    let lost = 0;
    for (const [number, kept] of this.#live) {
      others.delete(number);
      if (messages.has(number)) continue;
      this.#queue.add(kept);
      lost++;
    }
    return lost;
  }

  async #write(store: OpenStore): Promise<void> {
    const changes = this.#ranges?.takeChanges() ?? [];
    this.#takePuts(changes);
    await store.write(changes, { mayLag: this.#out.length === 0 });
    this.#isOutageTold = false;
    const kept = this.#out;
    this.#out = [];
    for (const one of kept) this.#confirm(one);
  }

  #takePuts(changes: StoreChange[]): void {
    let bytes = 0;
    for (const kept of this.#queue) {
      if (this.#out.length === BATCH_PUTS || bytes >= BATCH_BYTES) return;
      this.#queue.delete(kept);
      this.#out.push(kept);
      if (kept.number === 0) kept.number = this.#nextNumber++;
      this.#live.set(kept.number, kept);
      const value = kept.record ?? encodeMessage(kept);
      kept.record = undefined;
      bytes += value.byteLength;
      changes.push({ number: kept.number, value });
    }
  }

  /** What was about to be kept is not. The numbers that it has got end when the store is opened again. */
  async #fail(error: IotError): Promise<void> {
    const store = this.#store;
    const unwritten = [...this.#queue];
    const written = this.#out;
    this.#store = undefined;
    this.#ranges = undefined;
    this.#isOpeningWanted = false;
    this.#out = [];
    this.#queue.clear();
    this.#lastError = error;
    const isHopeless = error.code === 'STORE_INCOMPATIBLE';
    this.#notBefore = isHopeless ? Number.POSITIVE_INFINITY : this.#options.clock.now() + REST_MS;
    if (!this.#isOutageTold) this.#tell(() => this.#options.failed(error));
    this.#isOutageTold = true;
    // What was being written may be found by the next process, if this one does not come to end it there.
    for (const kept of written) this.#reject(kept, withOutcome(error, true));
    for (const kept of unwritten) this.#reject(kept, error);
    if (!isHopeless) this.#retryLater();
    if (store !== undefined) await free(store);
  }

  #retryLater(): void {
    const { clock } = this.#options;
    this.#stopRetry();
    if (this.#isClosed()) return;
    this.#retryTimer = clock.setTimeout(() => this.open(), RETRY_MS);
    clock.unref?.(this.#retryTimer);
  }

  #stopRetry(): void {
    if (this.#retryTimer !== undefined) this.#options.clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
  }

  /** The end of that, or of the patience with it. */
  #bounded(closing: Promise<void>): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, CLOSE_TIMEOUT_MS);
      void closing.then(() => {
        clock.clearTimeout(timer);
        resolve();
      });
    });
  }

  async #close(): Promise<void> {
    this.#stopRetry();
    await this.#work;
    const store = this.#store;
    if (store === undefined) return;
    try {
      if (this.#ranges?.isChanged) await store.write(this.#ranges.takeChanges(), { mayLag: true });
    } catch {
      // Then the next process finds again what was released: it is delivered twice, but not lost.
    }
    await free(store);
  }

  #confirm(kept: Kept): void {
    const { done } = kept;
    kept.done = undefined;
    if (done !== undefined) this.#tell(done);
  }

  /** Not what was answered before and is only written again: that lives on. */
  #reject(kept: Kept, error: IotError | undefined): void {
    const { done } = kept;
    if (done === undefined) return;
    this.#end(kept);
    this.#tell(() => done(error));
  }

  #end(kept: Kept): void {
    kept.isEnded = true;
    kept.done = undefined;
    kept.record = undefined;
    this.#queue.delete(kept);
    this.#live.delete(kept.number);
  }

  /** What the callee throws is a fault of his, which must not stop the journal: the process hears it. */
  #tell(call: () => void): void {
    if (this.#isClosed()) return;
    try {
      call();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

/** Stores are asked to close without failing; one that does not listen holds up nothing. */
async function free(store: OpenStore): Promise<void> {
  try {
    await store.close();
  } catch {
    // It was given up.
  }
}

function storeError(cause: unknown): IotError {
  if (IotError.is(cause)) return cause;
  return new IotError('STORE_FAILED', 'the store of the queue failed', { cause });
}

function lostError(count: number): IotError {
  return new IotError(
    'STORE_FAILED',
    `${count} messages were missing in the store when it was opened again; they are written to it once more`,
  );
}
