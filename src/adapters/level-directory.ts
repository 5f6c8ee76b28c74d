import { constants, existsSync, type Stats, statSync } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { IotError } from '../protocol/errors.ts';
import { shown } from './level-errors.ts';

/** Who has the store now, or had it when the process was killed. */
export interface Holder {
  readonly pid: number;
  /** When it opened the store. */
  readonly since: string;
}

const FORMAT = 1;
const CONTENT = 'offline queue of aws-iot-machines';
const MAX_SMALL_FILE_BYTES = 4_096;

const OURS: readonly string[] = ['format.json', 'holder.json', 'messages'];

const OWNER_ONLY = 0o700;
const OTHERS = 0o077;
// The last two are not on every system; a link was looked for before in any case.
const { O_RDONLY, O_WRONLY, O_CREAT, O_TRUNC } = constants;
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 }: Partial<typeof constants> = constants;

/** What a level store has on the disk, and LevelDB in `messages` within it. Throws what the file system throws. */
export class LevelDirectory {
  readonly path: string;
  readonly messages: string;
  readonly #format: string;
  readonly #holder: string;
  #lock: Stats | undefined;

  constructor(path: string) {
    this.path = path;
    this.messages = join(path, 'messages');
    this.#format = join(path, 'format.json');
    this.#holder = join(path, 'holder.json');
  }

  /**
   * Makes it, or makes sure that it is one of ours, in a format that this version knows, and closed to other users. What it
   * refuses it has not touched.
   *
   * @returns its one real path, whatever path leads to it
   */
  async prepare(): Promise<string> {
    await makeDirectory(this.path);
    const status = await lstat(this.path);
    refuseStranger(this.path, status);
    const isNew = await this.#checkContent();
    await narrow(this.path, status);
    if (isNew) await this.#writeFormat();
    await makeDirectory(this.messages);
    const messages = await lstat(this.messages);
    refuseStranger(this.messages, messages);
    await narrow(this.messages, messages);
    return realpath(this.path);
  }

