import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { IotError } from '../protocol/errors.ts';

/** The locks of this process: a number of its own in a file may also be left of an earlier process that had it. */
const held = new Set<string>();

/** Says that a directory belongs to this process. What a process left that is no more is taken over. */
export class DirectoryLock {
  readonly #path: string;

  /** @throws IotError `STORE_LOCKED` */
  constructor(directory: string) {
    this.#path = join(directory, 'lock');
    const holder = holderOf(this.#path);
    if (holder !== undefined) {
      throw new IotError(
        'STORE_LOCKED',
        `the local core of process ${holder} has the directory ${directory}`,
        {
          remediation: `Give each core a directory of its own. If process ${holder} is another program, remove ${this.#path}.`,
        },
      );
    }
    rmSync(this.#path, { force: true });
    // Two that find the same dead holder at once: only one of them makes the file.
    writeFileSync(this.#path, String(process.pid), { mode: 0o600, flag: 'wx' });
    held.add(this.#path);
  }

  free(): void {
    if (held.delete(this.#path)) rmSync(this.#path, { force: true });
  }
}

/** The process that holds it; undefined when none does. */
function holderOf(path: string): number | undefined {
  const pid = Number(textOf(path));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const isHeld = pid === process.pid ? held.has(path) : isRunning(pid);
  return isHeld ? pid : undefined;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return '';
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is somebody else's, but there.
    return (error as { code?: unknown }).code === 'EPERM';
  }
}
