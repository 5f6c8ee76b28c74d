import { IotError } from '../../src/protocol/errors.ts';
import type { DurableStore, OpenStore, StoreChange, StoreRecord } from '../../src/protocol/queue-store.ts';

/** A read is several: one before each piece. */
export type StoreOperation = 'open' | 'read' | 'write' | 'close';

/** How many changes of a write take place although it fails, or although the process dies before it is answered. */
export type Landed = 'none' | 'all' | number;

/** How an operation fails. */
export interface StoreFailure {
  /** Default: an IotError `STORE_FAILED`. */
  readonly error?: unknown;
  /** Of a write. Default `none`. */
  readonly landed?: Landed;
  /** How many operations of this kind succeed before. Default 0. */
  readonly after?: number;
  /** It throws inside of the call, instead of rejecting. */
  readonly throws?: boolean;
}

/** An operation in the hands of a test, which settles it, once. */
export interface HeldOperation {
  readonly operation: StoreOperation;
  /** What a write is to change; empty for all others. */
  readonly changes: readonly StoreChange[];
  succeed(): void;
  fail(failure?: StoreFailure): void;
}

/** Operations settle by themselves, soon; or when the test says so (`held`); or once this function's promise resolves. */
export type StoreMode = 'automatic' | 'manual' | ((operation: StoreOperation) => Promise<unknown>);

/** What outlives a process. */
interface Disk {
  readonly records: Map<number, Uint8Array>;
  owner: MemoryDurableStore | undefined;
}

/**
 * A durable store that is a Map and does what a test wants of it. One object is the store of one process; `nextProcess()`
 * kills that and gives the next one's, on the same disk. What a user of a store may not do is noted in `violations`.
 */
export class MemoryDurableStore implements DurableStore {
  readonly kind = 'durable';
  /** For operations from now on. */
  mode: StoreMode;
  /** How many records a piece of a read has. */
  readSize = 3;
  /** Manual mode: what waits for the test, oldest first. */
  readonly held: HeldOperation[] = [];
  /** Every operation that was begun. */
  readonly operations: StoreOperation[] = [];
  /** The changes of every write that was begun, however it ended. */
  readonly batches: (readonly StoreChange[])[] = [];
  /** What breaks the rules of the port. */
  readonly violations: string[] = [];
  /** Called whenever a write has changed the disk. */
  onLanded: () => void = () => {};
  readonly #disk: Disk;
  readonly #failures: Record<StoreOperation, StoreFailure[]> = { open: [], read: [], write: [], close: [] };
  #writing: readonly StoreChange[] | undefined;
  #isDead = false;

  constructor(mode: StoreMode = 'automatic', disk: Disk = { records: new Map(), owner: undefined }) {
    this.mode = mode;
    this.#disk = disk;
  }

  /** What is on the disk, by ascending number. */
  get records(): readonly StoreRecord[] {
    return [...this.#disk.records]
      .sort(([one], [other]) => one - other)
      .map(([number, value]) => ({ number, value }));
  }

  get isOpen(): boolean {
    return this.#disk.owner === this;
  }

  /** The next operation of this kind fails, and for each further failure one more. */
  failNext(operation: StoreOperation, ...failures: readonly StoreFailure[]): void {
    this.#failures[operation].push(...(failures.length === 0 ? [{}] : failures));
  }

  /** The disk loses these records. */
  lose(...numbers: readonly number[]): void {
    for (const number of numbers) this.#disk.records.delete(number);
  }

  /** The disk has this record, instead of what it had. */
  plant(number: number, value: Uint8Array): void {
    this.#disk.records.set(number, value.slice());
  }

  /** Manual mode: the oldest held operation. Throws when there is none. */
  get next(): HeldOperation {
    const [operation] = this.held;
    if (operation === undefined) throw new Error('nothing is asked of the store');
    return operation;
  }

  /** Kills the process: nothing that it has begun ever settles. The write that is out takes place as far as `landed` says. */
  nextProcess(landed: Landed = 'none'): MemoryDurableStore {
    if (this.#writing !== undefined) this.#land(this.#writing, landed);
    this.#isDead = true;
    this.#disk.owner = undefined;
    this.held.length = 0;
    const next = new MemoryDurableStore(this.mode, this.#disk);
    next.readSize = this.readSize;
    return next;
  }

  open(): Promise<OpenStore> {
    return this.#run('open', [], () => {
      if (this.#disk.owner !== undefined) throw new IotError('STORE_LOCKED', 'the store is open already');
      this.#disk.owner = this;
      return this.#handle();
    });
  }

  #handle(): OpenStore {
    let state: 'open' | 'failed' | 'closed' = 'open';
    return {
      read: () => this.#read(),
      write: (changes) => {
        this.#judge(changes, state);
        this.batches.push(changes);
        this.#writing = copyOf(changes);
        return this.#run('write', this.#writing, () => {}).catch((error: unknown) => {
          state = 'failed';
          throw error;
        });
      },
      close: () => {
        if (this.#writing !== undefined) this.violations.push('closed while it was written to');
        state = 'closed';
        return this.#run('close', [], () => {});
      },
    };
  }

