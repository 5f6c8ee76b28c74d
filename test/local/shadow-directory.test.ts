// What a core keeps of its shadows in its directory.
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { LocalIotCore } from '../../src/local/index.ts';
import { ShadowWire } from './shadow-wire.ts';
import { startCore } from './support.ts';

/** More than any process has. */
const NO_PROCESS = 2 ** 30;
const classic = { thingName: 'lamp' };

let directory: string;
const path = (...names: string[]): string => join(directory, 'shadows', ...names);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-core-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Lets a core that is started in the directory do this, and stops it. */
async function keptBy(use: (core: LocalIotCore) => void): Promise<string[]> {
  const core = await startCore({ directory });
  use(core);
  await core.stop();
  return core.warnings.map(({ message }) => message);
}

async function files(ending: string): Promise<string[]> {
  return (await readdir(path())).filter((name) => name.endsWith(ending));
}

describe('the directory of a local core', () => {
  it('has its shadows for the next core, each under its own name', async () => {
    const addresses = [
      classic,
      { thingName: 'LAMP' },
      { thingName: 'lamp', shadowName: 'a:b' },
      { thingName: 'lamp', shadowName: 'A:b' },
      { thingName: 'lamp', shadowName: '$con' },
      { thingName: 'X'.repeat(128), shadowName: 'N'.repeat(64) },
    ];
    const before: unknown[] = [];
    await keptBy(({ shadows }) => {
      for (const [index, address] of addresses.entries()) {
        shadows.update(address, { state: { desired: { index, ['__proto__']: [1] }, reported: { a: null } } });
        before.push({ ...shadows.get(address), timestamp: 0 });
      }
    });
    const warnings = await keptBy(({ shadows }) => {
      expect(addresses.map((address) => ({ ...shadows.get(address), timestamp: 0 }))).toEqual(before);
      expect(shadows.list('lamp')).toEqual(['$con', 'A:b', 'a:b']);
      expect(shadows.update(classic, { state: {} })).toMatchObject({ version: 2 });
    });
    expect(warnings).toEqual([]);
    // Also where a file system takes upper case for lower case.
    const names = await files('.json');
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(addresses.length);
  });

  it('remembers how far a deleted shadow had counted, for 48 hours', async () => {
    await keptBy(({ shadows }) => {
      for (let count = 0; count < 3; count++) shadows.update(classic, { state: {} });
      shadows.delete(classic);
    });
    await cp(directory, `${directory}-later`, { recursive: true });
    await keptBy(({ shadows }) => {
      expect(shadows.get(classic)).toBeUndefined();
      expect(shadows.update(classic, { state: {} })).toMatchObject({ version: 5 });
    });
    const later = await startCore({ directory: `${directory}-later` });
    later.faults.skewClock(48 * 3_600_000);
    expect(later.shadows.update(classic, { state: {} })).toMatchObject({ version: 1 });
    await later.stop();
    await rm(`${directory}-later`, { recursive: true });
  });

  it('has a change by the time that somebody is told of it: kill -9 takes nothing back', async () => {
    const core = await startCore({ directory });
    const wire = await ShadowWire.open(core, 'wire');
    const copies: string[] = [];
    for (let version = 1; version <= 5; version++) {
      await wire.answer('lamp', 'update', { state: { desired: { version } } });
      // The files as they are at this moment are what a process leaves that is killed.
      const copy = `${directory}-${version}`;
      await cp(directory, copy, { recursive: true });
      copies.push(copy);
    }
    for (const [index, copy] of copies.entries()) {
      const next = await startCore({ directory: copy });
      const version = index + 1;
      expect(next.shadows.get(classic)).toMatchObject({ version, state: { desired: { version } } });
      await next.stop();
      await rm(copy, { recursive: true });
    }
  });

  it('is closed to other users', async () => {
    await mkdir(path(), { mode: 0o755 });
    await keptBy(({ shadows }) => shadows.update(classic, { state: {} }));
    expect((await stat(path())).mode & 0o777).toBe(0o700);
    for (const name of await readdir(path())) expect((await stat(path(name))).mode & 0o777).toBe(0o600);
  });

  it.each<[string, (text: string) => string]>([
    ['is cut off', (text) => text.slice(0, -1)],
    ['is empty', () => ''],
    ['is another thing’s', (text) => text.replace('lamp', 'lamb')],
    ['has no version', (text) => text.replace('"lastVersion":1', '"lastVersion":"1"')],
    ['has a state that is none', (text) => text.replace('"state":{', '"state":{"delta":1,')],
    ['says neither what it is nor that it was deleted', (text) => text.replace('"document"', '"other"')],
    ['nests without end', () => '['.repeat(1_000_000)],
  ])('puts a file aside that %s, says so, and starts that shadow anew', async (_, damage) => {
    await keptBy(({ shadows }) => {
      shadows.update(classic, { state: { desired: { a: 1 } } });
    });
    const [file = ''] = await files('.json');
    await keptBy(({ shadows }) => shadows.update({ thingName: 'other' }, { state: {} }));
    const damaged = damage(await readFile(path(file), 'utf8'));
    await writeFile(path(file), damaged);
    const warnings = await keptBy(({ shadows }) => {
      expect(shadows.get({ thingName: 'other' })).toMatchObject({ version: 1 });
      expect(shadows.update(classic, { state: {} })).toMatchObject({ version: 1 });
    });
    expect(warnings).toEqual([
      `the local core found a damaged shadow and starts it anew; what is left of it is ${path(`${file}.damaged`)}`,
    ]);
    expect(await readFile(path(`${file}.damaged`), 'utf8')).toBe(damaged);
  });

  it('clears away what a process had not finished writing', async () => {
    await keptBy(() => {});
    await writeFile(path('x.json.new'), '{"thing');
    expect(await keptBy(() => {})).toEqual([]);
    expect(await readdir(path())).toEqual([]);
  });

  it('refuses an update with 500 that cannot be kept, and says why', async () => {
    const core = await startCore({ directory });
    const wire = await ShadowWire.open(core, 'wire');
    await wire.answer('lamp', 'update', { state: { desired: { a: 1 } } });
    await rm(path(), { recursive: true });
    expect(await wire.answer('lamp', 'update', { state: { desired: { a: 2 } } })).toEqual({
      code: 500,
      message: 'Internal service failure',
    });
    expect(core.warnings).toMatchObject([
      { message: expect.stringContaining('could not keep a shadow: "ENOENT') as string },
    ]);
    expect(await wire.answer('lamp', 'get')).toMatchObject({ version: 1, state: { desired: { a: 1 } } });
  });

  it('belongs to one core: a second one is told which process has it', async () => {
    const first = await startCore({ directory });
    await expect(startCore({ directory })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: `the local core of process ${process.pid} has the directory ${path()}`,
    });
    expect(await readFile(path('lock'), 'utf8')).toBe(String(process.pid));
    await first.stop();
    await writeFile(path('lock'), String(process.ppid));
    await expect(startCore({ directory })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`process ${process.ppid} `) as string,
      remediation: expect.stringContaining(`remove ${path('lock')}`) as string,
    });
  });

  it.each([String(NO_PROCESS), String(process.pid), 'x', ''])(
    'takes over the lock %j, whose process is no more',
    async (lock) => {
      await mkdir(path());
      await writeFile(path('lock'), lock);
      await keptBy(({ shadows }) => shadows.update(classic, { state: {} }));
      expect(await files('lock')).toEqual([]);
    },
  );

  it('says when it cannot be used', async () => {
    await writeFile(path(), 'a file');
    await expect(startCore({ directory })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: 'the shadows of the local core cannot be kept: EEXIST',
      remediation: `Make sure that this process may read and write ${path()}.`,
    });
  });
});
