import { resolve } from 'node:path';

import type { Clock } from '../protocol/clock.ts';
import { IotError, invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { DurableStore, OpenStore } from '../protocol/queue-store.ts';
import { type LevelDatabase, type LevelPackage, loadLevel, openLevel } from './level-database.ts';
import { type Holder, LevelDirectory } from './level-directory.ts';
import { levelCodeOf, shown, storeError } from './level-errors.ts';
import type { SyncPolicy } from './level-syncing.ts';
import { OpenLevelStore } from './open-level-store.ts';

/** Where a durable queue is kept, and how safely. */
export interface LevelStoreOptions {
  /**
   * Where it is kept: a directory of its own, of one client at a time, on a disk of this machine. It is made when it is not
   * there, closed to other users (0700, files 0600), and must not be a symbolic link. A relative path is relative to the
   * working directory of the call. What is written lies there in clear.
   */
  readonly directory: string;
  /**
   * When the disk is waited for. The end of the process, also by kill -9, loses nothing that was accepted with any of them;
   * they differ in what is lost when the machine loses power or its system crashes:
   *
   * - `'always'`: nothing. Each write waits for the disk before its messages count as accepted. The slowest by far.
   * - `'everySecond'`: up to a second, and what was being written then. At most one write a second waits for the disk, and one
   *   more after the last.
   * - `'never'`: whatever the system had not written by itself, on Linux usually up to 30 s.
   *
   * All hold as far as the disk tells the truth about what it has written.
   *
   * @default 'always'
   */
  readonly sync?: SyncPolicy;
}

const POLICIES: readonly unknown[] = ['always', 'everySecond', 'never'] satisfies SyncPolicy[];

/**
 * Keeps the messages of `offlineQueue` in a directory, with the package `level` (an optional peer: `npm install level@10`),
 * so that the next process sends what this one could not. Throws `INVALID_ARGUMENT`; everything else shows when it is opened.
 */
export function levelStore(options: LevelStoreOptions): DurableStore {
  checkFields('options of levelStore', options, ['directory', 'sync']);
  const { directory, sync = 'always' } = options;
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0'))
    throw invalid('directory', 'a path that is not empty', directory);
  if (!POLICIES.includes(sync)) throw invalid('sync', '"always", "everySecond" or "never"', sync);
  return new LevelStore(resolve(directory), sync);
}

class LevelStore implements DurableStore {
  readonly kind = 'durable';
  readonly #path: string;
  readonly #sync: SyncPolicy;
  #isDamaged = false;

  constructor(path: string, sync: SyncPolicy) {
    this.#path = path;
    this.#sync = sync;
  }

  async open(clock: Clock): Promise<OpenStore> {
    try {
      const level = await loadLevel();
      const directory = new LevelDirectory(this.#path);
      const realPath = await directory.prepare();
      const openHere = openInThisProcess();
      if (openHere.has(realPath)) throw locked(this.#path, 'this process');
      openHere.add(realPath);
      const release = (): void => void openHere.delete(realPath);
      return await this.#openClaimed(level, directory, clock, release);
    } catch (error) {
      throw storeError(this.#path, 'opened', error);
    }
  }

  async #openClaimed(
    level: LevelPackage,
    directory: LevelDirectory,
    clock: Clock,
    release: () => void,
  ): Promise<OpenStore> {
    let database: LevelDatabase | undefined;
    try {
      database = await this.#openDatabase(level, directory);
      await directory.enter(clock.now());
      const damaged = (): void => {
        this.#isDamaged = true;
      };
      return new OpenLevelStore({ directory, database, clock, sync: this.#sync, damaged, released: release });
    } catch (error) {
      await database?.close().catch(() => undefined);
      release();
      throw error;
    }
  }

  async #openDatabase(level: LevelPackage, directory: LevelDirectory): Promise<LevelDatabase> {
    try {
      const isDamaged = this.#isDamaged || (await directory.hasLostItsList());
      const database = await openLevel(level, directory.messages, isDamaged);
      this.#isDamaged = false;
      return database;
    } catch (error) {
      if (levelCodeOf(error) === 'LEVEL_LOCKED') throw locked(this.#path, named(await directory.holder()));
      throw error;
    }
  }
}

const OPEN_STORES = Symbol.for('aws-iot-machines.openLevelStores');

/**
 * The directories that are open in this process, also by another copy of this package. LevelDB must not be asked: when it is
 * asked twice in one process it refuses, and frees the lock for all other processes.
 */
function openInThisProcess(): Set<string> {
  const shared = globalThis as { [OPEN_STORES]?: Set<string> };
  const { [OPEN_STORES]: open = new Set<string>() } = shared;
  shared[OPEN_STORES] = open;
  return open;
}

function locked(path: string, holder: string): IotError {
  return new IotError('STORE_LOCKED', `the durable queue in ${shown(path)} is in use by ${holder}`, {
    remediation: 'Close it there, or give this client a directory of its own.',
  });
}

function named(holder: Holder | undefined): string {
  if (holder === undefined) return 'another process';
  const since = `since ${holder.since}`;
  // The numbers of processes are not the same in each container.
  if (holder.pid === process.pid)
    return `another thread, or a process of the same number ${holder.pid}, ${since}`;
  return isAlive(holder.pid) ? `process ${holder.pid}, ${since}` : 'another process';
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
