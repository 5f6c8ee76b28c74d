import { chmod, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';

import { levelStore } from '../../src/adapters/level-store.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import {
  everythingIn,
  freshPath,
  levelFiles,
  openAt,
  put,
  textsAt,
  textsOf,
} from '../support/level-world.ts';

/** A message with all of these in it. */
const saying = (...parts: readonly string[]): string =>
  expect.toSatisfy((message: string) => parts.every((part) => message.includes(part))) as string;

const named = (path: string): string => JSON.stringify(path);

async function storeAt(path: string): Promise<void> {
  const store = await openAt(path);
  await store.write([put(1, 'kept')]);
  await store.close();
}

/** The mode of everything below a path, and its own. */
async function modesOf(path: string): Promise<{ directories: Set<string>; files: Set<string> }> {
  const modes = { directories: new Set<string>(), files: new Set<string>() };
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  for (const each of [path, ...entries.map((entry) => join(entry.parentPath, entry.name))]) {
    const status = await lstat(each);
    modes[status.isDirectory() ? 'directories' : 'files'].add((status.mode & 0o777).toString(8));
  }
  return modes;
}

/** What was refused, and that nothing below `folder` is another than before. */
async function refusedUntouched(path: string, folder = path): Promise<unknown> {
  const before = await everythingIn(folder);
  const error: unknown = await openAt(path).catch((thrown: unknown) => thrown);
  expect(await everythingIn(folder)).toEqual(before);
  return error;
}

describe('sec:S-18 what a level store makes on the disk', () => {
  const CLOSED = { directories: new Set(['700']), files: new Set(['600']) };

  it('is closed to others: when it is opened, when it grows, and when it is closed', async () => {
    const path = await freshPath();
    const umask = vi.spyOn(process, 'umask');
    const store = await openAt(path);
    expect(await modesOf(path)).toEqual(CLOSED);
    const value = Buffer.alloc(64 * 1024, 'x');
    // Enough for LevelDB to make a table of it in its own time, and then for the store to look at what is new.
    for (let number = 1; number <= 80; number++) await store.write([{ number, value }]);
    while ((await levelFiles(path, '.ldb')).length === 0);
    for (let number = 81; number <= 98; number++) await store.write([{ number, value }]);
    expect(await modesOf(path)).toEqual(CLOSED);
    await store.close();
    expect(await modesOf(path)).toEqual(CLOSED);
    expect(umask).not.toHaveBeenCalled();
  });

  it('with all directories above that were not there', async () => {
    const path = join(await freshPath(), 'of', 'a', 'lamp');
    await storeAt(path);
    expect(await textsAt(path)).toEqual([[1, 'kept']]);
  });

  it('is closed to others when it was open to them', async () => {
    const path = await freshPath();
    await storeAt(path);
    await chmod(path, 0o755);
    await chmod(join(path, 'messages'), 0o777);
    for (const name of await readdir(join(path, 'messages')))
      await chmod(join(path, 'messages', name), 0o644);
    await openAt(path);
    expect(await modesOf(path)).toEqual(CLOSED);
  });

  it('may be an empty directory that is there', async () => {
    const path = await freshPath();
    await mkdir(path, { mode: 0o755 });
    await storeAt(path);
    expect(await modesOf(path)).toEqual(CLOSED);
  });

  it('is not left without a format by a process that was killed while it made it', async () => {
    const path = await freshPath();
    await mkdir(path);
    await writeFile(join(path, 'format.json.new'), '{ "for');
    await storeAt(path);
    expect(await textsAt(path)).toEqual([[1, 'kept']]);
    expect((await readdir(path)).sort()).toEqual(['format.json', 'messages']);
  });

  it('follows no symbolic link in place of the directory', async () => {
    const path = await freshPath();
    const elsewhere = `${path}-elsewhere`;
    await mkdir(elsewhere, { mode: 0o755 });
    await symlink(elsewhere, path);
    expect(await refusedUntouched(path, dirname(path))).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('is a symbolic link'),
    });
  });

  it.each(['format.json', 'holder.json', 'messages'])(
    'follows no symbolic link in place of %s',
    async (name) => {
      const path = await freshPath();
      await storeAt(path);
      const elsewhere = `${path}-elsewhere`;
      if (name === 'holder.json') await writeFile(elsewhere, 'precious');
      else await rename(join(path, name), elsewhere);
      await symlink(elsewhere, join(path, name));
      expect(await refusedUntouched(path, dirname(path))).toMatchObject({
        code: 'STORE_FAILED',
        message: saying(named(join(path, name)), 'is a symbolic link'),
      });
    },
  );

  it('must not belong to another user', async () => {
    const path = await freshPath();
    await storeAt(path);
    const self = process.geteuid!();
    vi.spyOn(process as Required<typeof process>, 'geteuid').mockReturnValue(self + 1);
    expect(await refusedUntouched(path)).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(`belongs to user ${self}`),
    });
  });
});

