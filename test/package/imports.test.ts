import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, inject, it } from 'vitest';

const dist = join(inject('bareFolder'), 'node_modules/aws-iot-machines/dist');
const SPECIFIER = /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g;

/** Every module that this one leads to, by the path from `dist`, and the packages by their names; what comes later, too. */
async function reachedFrom(entry: string): Promise<Set<string>> {
  const reached = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    const name = relative(dist, path);
    if (reached.has(name)) return;
    reached.add(name);
    for (const [, specifier = ''] of (await readFile(path, 'utf8')).matchAll(SPECIFIER)) {
      if (specifier.startsWith('.')) await visit(join(dirname(path), specifier));
      else reached.add(specifier);
    }
  };
  await visit(join(dist, entry));
  return reached;
}

const isOfInspectors = (name: string): boolean => /^inspect\/|^@statelyai\/|^elkjs/.test(name);

describe('sec:S-22 what watches machines is in no program that does not ask for it', () => {
  it.each([
    'index.js',
    'browser.js',
    'machines/index.js',
    'adapters/index.js',
    'local/index.js',
    'testing/index.js',
  ])('%s leads to none of it', async (entry) => {
    const reached = [...(await reachedFrom(entry))];
    expect(reached.length).toBeGreaterThan(5);
    expect(reached.filter(isOfInspectors)).toEqual([]);
  });

  it('and is where it is asked for', async () => {
    expect([...(await reachedFrom('inspect/index.js'))].filter(isOfInspectors)).not.toEqual([]);
  });
});
