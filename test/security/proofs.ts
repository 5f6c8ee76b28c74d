import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEMANDS, type Demand } from './catalogue.ts';

const tests = join(import.meta.dirname, '..');

/** An id in the title of a test: within quotes, and not in a comment. */
const TITLE = /^(?!\s*(?:\/\/|\*)).*['"`].*sec:S-\d+/gm;

/** The files of tests whose titles name each demand, by its id. */
export function proofs(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const names = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.test.ts'),
  );
  for (const name of names.sort()) {
    const titles = readFileSync(join(tests, name), 'utf8').match(TITLE) ?? [];
    const ids = new Set(
      titles.flatMap((title) => [...title.matchAll(/sec:(S-\d+)/g)].map(([, id = '']) => id)),
    );
    for (const id of ids) found.set(id, [...(found.get(id) ?? []), name.replace('.test.ts', '')]);
  }
  return found;
}

/** The table of SECURITY.md. */
export function demandTable(): string {
  const found = proofs();
  const row = ({ id, demand, reason }: Demand): string => {
    const files = (found.get(id) ?? []).map((name) => `\`${name}\``).join(', ');
    const why = reason === undefined ? '' : `not here: ${reason}`;
    return `| ${id} | ${demand} | ${[files, why].filter((part) => part !== '').join('; ')} |`;
  };
  return ['| | demand | proof: tests, under `test/` |', '|---|---|---|', ...DEMANDS.map(row)].join('\n');
}
