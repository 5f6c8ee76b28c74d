import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnyStateMachine } from 'xstate';
import { describe } from '../../src/inspect/chart/describe.ts';
import { fileStem } from '../../src/inspect/chart/draw-machine.ts';
import { bestLayout } from '../../src/inspect/chart/layout.ts';
import { toSvg } from '../../src/inspect/chart/svg.ts';
import { toGallery } from './gallery.ts';
import { toMermaid } from './mermaid.ts';
import { toTable } from './table.ts';

export interface Drawn {
  /** What belongs into the directory, by file name. */
  readonly files: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/** The machines among the exports of a module. */
export function machinesOf(exports: Readonly<Record<string, unknown>>): AnyStateMachine[] {
  return Object.values(exports).filter(isMachine);
}

function isMachine(value: unknown): value is AnyStateMachine {
  return typeof value === 'object' && value !== null && 'root' in value && 'implementations' in value;
}

export async function draw(machines: readonly AnyStateMachine[]): Promise<Drawn> {
  const files = new Map<string, string>();
  const warnings: string[] = [];
  for (const machine of machines) {
    const stem = fileStem(machine.id);
    if (files.has(`${stem}.json`)) throw new Error(`two machines are called ${machine.id}`);
    const described = describe(machine);
    warnings.push(...described.warnings);
    files.set(`${stem}.json`, `${JSON.stringify(described.description, null, 2)}\n`);
    files.set(`${stem}.md`, toTable(described.description));
    files.set(`${stem}.mmd`, toMermaid(described.description));
    files.set(`${stem}.svg`, toSvg(await bestLayout(described.description)));
  }
  const drawn = machines.map(({ id }) => ({ id, stem: fileStem(id) }));
  files.set('README.md', toGallery(drawn));
  return { files, warnings };
}

/** The names of the files that are missing, are not what they should be, or belong to no machine. */
export async function staleFiles(directory: string, files: Drawn['files']): Promise<string[]> {
  const present = await presentFiles(directory);
  const wrong = await Promise.all(
    [...files].map(async ([name, text]) => {
      const isSame = present.includes(name) && (await readFile(join(directory, name), 'utf8')) === text;
      return isSame ? [] : [name];
    }),
  );
  return [...wrong.flat(), ...present.filter((name) => !files.has(name))].sort();
}

/** Writes what is stale and removes the pictures of machines that are no more. */
export async function writeFiles(directory: string, files: Drawn['files']): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const stale = await staleFiles(directory, files);
  for (const name of stale) {
    const text = files.get(name);
    if (text === undefined) await rm(join(directory, name));
    else await writeFile(join(directory, name), text);
  }
  return stale;
}

/** Only files of the kinds that are generated here. */
async function presentFiles(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names.filter((name) => /\.(json|md|mmd|svg)$/.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
