import * as fs from 'node:fs/promises';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Level } from 'level';
import { describe, expect, it, vi } from 'vitest';

import { levelStore } from '../../src/adapters/level-store.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import {
  cutCopy,
  freshPath,
  levelFiles,
  newestLog,
  openAt,
  put,
  textsAt,
  textsOf,
} from '../support/level-world.ts';

// As they are, but for what a test says of one call: root may do everything, so that a mode refuses it nothing.
vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  return { ...original, mkdir: vi.fn(original.mkdir) };
});

const FULL_DEVICE = '/dev/full';

const textOf = (number: number): string => `message ${number} `.repeat(8);

/** A closed store with these records, each written by itself and all of them in its log. */
async function storeWith(count: number): Promise<string> {
  const path = await freshPath();
  const store = await openAt(path);
  for (let number = 1; number <= count; number++) await store.write([put(number, textOf(number))]);
  await store.close();
  return path;
}

/** The same, with all of them in one table. */
async function storeWithTable(count: number): Promise<string> {
  const path = await freshPath();
  const store = await openAt(path);
  await store.write(Array.from({ length: count }, (_, index) => put(index + 1, textOf(index + 1))));
  await store.close();
  // LevelDB makes a table of a log that it finds.
  await (await openAt(path)).close();
  return path;
}

async function copyWithFlippedBit(path: string, file: string, at: number): Promise<string> {
  const bytes = await readFile(file);
  const copy = await cutCopy(path, file, 0);
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
  await writeFile(file.replace(path, copy), bytes);
  return copy;
}

/** As a disk does that lost one of its sectors. */
async function copyWithLostSector(path: string, file: string, at: number): Promise<string> {
  const bytes = await readFile(file);
  const copy = await cutCopy(path, file, 0);
  await writeFile(file.replace(path, copy), bytes.fill(0, at, at + 512));
  return copy;
}

/** How many records there are; each of them is one that was written. */
function countGenuine(texts: readonly [number, string][], written: number): number {
  // Far quicker than to expect each.
  const invented = texts.filter(
    ([number, text]) => number < 1 || number > written || text !== textOf(number),
  );
  expect(invented).toEqual([]);
  expect(new Set(texts.map(([number]) => number)).size).toBe(texts.length);
  return texts.length;
}

/** Leads the next files of LevelDB with such names to a device that has no room. */
async function leadToFullDevice(
  path: string,
  nameOf: (digits: string) => string,
): Promise<() => Promise<void>> {
  const messages = join(path, 'messages');
  const numbers = (await readdir(messages)).map((name) => Number(/\d+/.exec(name)?.[0] ?? 0));
  const last = Math.max(...numbers);
  const links = Array.from({ length: 6 }, (_, index) =>
    join(messages, nameOf(String(last + 1 + index).padStart(6, '0'))),
  );
  for (const link of links) await symlink(FULL_DEVICE, link);
  return async () => {
    for (const link of links) await rm(link, { force: true });
  };
}

describe('fault:F-7 a full disk', () => {
  it('fails the write, not what was written before; closed and opened again it works when there is room', async () => {
    const path = await freshPath();
    const deviceMode = (await stat(FULL_DEVICE)).mode;
    const store = await openAt(path, 'always');
    await store.write([put(1, 'before')]);
    const makeRoom = await leadToFullDevice(path, (digits) => `${digits}.log`);

    const large = 'x'.repeat(256 * 1024);
    let accepted = 1;
    let error: unknown;
    while (error === undefined) {
      await store.write([put(accepted + 1, large)]).then(
        () => {
          accepted += 1;
        },
        (thrown: unknown) => {
          error = thrown;
        },
      );
    }
    expect(error).toMatchObject({
      code: 'STORE_FULL',
      message: `the disk of the durable queue in ${JSON.stringify(path)} has no room left`,
      remediation: 'Free some of it; the queue goes on by itself then.',
      cause: { message: expect.stringContaining('No space left on device') },
    });
    await expect(store.write([put(99, 'after')])).rejects.toBe(error);
    await store.close();
    expect((await stat(FULL_DEVICE)).mode).toBe(deviceMode);

    await makeRoom();
    const again = await openAt(path);
    const numbers = (await textsOf(again)).map(([number]) => number);
    expect(numbers.slice(0, accepted)).toEqual(Array.from({ length: accepted }, (_, index) => index + 1));
    expect(numbers).not.toContain(99);
    await again.write([put(100, 'after')]);
    await again.close();
    expect((await textsAt(path)).at(-1)).toEqual([100, 'after']);
  });

  it('fails the opening, and loses nothing by it', async () => {
    const path = await storeWith(3);
    const makeRoom = await leadToFullDevice(path, (digits) => `MANIFEST-${digits}`);
    await expect(openAt(path)).rejects.toMatchObject({ code: 'STORE_FULL' });
    await makeRoom();
    expect(countGenuine(await textsAt(path), 3)).toBe(3);
  });

  it.each(['ENOSPC', 'EDQUOT'])('is known by %s too', async (code) => {
    vi.mocked(fs.mkdir).mockRejectedValueOnce(Object.assign(new Error(`${code}: it is full`), { code }));
    await expect(openAt(await freshPath())).rejects.toMatchObject({ code: 'STORE_FULL', cause: { code } });
  });

  it('is known by a quota that LevelDB met', async () => {
    const store = await openAt(await freshPath());
    vi.spyOn(Level.prototype, 'batch').mockRejectedValueOnce(
      new Error('IO error: /a/1.log: Disk quota exceeded'),
    );
    await expect(store.write([put(1, 'a')])).rejects.toMatchObject({ code: 'STORE_FULL' });
  });
});