  /** To be called with LevelDB's lock held: from now on this process is the holder. */
  async enter(nowMs: number): Promise<void> {
    this.#lock = this.#lockStatus();
    const holder: Holder = { pid: process.pid, since: new Date(nowMs).toISOString() };
    await writeSmallFile(this.#holder, JSON.stringify(holder));
    await this.closeToOthers();
    // LevelDB makes its files last by their content alone; their names are in the directory.
    await syncDirectory(this.messages);
  }

  /** To be called with LevelDB's lock still held, or it would be the next holder's file that goes. */
  async leave(): Promise<void> {
    await this.closeToOthers();
    await rm(this.#holder, { force: true });
  }

  /** Who has the store, as far as that can be told: the file of one that was killed stays behind. */
  async holder(): Promise<Holder | undefined> {
    try {
      const { pid, since } = JSON.parse(await readSmallFile(this.#holder)) as Partial<Holder>;
      return Number.isSafeInteger(pid) && typeof since === 'string' ? { pid: Number(pid), since } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Throws when it was deleted or replaced: LevelDB would go on writing to files that nobody finds again. */
  checkStillThere(): void {
    const lock = this.#lockStatus();
    if (lock.ino !== this.#lock?.ino || lock.dev !== this.#lock.dev)
      throw new Error('it was replaced while it was open');
  }

  /**
   * LevelDB makes its files readable to all. The directory keeps others out already, so that a file which disappears
   * meanwhile, or a file system that knows no modes, is no reason to fail.
   */
  async closeToOthers(): Promise<void> {
    const entries = await readdir(this.messages, { withFileTypes: true, recursive: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isFile() && !entry.isDirectory()) continue;
      const path = join(entry.parentPath, entry.name);
      await lstat(path)
        .then((status) => narrow(path, status))
        .catch(() => undefined);
    }
  }

  /** Whether messages lie there that LevelDB has no list of any more, and would delete. */
  async hasLostItsList(): Promise<boolean> {
    const names = await readdir(this.messages);
    return !names.includes('CURRENT') && names.some((name) => /\.(ldb|log)$/.test(name));
  }

  #lockStatus(): Stats {
    return statSync(join(this.messages, 'LOCK'));
  }

  /** True when nothing is in it yet. */
  async #checkContent(): Promise<boolean> {
    const entries = await readdir(this.path, { withFileTypes: true });
    if (!entries.some(({ name }) => name === 'format.json')) {
      // A process can have been killed between the two steps of making the file.
      if (entries.every((entry) => entry.name === 'format.json.new' && entry.isFile())) return true;
      throw refusal(
        `${shown(this.path)} is not empty, and what is in it is not a durable queue`,
        'Give it a directory of its own; it is made if it is not there.',
      );
    }
    const link = entries.find((entry) => OURS.includes(entry.name) && entry.isSymbolicLink());
    if (link !== undefined) throw isLink(join(this.path, link.name));
    checkFormat(this.#format, await readSmallFile(this.#format));
    return false;
  }

  /** Renamed into its place, so that it is there whole or not at all, also after a power cut. */
  async #writeFormat(): Promise<void> {
    const fresh = `${this.#format}.new`;
    await writeSmallFile(fresh, `${JSON.stringify({ format: FORMAT, content: CONTENT })}\n`);
    await rename(fresh, this.#format).catch((error: NodeJS.ErrnoException) => {
      // Another process makes it at the same time, and was faster; what it wrote is the same.
      if (error.code !== 'ENOENT') throw error;
    });
    await syncDirectory(this.path);
    await syncDirectory(dirname(this.path));
  }
}

function checkFormat(path: string, text: string): void {
  const { format, content } = parsed(text);
  if (Number.isInteger(format) && Number(format) > FORMAT) {
    throw new IotError(
      'STORE_INCOMPATIBLE',
      `the durable queue of ${shown(path)} has format ${Number(format)}, and this version knows format ${FORMAT}`,
      { remediation: 'Use the version of aws-iot-machines that wrote it, or give another directory.' },
    );
  }
  if (format !== FORMAT || content !== CONTENT) {
    throw new IotError('STORE_INCOMPATIBLE', `${shown(path)} is not of a durable queue of this package`, {
      remediation: 'Give another directory.',
    });
  }
}

function parsed(text: string): { readonly format?: unknown; readonly content?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** What somebody else made or can change may lead anywhere. */
function refuseStranger(path: string, status: Stats): void {
  if (status.isSymbolicLink()) throw isLink(path);
  if (!status.isDirectory()) throw refusal(`${shown(path)} is not a directory`, 'Give another directory.');
  const user = process.geteuid?.();
  if (user !== undefined && status.uid !== user) {
    throw refusal(
      `${shown(path)} belongs to user ${status.uid}, and this process runs as user ${user}`,
      'Give a directory that does not exist yet, or change whose it is.',
    );
  }
}

function isLink(path: string): IotError {
  return refusal(`${shown(path)} is a symbolic link`, 'Give the directory that it leads to, or remove it.');
}

function refusal(message: string, remediation: string): IotError {
  return new IotError('STORE_FAILED', message, { remediation });
}

/** With what is above it. Node's own way never ends where nothing can be made, as in `/proc`. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: OWNER_ONLY });
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'EEXIST') return;
    const above = dirname(path);
    if (code !== 'ENOENT' || existsSync(above)) throw error;
    await makeDirectory(above);
    await makeDirectory(path);
  }
}

async function narrow(path: string, { mode }: Stats): Promise<void> {
  if ((mode & OTHERS) !== 0) await chmod(path, mode & OWNER_ONLY);
}

async function readSmallFile(path: string): Promise<string> {
  await using file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_SMALL_FILE_BYTES));
  return buffer.toString('utf8', 0, bytesRead);
}

async function writeSmallFile(path: string, text: string): Promise<void> {
  await using file = await open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  await file.chmod(0o600);
  await file.writeFile(text);
  await file.sync();
}

/** Not every system lets a directory be opened or synced; those keep names without being asked, or not at all. */
async function syncDirectory(path: string): Promise<void> {
  try {
    await using directory = await open(path, O_RDONLY);
    await directory.sync();
  } catch {}
}
