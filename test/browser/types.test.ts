import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, inject, it } from 'vitest';

const compiler = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
const program = join(import.meta.dirname, 'types/page.ts');
const folder = inject('installedApp');

/** The lines that the compiler complains about. */
async function wrongLines(options: object): Promise<number[]> {
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023', 'DOM', 'ESNext.Disposable'],
    types: [],
    module: 'ESNext',
    moduleResolution: 'Bundler',
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    ...options,
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['page.ts'] }));
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, '-p', folder]).catch(
    (error: unknown) => error as { stdout: string },
  );
  return [...stdout.matchAll(/^.*page\.ts\((\d+),/gm)].map(([, line]) => Number(line));
}

describe('the types of the packed package', () => {
  let onlyInNode: number[];

  beforeAll(async () => {
    await cp(program, join(folder, 'page.ts'));
    const lines = (await readFile(program, 'utf8')).split('\n');
    onlyInNode = lines.flatMap((line, index) => (line.endsWith('// only in Node') ? [index + 1] : []));
  });

  it('sec:S-29 refuse in a page what a page cannot have, and nothing else', async () => {
    expect(onlyInNode).toHaveLength(7);
    expect([...new Set(await wrongLines({ customConditions: ['browser'] }))]).toEqual(onlyInNode);
  });

  it('are those of Node without the condition', async () => {
    expect(await wrongLines({})).toEqual([]);
  });
});