describe('fault:F-8 a directory that cannot be used', () => {
  it.each([
    ['EACCES: permission denied, mkdir', 'EACCES'],
    ['EROFS: read-only file system, mkdir', 'EROFS'],
  ])('is an error that names it and what the system said: %s', async (said, code) => {
    const path = await freshPath();
    vi.mocked(fs.mkdir).mockRejectedValueOnce(Object.assign(new Error(`${said} '${path}'`), { code }));
    await expect(openAt(path)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: `the durable queue in ${JSON.stringify(path)} cannot be opened: "${said.replace(', mkdir', '')}"`,
      remediation: expect.stringContaining('this process may write to it'),
      cause: { code },
    });
  });

  it.each(['Read-only file system', 'Permission denied', 'Input/output error'])(
    'is an error of the write that meets it: %s',
    async (said) => {
      const path = await freshPath();
      const store = await openAt(path);
      const cause = new Error(`IO error: ${path}/messages/000003.log: ${said}`);
      vi.spyOn(Level.prototype, 'batch').mockRejectedValueOnce(cause);
      await expect(store.write([put(1, 'a')])).rejects.toMatchObject({
        code: 'STORE_FAILED',
        message: `the durable queue in ${JSON.stringify(path)} cannot be written: "${said}"`,
        cause,
      });
    },
  );

  it('because nothing can be made there', async () => {
    // Where a way of Node to make directories never ends.
    for (const path of ['/proc/queue', '/proc/a/queue'])
      await expect(openAt(path)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it.each([
    ['its place', (path: string) => path],
    ['the place of one above', dirname],
  ])('because a file is in %s', async (_, placeOf) => {
    const path = join(await freshPath(), 'queue');
    await mkdir(dirname(dirname(path)), { recursive: true });
    if (placeOf(path) === path) await mkdir(dirname(path));
    await writeFile(placeOf(path), 'a file');
    await expect(openAt(path)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(JSON.stringify(path)),
    });
    expect(await readFile(placeOf(path), 'utf8')).toBe('a file');
  });

  it('because a file is in the place of its messages', async () => {
    const path = await storeWith(1);
    await rm(join(path, 'messages'), { recursive: true });
    await writeFile(join(path, 'messages'), 'a file');
    await expect(openAt(path)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it.each([
    ['deleted', (path: string) => rm(path, { recursive: true })],
    ['moved away', (path: string) => rename(path, `${path}-moved`)],
    [
      'replaced by a file',
      async (path: string) => {
        await rm(path, { recursive: true });
        await writeFile(path, '');
      },
    ],
  ])('because it was %s while it was open', async (_, spoil) => {
    const path = await freshPath();
    const store = await openAt(path);
    await store.write([put(1, 'a')]);
    await spoil(path);
    await expect(store.write([put(2, 'b')])).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(JSON.stringify(path)),
    });
    await store.close();
    await rm(path, { recursive: true, force: true });
    const again = await openAt(path);
    await again.write([put(3, 'c')]);
    expect(await textsOf(again)).toEqual([[3, 'c']]);
  });

  it('because another was put into its place while it was open', async () => {
    const path = await freshPath();
    const store = await openAt(path);
    const other = await storeWith(1);
    await rename(path, `${path}-moved`);
    await rename(other, path);
    await expect(store.write([put(2, 'b')])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await store.close();
    expect(await textsAt(path)).toEqual([[1, textOf(1)]]);
  });
});

describe('a damaged level store', () => {
  it('fault:F-5 has lost only the record that was torn', async () => {
    const path = await storeWith(10);
    const log = await newestLog(path);
    const { size } = await stat(log);
    for (const missing of [1, 2, 5, 17, 60, 100])
      expect(countGenuine(await textsAt(await cutCopy(path, log, size - missing)), 10)).toBe(9);
  });

  it('fault:F-6 with a flipped bit in its log gives nothing that was not written', async () => {
    const path = await storeWith(20);
    const log = await newestLog(path);
    const { size } = await stat(log);
    for (let at = 0; at < size; at += 241) {
      const copy = await copyWithFlippedBit(path, log, at);
      expect(countGenuine(await textsAt(copy), 20)).toBeLessThan(20);
    }
  });

  it('fault:F-6 with a flipped bit in a table gives nothing that was not written', async () => {
    const path = await storeWithTable(400);
    const table = (await levelFiles(path, '.ldb')).at(-1)!;
    const { size } = await stat(table);
    let lost = 0;
    for (let at = 0; at < size; at += Math.ceil(size / 12)) {
      const copy = await copyWithFlippedBit(path, table, at);
      lost += 400 - countGenuine(await textsAt(copy), 400);
    }
    expect(lost).toBeGreaterThan(0);
  });

  it('fault:F-6 gives no message the number of another', async () => {
    const path = await storeWith(1);
    const database = new Level<string, Uint8Array>(join(path, 'messages'), { valueEncoding: 'view' });
    for await (const [key, value] of database.iterator()) await database.put(key.replace(/1$/, '3'), value);
    await database.close();
    expect(countGenuine(await textsAt(path), 1)).toBe(1);
  });

  it('fault:F-6 without a sector gives what comes behind it, and goes on when it is opened again', async () => {
    const path = await storeWithTable(900);
    const table = (await levelFiles(path, '.ldb')).at(-1)!;
    const { size } = await stat(table);
    const copy = await copyWithLostSector(path, table, Math.floor(size / 3));
    const store = levelStore({ directory: copy, sync: 'never' });
    const refused: unknown[] = [];
    // Each opening makes a table, and a handful of tables makes LevelDB read them all.
    for (let times = 1; times <= 12; times++) {
      const open = await store.open(new SimulatedClock());
      const texts = (await textsOf(open)).filter(([number]) => number <= 900);
      expect(countGenuine(texts, 900)).toBeGreaterThan(800);
      expect(texts.at(-1)?.[0]).toBe(900);
      await open
        .write([put(1, textOf(1)), put(1_000 + times, '')])
        .catch((error: unknown) => refused.push(error));
      await open.close();
    }
    expect(refused.length).toBeLessThan(2);
    expect((await stat(join(copy, 'messages', 'lost'))).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['CURRENT', 500],
    ['MANIFEST', 500],
  ])('without its %s has all that can be read', async (start, expected) => {
    const path = await storeWithTable(500);
    const messages = join(path, 'messages');
    const name = (await readdir(messages)).find((each) => each.startsWith(start))!;
    await rm(join(messages, name));
    expect(countGenuine(await textsAt(path), 500)).toBe(expected);
    expect(countGenuine(await textsAt(path), 500)).toBe(expected);
  });

  it('without one of its tables has the others', async () => {
    const path = await storeWithTable(500);
    const lost = (await levelFiles(path, '.ldb')).at(-1)!;
    const store = await openAt(path);
    await store.write([put(501, textOf(501))]);
    await store.close();
    await rm(lost);
    expect(countGenuine(await textsAt(path), 501)).toBe(1);
  });

  it.each(['CURRENT', 'MANIFEST'])('with nonsense in its %s has all that can be read', async (start) => {
    const path = await storeWithTable(500);
    const messages = join(path, 'messages');
    const name = (await readdir(messages)).find((each) => each.startsWith(start))!;
    await writeFile(join(messages, name), 'nonsense');
    expect(countGenuine(await textsAt(path), 500)).toBe(500);
  });

  it('is not what cannot be read for another reason: that is an error, and is all there later', async () => {
    const path = await storeWithTable(5);
    const store = await openAt(path);
    const said = `IO error: ${path}/messages/000005.ldb: Too many open files`;
    const cause = Object.assign(new Error(said), { code: 'LEVEL_IO_ERROR' });
    // As LevelDB does when it is out of file numbers: it leaves the table out, and says so at the end.
    vi.spyOn(Level.prototype, 'iterator').mockReturnValueOnce(
      Object({ nextv: () => Promise.reject(cause), close: () => Promise.resolve() }),
    );
    await expect(textsOf(store)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: `the durable queue in ${JSON.stringify(path)} cannot be read: "Too many open files"`,
      cause,
    });
    await expect(store.write([put(1, 'instead')])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await store.close();
    expect(countGenuine(await textsAt(path), 5)).toBe(5);
  });

  it('that cannot be mended is an error', async () => {
    const path = await storeWithTable(5);
    await writeFile(join(path, 'messages', 'CURRENT'), 'nonsense');
    const repairer: { repair(): Promise<void> } = Object(Level);
    vi.spyOn(repairer, 'repair').mockRejectedValueOnce(new Error('Corruption: beyond repair'));
    await expect(openAt(path)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(countGenuine(await textsAt(path), 5)).toBe(5);
  });
});
