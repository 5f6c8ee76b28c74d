import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, inject, it } from 'vitest';

import { type Block, blocks, documents, programs, suiteFiles } from './documents.ts';
import { PRELUDE } from './documents-prelude.ts';

const TSC = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
const NOT_COMPILED = 'not compiled: ';
/** A block with this mark is compiled with what bundlers for browsers take. */
const IN_A_PAGE = 'in a page';

/** Which languages are compiled, with the ending of the file. */
const COMPILED: Readonly<Record<string, string>> = { js: 'js', mjs: 'js', jsx: 'jsx', ts: 'ts', tsx: 'tsx' };
/** All others that a document may use: code in another spelling of these would be looked at by nobody. */
const OTHERS = ['bash', 'html', 'json', 'mermaid', 'python', 'sh', 'text', ''];

const code = blocks.filter(({ language }) => language in COMPILED);
const exempt = code.filter(({ mark }) => mark.startsWith(NOT_COMPILED));
const runs = new Set<string>([...programs, ...suiteFiles].map(placeOf));
const compiled = code.filter((block) => !exempt.includes(block) && !runs.has(placeOf(block)));

const COMPILER_OPTIONS = {
  target: 'ESNext',
  lib: ['ESNext', 'DOM', 'DOM.Iterable'],
  module: 'NodeNext',
  moduleDetection: 'force',
  types: ['node'],
  jsx: 'react-jsx',
  strict: true,
  exactOptionalPropertyTypes: true,
  // A fragment such as `auth: sigV4()`, out of the options of a client, is a label to the compiler.
  allowUnusedLabels: true,
  skipLibCheck: true,
  noEmit: true,
};

function placeOf({ document, line }: Pick<Block, 'document' | 'line'>): string {
  return `${document}:${line}`;
}

/** The file of a block. Its lines have the numbers that they have in the document. */
function fileOf({ document, line, language }: Block): string {
  return `${document.replaceAll('/', '+')}+${line}.${COMPILED[language]}`;
}

/** What the compiler says, with the places in the documents. */
async function compile(folder: string, of: readonly Block[], options: object): Promise<string[]> {
  await mkdir(folder);
  const files = of.map((block) =>
    writeFile(join(folder, fileOf(block)), '\n'.repeat(block.line - 1) + block.code),
  );
  const config = { compilerOptions: { ...COMPILER_OPTIONS, ...options }, include: ['*'] };
  await Promise.all([
    ...files,
    writeFile(join(folder, 'package.json'), '{ "type": "module" }'),
    writeFile(join(folder, 'prelude.d.ts'), PRELUDE),
    writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config)),
  ]);
  const output = await promisify(execFile)(process.execPath, [TSC, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
  }).then(
    () => '',
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
  // What goes on about a fault is indented.
  const said = output.trimEnd().split(/\n(?! )/);
  return said
    .filter(Boolean)
    .map((fault) =>
      fault.replace(/^(.*?)\+\d+\.[jt]sx?\((\d+),\d+\)/, (_, name: string, at: string) =>
        placeOf({ document: name.replaceAll('+', '/'), line: Number(at) }),
      ),
    );
}

describe('the code in the documents', () => {
  let faults: readonly string[];

  beforeAll(async () => {
    const isScript = ({ language }: Block) => COMPILED[language]?.startsWith('js') === true;
    const isOfPage = ({ mark }: Block) => mark === IN_A_PAGE;
    const inFull = (name: string) => join(inject('fullFolder'), name);
    const inScript = { allowJs: true, checkJs: true, noImplicitAny: false };
    const inPage = { ...inScript, customConditions: ['browser'] };
    const rest = compiled.filter((block) => !isOfPage(block));
    const found = await Promise.all([
      compile(inFull('pages'), compiled.filter(isOfPage), inPage),
      compile(inFull('scripts'), rest.filter(isScript), inScript),
      compile(
        inFull('types'),
        rest.filter((block) => !isScript(block)),
        {},
      ),
    ]);
    faults = found.flat();
  });

  it.each(documents.filter((document) => compiled.some((block) => block.document === document)))(
    'compiles against the packed package: %s',
    (document) => {
      expect(faults.filter((fault) => fault.startsWith(`${document}:`))).toEqual([]);
    },
  );

  it('has no other fault, in the prelude say', () => {
    const isPlaced = (fault: string) => documents.some((document) => fault.startsWith(`${document}:`));
    expect(faults.filter((fault) => !isPlaced(fault))).toEqual([]);
  });

  it('is compiled or run, but for these', () => {
    expect(exempt.map(({ document, mark }) => `${document}: ${mark.slice(NOT_COMPILED.length)}`)).toEqual([]);
    expect(compiled.length + runs.size + exempt.length).toBe(code.length);
    expect(compiled.length).toBeGreaterThan(20);
  });

  it('is in a language that this test knows', () => {
    const others = blocks.filter(({ language }) => !(language in COMPILED) && !OTHERS.includes(language));
    expect(others.map((block) => `${placeOf(block)}: ${block.language}`)).toEqual([]);
  });
});
