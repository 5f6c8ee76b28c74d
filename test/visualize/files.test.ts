import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { draw, machinesOf, staleFiles, writeFiles } from '../../scripts/visualize/files.ts';

const lamp = createMachine({
  id: 'lamp',
  initial: 'off',
  states: {
    off: { on: { press: { target: 'on', guard: 'hasPower' } } },
    on: { on: { press: 'off', look: {} } },
  },
});

const ALL = ['README.md', 'lamp.json', 'lamp.md', 'lamp.mmd', 'lamp.svg'];

describe('the generated files', () => {
  let files: ReadonlyMap<string, string>;
  let directory: string;
  beforeAll(async () => {
    ({ files } = await draw([lamp]));
  });
  beforeEach(async () => {
    directory = join(await mkdtemp(join(tmpdir(), 'pictures-')), 'visualizations');
  });
  afterEach(async () => {
    await rm(join(directory, '..'), { recursive: true });
  });

  it('are a description, a table, Mermaid and a picture for each machine, and a page of all', async () => {
    expect(await writeFiles(directory, files)).toEqual(ALL);
    expect(await readdir(directory)).toEqual(ALL);
    expect(await staleFiles(directory, files)).toEqual([]);
    expect(await writeFiles(directory, files)).toEqual([]);
  });

  it('are the same bytes on each run', async () => {
    expect([...(await draw([lamp])).files]).toEqual([...files]);
  });

  it('hold one row for each transition', async () => {
    await writeFiles(directory, files);
    const table = await readFile(join(directory, 'lamp.md'), 'utf8');
    expect(table).toContain('| `off` | `press` | `hasPower` | `on` |  |');
    expect(table).toContain('| `on` | `press` |  | `off` |  |');
    expect(table).toContain('| `on` | `look` |  | stays |  |');
  });

  it('are stale when they are missing, were changed, or belong to no machine', async () => {
    await writeFiles(directory, files);
    await rm(join(directory, 'lamp.json'));
    await appendFile(join(directory, 'lamp.svg'), ' ');
    await writeFile(join(directory, 'candle.svg'), '<svg/>');
    await writeFile(join(directory, 'README.md'), 'written by hand');
    await writeFile(join(directory, 'notes.txt'), 'of somebody');
    expect(await staleFiles(directory, files)).toEqual(['README.md', 'candle.svg', 'lamp.json', 'lamp.svg']);
    await writeFiles(directory, files);
    expect(await staleFiles(directory, files)).toEqual([]);
    expect(await readdir(directory)).toEqual([...ALL, 'notes.txt']);
  });

  it('change with the machine', async () => {
    await writeFiles(directory, files);
    const other = createMachine({
      id: 'lamp',
      initial: 'off',
      states: { off: { on: { press: 'on' } }, on: {} },
    });
    expect(await staleFiles(directory, (await draw([other])).files)).toEqual([
      'lamp.json',
      'lamp.md',
      'lamp.mmd',
      'lamp.svg',
    ]);
  });

  it('are drawn from each exported machine, and only from those', () => {
    expect(machinesOf({ lamp, version: '1', helper: () => undefined, nothing: null })).toEqual([lamp]);
  });

  it('are refused for two machines of the same name', async () => {
    await expect(draw([lamp, lamp])).rejects.toThrow('two machines are called lamp');
  });
});
