import type { Clock } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import type { OpenStore, StoreChange, StoreRecord } from '../protocol/queue-store.ts';
import type { LevelDatabase } from './level-database.ts';
import type { LevelDirectory } from './level-directory.ts';
import { levelCodeOf, shown, storeError } from './level-errors.ts';
import { keyOf, toOperation, toRecord } from './level-records.ts';
import { Syncing, type SyncPolicy } from './level-syncing.ts';

export interface OpenLevelStorePorts {
  readonly directory: LevelDirectory;
  readonly database: LevelDatabase;
  readonly clock: Clock;
  readonly sync: SyncPolicy;
  /** Hears that something in it cannot be read, so that it is repaired before it is opened again. */
  damaged(): void;
  /** It is free for the next one. */
  released(): void;
}

const READ_RECORDS = 1_000;
const READ_BYTES = 1024 * 1024;
/** After so many bytes LevelDB may have made new files, with modes of its own. */
const NEW_FILES_BYTES = 1024 * 1024;
/** What a record takes beside its value, about. */
const RECORD_BYTES = 32;
/** Behind all numbers, and never there. */
const LAST_KEY = 'synced';

export class OpenLevelStore implements OpenStore {
  readonly #ports: OpenLevelStorePorts;
  readonly #syncing: Syncing;
  #bytesUntilNewFiles = NEW_FILES_BYTES;
  /** The write that brings others to the disk. Its failure is that of all that come behind it. */
  #trailing: Promise<void> | undefined;
  /** Why nothing may be written any more: LevelDB loses later records behind one that it wrote by half. */
  #ended: IotError | undefined;
  #closed: Promise<void> | undefined;

  constructor(ports: OpenLevelStorePorts) {
    this.#ports = ports;
    this.#syncing = new Syncing(ports.sync, ports.clock, () => {
      this.#trailing = this.#syncNow().catch((error: unknown) => void this.#fail('written', error));
    });
  }

  async *read(): AsyncGenerator<readonly StoreRecord[]> {
    let last = keyOf(0);
    // Of damage LevelDB tells at the end of all reading, instead of what it read last: that is read again, one by one.
    for (const size of [READ_RECORDS, 1]) {
      try {
        for await (const entries of this.#entriesAfter(last, size)) {
          last = entries.at(-1)?.[0] ?? last;
          yield entries.map(([key, value]) => toRecord(key, value)).filter((record) => record !== undefined);
        }
        return;
      } catch (error) {
        if (this.#closed !== undefined) throw this.#closedError();
        // What cannot be read for another reason, such as too many open files, is still there: not to be taken for lost.
        if (levelCodeOf(error) !== 'LEVEL_CORRUPTION') throw this.#fail('read', error);
        this.#ports.damaged();
      }
    }
  }

  async write(changes: readonly StoreChange[], { mayLag } = { mayLag: false }): Promise<void> {
    if (this.#trailing !== undefined) await this.#trailing;
    if (this.#ended !== undefined) throw this.#ended;
    if (changes.length === 0) return;
    try {
      const operations = changes.map(toOperation);
      await this.#ports.database.batch(operations, { sync: this.#syncing.next(mayLag) });
      this.#ports.directory.checkStillThere();
    } catch (error) {
      throw this.#fail('written', error);
    }
    for (const { value } of changes) this.#bytesUntilNewFiles -= RECORD_BYTES + (value?.length ?? 0);
    if (this.#bytesUntilNewFiles > 0) return;
    this.#bytesUntilNewFiles = NEW_FILES_BYTES;
    await this.#ports.directory.closeToOthers();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { directory, database } = this.#ports;
    const isSyncDue = this.#syncing.stop() && this.#ended === undefined;
    this.#ended ??= this.#closedError();
    await this.#trailing;
    if (isSyncDue) await this.#syncNow().catch(() => undefined);
    await directory.leave().catch(() => undefined);
    await database.close().catch(() => undefined);
    this.#ports.released();
  }

  async *#entriesAfter(key: string, size: number): AsyncGenerator<[string, Uint8Array][]> {
    const range = { gt: key, lt: LAST_KEY, highWaterMarkBytes: READ_BYTES };
    const iterator = this.#ports.database.iterator(range);
    try {
      for (let entries = await iterator.nextv(size); entries.length > 0; entries = await iterator.nextv(size))
        yield entries;
    } finally {
      await iterator.close();
    }
  }

  /** LevelDB syncs only together with a write, and then all that was written before it. */
  async #syncNow(): Promise<void> {
    await this.#ports.database.batch([{ type: 'del', key: LAST_KEY }], { sync: true });
    this.#trailing = undefined;
  }

  #fail(doing: string, error: unknown): IotError {
    this.#syncing.stop();
    if (levelCodeOf(error) === 'LEVEL_CORRUPTION') this.#ports.damaged();
    this.#ended ??= storeError(this.#ports.directory.path, doing, error);
    return this.#ended;
  }

  #closedError(): IotError {
    return new IotError(
      'STORE_FAILED',
      `the durable queue in ${shown(this.#ports.directory.path)} has been closed`,
    );
  }
}