describe('a directory that is not of this version', () => {
  it('fault:F-11 of a newer one is refused, and not one byte or time of it changes', async () => {
    const path = await freshPath();
    await storeAt(path);
    await writeFile(join(path, 'format.json'), JSON.stringify({ format: 2, content: 'something new' }));
    await chmod(path, 0o755);
    expect(await refusedUntouched(path, dirname(path))).toMatchObject({
      code: 'STORE_INCOMPATIBLE',
      message: saying(named(join(path, 'format.json')), 'has format 2, and this version knows format 1'),
      remediation: expect.stringContaining('the version of aws-iot-machines that wrote it'),
    });
  });

  it.each([
    ['half of one', '{ "format": 1'],
    ['nothing', ''],
    ['no object', 'null'],
    ['an older format', '{"format":0}'],
    ['the format of something else', '{"format":1,"content":"pictures"}'],
    ['a word for a format', '{"format":"png"}'],
    ['too much', JSON.stringify({ format: 2, more: 'x'.repeat(10_000) })],
  ])('is refused untouched when its format file has %s', async (_, text) => {
    const path = await freshPath();
    await storeAt(path);
    await writeFile(join(path, 'format.json'), text);
    expect(await refusedUntouched(path)).toMatchObject({
      code: 'STORE_INCOMPATIBLE',
      message: saying(named(join(path, 'format.json'))),
    });
  });

  it('is refused untouched when its format file is a directory', async () => {
    const path = await freshPath();
    await mkdir(join(path, 'format.json'), { recursive: true });
    expect(await refusedUntouched(path)).toMatchObject({
      code: 'STORE_FAILED',
      message: saying(named(path)),
    });
  });

  it.each(['photo.jpg', 'messages', 'holder.json', 'format.json.new.txt'])(
    'is refused untouched when it has only %s in it',
    async (name) => {
      const path = await freshPath();
      await mkdir(join(path, name), { recursive: true });
      expect(await refusedUntouched(path)).toMatchObject({
        code: 'STORE_FAILED',
        message: saying(named(path), 'is not empty'),
      });
    },
  );
});

describe('the holder of a level store', () => {
  it('is this process, when it has it already, by whatever path', async () => {
    const path = await freshPath();
    const store = await openAt(path);
    const detour = `${path}-detour`;
    await symlink(dirname(path), detour);
    for (const same of [path, join(detour, 'queue')]) {
      await expect(openAt(same)).rejects.toMatchObject({
        code: 'STORE_LOCKED',
        message: saying(named(same), 'is in use by this process'),
      });
    }
    await store.write([put(1, 'a')]);
    await store.close();
    expect(await textsAt(path)).toEqual([[1, 'a']]);
  });

  it('is only one of many that open it at once, also the first time', async () => {
    const path = await freshPath();
    const tries = Array.from({ length: 10 }, () => openAt(path));
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'STORE_LOCKED' });
    }
  });

  it('writes its number and the time into a file, and takes it away again', async () => {
    const path = await freshPath();
    const store = await openAt(path, 'never', new SimulatedClock(Date.UTC(2024, 1, 29)));
    const holder: unknown = JSON.parse(await readFile(join(path, 'holder.json'), 'utf8'));
    expect(holder).toEqual({ pid: process.pid, since: '2024-02-29T00:00:00.000Z' });
    await store.close();
    expect(await readdir(path)).not.toContain('holder.json');
  });

  it('is free again after an opening that failed', async () => {
    const path = await freshPath();
    await storeAt(path);
    await mkdir(join(path, 'holder.json'));
    await expect(openAt(path)).rejects.toMatchObject({ code: 'STORE_FAILED', message: saying(named(path)) });
    await rm(join(path, 'holder.json'), { recursive: true });
    expect(await textsAt(path)).toEqual([[1, 'kept']]);
  });

  it.each([
    ['a process that is no more', JSON.stringify({ pid: 2 ** 30, since: '2024-01-01T00:00:00.000Z' })],
    [
      'this process, as another one of its number did before',
      JSON.stringify({ pid: process.pid, since: 'long ago' }),
    ],
    ['nonsense', '{"pid":"'],
  ])('is not who an old file says: %s', async (_, text) => {
    const path = await freshPath();
    await storeAt(path);
    await writeFile(join(path, 'holder.json'), text, { mode: 0o644 });
    const store = await openAt(path);
    expect(await textsOf(store)).toEqual([[1, 'kept']]);
    expect((await lstat(join(path, 'holder.json'))).mode & 0o777).toBe(0o600);
  });

  it('is closed and opened again by the same store, as often as one likes', async () => {
    const path = await freshPath();
    const store = levelStore({ directory: path });
    for (let number = 1; number <= 3; number++) {
      const open = await store.open(new SimulatedClock());
      await open.write([put(number, 'a')]);
      await open.close();
    }
    expect(await textsAt(path)).toHaveLength(3);
  });
});
