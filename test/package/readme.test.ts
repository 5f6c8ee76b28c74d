import { execFile } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';

import { type Program, programOf, programs } from './documents.ts';

const run = promisify(execFile);
const bare = inject('bareFolder');
const full = inject('fullFolder');

async function runProgram({ name, code }: Program): Promise<string[]> {
  await writeFile(join(full, name), code);
  const { stdout, stderr } = await run(process.execPath, [name], { cwd: full, timeout: 30_000 });
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

describe('the packed package, in an empty folder, with the documents alone', () => {
  it('has every program under a name of its own, with what it prints', () => {
    const names = programs.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    const silent = programs.filter(({ name, output }) => name.endsWith('.mjs') && output.length === 0);
    expect(silent.map(({ document, name }) => `${document}: ${name}`)).toEqual([]);
  });

  it.each(programs.filter(({ name }) => name.endsWith('.mjs')))(
    'runs $name of $document, and prints what is said there',
    async (program) => {
      const { output, loose } = program;
      const printed = await runProgram(program);
      const isFirm = (line: string) => !loose.some((word) => line.startsWith(word));
      expect(printed.filter(isFirm)).toEqual(output.filter(isFirm));
      // QoS 1 may bring a message twice.
      expect(new Set(printed)).toEqual(new Set(output));
    },
  );

  it('names the one command when level is not there', async () => {
    await writeFile(
      join(bare, 'without-level.mjs'),
      `import { createIotClient, levelStore, plainTcp } from 'aws-iot-machines';
       const offlineQueue = { store: levelStore({ directory: 'none' }) };
       const client = createIotClient({ endpoint: '127.0.0.1', auth: plainTcp(), offlineQueue });
       await client.publish('a', 'b', { qos: 1 }).catch((error) => console.log(error.code, error.remediation));`,
    );
    const { stdout } = await run(process.execPath, ['without-level.mjs'], { cwd: bare });
    expect(stdout).toBe('MISSING_PACKAGE run: npm install level@10\n');
  });

  it('names the one command when the packages of the local core are not there', async () => {
    await writeFile(
      join(bare, 'without.mjs'),
      `import { startLocalIotCore } from 'aws-iot-machines/local';
       await startLocalIotCore().catch((error) => console.log(error.code, error.remediation));`,
    );
    const { stdout } = await run(process.execPath, ['without.mjs'], { cwd: bare });
    expect(stdout).toMatch(/^MISSING_PACKAGE .*npm install --save-dev/);
  });

  it('bundles the page with Vite', async () => {
    await writeFile(join(full, 'page.js'), programOf('page.js').code);
    await writeFile(
      join(full, 'index.html'),
      '<!doctype html><button></button><script type="module" src="/page.js"></script>',
    );
    await rm(join(full, 'dist'), { recursive: true, force: true });
    await run('npx', ['vite', 'build'], { cwd: full });
    const assets = await readdir(join(full, 'dist/assets'));
    // What only some pages need comes when it is used.
    expect(assets).toEqual(expect.arrayContaining([expect.stringMatching(/^aws4fetch.*\.js$/)]));
  });

  it('has a command line that explains itself', async () => {
    const { stdout } = await run('npx', ['aws-iot-machines', '--help'], { cwd: bare });
    expect(stdout).toContain('demo');
  });
});
