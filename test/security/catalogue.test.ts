import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEMANDS } from './catalogue.ts';
import { demandTable, proofs } from './proofs.ts';

const page = join(import.meta.dirname, '../../SECURITY.md');
const text = readFileSync(page, 'utf8');

describe('the demands of security', () => {
  it('are 32, and each has a test, or a reason why not', () => {
    expect(DEMANDS.map(({ id }) => id)).toEqual(Array.from({ length: 32 }, (_, index) => `S-${index + 1}`));
    const found = proofs();
    expect(DEMANDS.filter(({ id, reason }) => !found.has(id) && reason === undefined)).toEqual([]);
    // And no title names a demand that is not there.
    const known = new Set(DEMANDS.map(({ id }) => id));
    expect([...found.keys()].filter((id) => !known.has(id))).toEqual([]);
  });

  it('sec:S-32 stand in SECURITY.md with their proofs; `npx vitest run test/security -u` brings them up to date', async () => {
    const begin = text.indexOf('| | demand |');
    expect(begin).toBeGreaterThan(0);
    await expect(`${text.slice(0, begin)}${demandTable()}\n`).toMatchFileSnapshot(page);
  });

  it('sec:S-32 SECURITY.md says how to report, what is supported, what is protected from whom, and what is not', () => {
    const headings = [...text.matchAll(/^##+ (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(
      expect.arrayContaining([
        'Reporting a vulnerability',
        'Supported versions',
        'Threat model',
        'Assets',
        'Attackers',
        'Trust boundaries',
        'What counts as a vulnerability',
        'What does not',
        'Demands and their proofs',
      ]),
    );
  });
});
