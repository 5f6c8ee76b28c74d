import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, inject, it } from 'vitest';

import { blocks, suiteFiles } from './documents.ts';

const GUIDE = 'docs/testing.md';
const folder = join(inject('fullFolder'), 'suite');

interface Report {
  readonly passed: number;
  readonly failed: number;
  readonly text: string;
}

/** What `node --test` says of the folder. */
async function runSuite(): Promise<Report> {
  const args = ['--test', '--test-reporter=tap'];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: folder,
    timeout: 60_000,
  }).catch((error: { readonly stdout: string }) => error);
  const count = (word: string): number => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(stdout)?.[1]);
  return { passed: count('pass'), failed: count('fail'), text: stdout };
}

describe(`${GUIDE}, followed word for word`, () => {
  beforeAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    for (const { name, code } of suiteFiles.filter(({ document }) => document === GUIDE))
      await writeFile(join(folder, name), code);
  });

  it('gives a green suite', async () => {
    const { passed, failed, text } = await runSuite();
    expect(failed, text.slice(-4_000)).toBe(0);
    expect(passed).toBeGreaterThan(150);
  });

  it('whose tests turn red when the badge forgets a state, and say what the guide says', async () => {
    const file = join(folder, 'connection-badge.mjs');
    const code = await readFile(file, 'utf8');
    await writeFile(file, code.replace("'offline, it comes back by itself'", "'online'"));
    const { failed, text } = await runSuite();
    await writeFile(file, code);
    expect(failed).toBeGreaterThan(20);
    const said = blocks.find(({ document, language }) => document === GUIDE && language === 'text')?.code;
    expect(text).toContain(said?.trim());
  });

  it('and when it calls a failed client one that comes back', async () => {
    const file = join(folder, 'connection-badge.mjs');
    const code = await readFile(file, 'utf8');
    await writeFile(file, code.replace('offline, call us', 'offline'));
    const { failed } = await runSuite();
    await writeFile(file, code);
    expect(failed).toBeGreaterThan(1);
  });
});
