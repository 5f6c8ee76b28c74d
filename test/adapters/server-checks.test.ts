import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const sources = join(import.meta.dirname, '../../src');

it('sec:S-2 no source has a way to trust a server that proves nothing', async () => {
  const names = (await readdir(sources, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(names.map((name) => readFile(join(sources, name), 'utf8')));
  const holding = (text: RegExp): string[] => names.filter((_name, index) => text.test(texts[index]!));

  // It is set where a socket is opened and where the local core listens, and never to anything else.
  expect(holding(/rejectUnauthorized: true\b/)).toContain(join('adapters', 'sockets.ts'));
  expect(holding(/rejectUnauthorized(?!: true\b)/)).toEqual([]);
  expect(holding(/checkServerIdentity/)).toEqual([]);
});
