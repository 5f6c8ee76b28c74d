import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
    const found = textOf(this.#path);
    if (holderOf(this.#path, found) !== undefined) throw locked(directory, this.#path);
    if (found !== undefined) removeLeft(this.#path, found);
    if (!isMade(this.#path)) throw locked(directory, this.#path);
    held.add(this.#path);
  }

  free(): void {
    if (held.delete(this.#path)) rmSync(this.#path, { force: true });
  }
}

function locked(directory: string, path: string): IotError {
  const holder = holderOf(path, textOf(path));
  const who = holder === undefined ? 'another process' : `process ${holder}`;
  return new IotError('STORE_LOCKED', `the local core of ${who} has the directory ${directory}`, {
    remediation: `Give each core a directory of its own. If ${who} is another program, remove ${path}.`,
  });
}

/** The process that holds it, by what the file says; undefined when none does. */
function holderOf(path: string, text: string | undefined): number | undefined {
  const pid = Number(text);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const isHeld = pid === process.pid ? held.has(path) : isRunning(pid);
  return isHeld ? pid : undefined;
}

/** Takes away what a dead process left, and not what another one that found the same has put there since. */
function removeLeft(path: string, left: string): void {
  const aside = `${path}.${randomUUID()}`;
  if (!isDone(() => renameSync(path, aside), 'ENOENT')) return;
  if (textOf(aside) !== left) isDone(() => linkSync(aside, path), 'EEXIST');
  rmSync(aside, { force: true });
}

/** Of several that make it at once, one does. */
function isMade(path: string): boolean {
  return isDone(() => writeFileSync(path, String(process.pid), { mode: 0o600, flag: 'wx' }), 'EEXIST');
}

/** Undefined when there is no such file. */
function textOf(path: string): string | undefined {
  let text: string | undefined;
  isDone(() => {
    text = readFileSync(path, 'utf8');
  }, 'ENOENT');
  return text;
}

/** Whether it could be done; what keeps it from that may only be this. */
function isDone(act: () => void, obstacle: string): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === obstacle) return false;
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
