// Two cores that want one directory at the same moment, in the order that is worst.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { DirectoryLock } from '../../src/local/directory-lock.ts';

const meanwhile = vi.hoisted(() => ({ act: undefined as (() => void) | undefined }));

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>();
  const looked = <T>(look: () => T): T => {
    const act = meanwhile.act;
    try {
      return look();
    } finally {
      meanwhile.act = undefined;
      act?.();
    }
  };
  return {
    ...fs,
    readFileSync: (...given: Parameters<typeof fs.readFileSync>) => looked(() => fs.readFileSync(...given)),
  };
});

/** More than any process has. */
const NO_PROCESS = String(2 ** 30);

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'directory-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

it.each([
  ['nobody', undefined],
  ['a process that is no more', NO_PROCESS],
  ['a process that ended while it wrote it', ''],
])('belongs to one of two that find the lock of %s', (_, left) => {
  const path = join(directory, 'lock');
  if (left !== undefined) writeFileSync(path, left);
  let first: DirectoryLock | undefined;
  meanwhile.act = () => {
    first = new DirectoryLock(directory);
  };
  expect(() => new DirectoryLock(directory)).toThrow(
    expect.objectContaining({
      code: 'STORE_LOCKED',
      message: `the local core of process ${process.pid} has the directory ${directory}`,
    }),
  );
  expect(readFileSync(path, 'utf8')).toBe(String(process.pid));
  expect(readdirSync(directory)).toEqual(['lock']);
  first?.free();
  expect(existsSync(path)).toBe(false);
});