  async *#read(): AsyncIterable<readonly StoreRecord[]> {
    const records = this.records.map(({ number, value }) => ({ number, value: value.slice() }));
    for (let at = 0; at < records.length; at += this.readSize) {
      yield await this.#run('read', [], () => records.slice(at, at + this.readSize));
    }
  }

  #judge(changes: readonly StoreChange[], state: string): void {
    if (state !== 'open') this.violations.push(`written to when ${state}`);
    if (this.#writing !== undefined) this.violations.push('written to while it was written to');
    if (changes.length === 0) this.violations.push('an empty write');
    const numbers = changes.map(({ number }) => number);
    if (new Set(numbers).size < numbers.length) this.violations.push('two changes of one number');
    if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 1))
      this.violations.push('no number of a record');
  }

  #run<T>(operation: StoreOperation, changes: readonly StoreChange[], effect: () => T): Promise<T> {
    this.operations.push(operation);
    const failure = this.#takeFailure(operation);
    if (failure?.throws) {
      this.#writing = undefined;
      throw errorOf(failure);
    }
    return new Promise<T>((resolve, reject) => {
      const settle = (given: StoreFailure | undefined): void => {
        if (this.#isDead) return;
        this.#land(changes, given === undefined ? 'all' : (given.landed ?? 'none'));
        if (operation === 'write') this.#writing = undefined;
        // Freed in any case: a store that no longer can be opened helps no test.
        if (operation === 'close') this.#disk.owner = undefined;
        if (given !== undefined) reject(errorOf(given));
        else resolve(new Promise((done) => done(effect())));
      };
      void this.#whenDue(operation, changes, failure).then(settle);
    });
  }

  #whenDue(
    operation: StoreOperation,
    changes: readonly StoreChange[],
    failure: StoreFailure | undefined,
  ): Promise<StoreFailure | undefined> {
    const { mode } = this;
    if (mode === 'automatic') return Promise.resolve(failure);
    if (mode !== 'manual') return mode(operation).then(() => failure);
    return new Promise((resolve) => {
      const settle = (given: StoreFailure | undefined): void => {
        const at = this.held.indexOf(held);
        if (at >= 0) this.held.splice(at, 1);
        resolve(given);
      };
      const held: HeldOperation = {
        operation,
        changes,
        succeed: () => settle(failure),
        fail: (given = {}) => settle(given),
      };
      this.held.push(held);
    });
  }

  #takeFailure(operation: StoreOperation): StoreFailure | undefined {
    const failures = this.#failures[operation];
    const [failure] = failures;
    const after = failure?.after ?? 0;
    if (after === 0) failures.shift();
    else failures[0] = { ...failure, after: after - 1 };
    return after === 0 ? failure : undefined;
  }

  #land(changes: readonly StoreChange[], landed: Landed): void {
    const count = landed === 'all' ? changes.length : landed === 'none' ? 0 : landed;
    if (count === 0 || changes.length === 0) return;
    for (const { number, value } of changes.slice(0, count)) {
      if (value === undefined) this.#disk.records.delete(number);
      else this.#disk.records.set(number, value);
    }
    this.onLanded();
  }
}

/** A store keeps what it was given then, whatever becomes of the bytes. */
function copyOf(changes: readonly StoreChange[]): readonly StoreChange[] {
  return changes.map(({ number, value }) => ({ number, value: value?.slice() }));
}

function errorOf({ error }: StoreFailure): unknown {
  return error ?? new IotError('STORE_FAILED', 'the disk said no');
}
