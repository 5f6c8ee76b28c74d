// The code in the documents: what a reader would copy.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A fenced block of a document. */
export interface Block {
  /** Of its document, from the root of the repository. */
  readonly document: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** The comment that stands before it, without its brackets; empty when there is none. */
  readonly mark: string;
}

/** A whole program, marked by `<!-- program: name -->`, which may go on `, loose: word word`. */
export interface Program extends Block {
  readonly name: string;
  /** What is said that it prints: the first block of text after it. */
  readonly output: readonly string[];
  /** How lines begin that may come a few lines earlier or later than it is said. */
  readonly loose: readonly string[];
}

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['docs', 'examples', 'visualizations', 'bench'];

/** The documents, from the root of the repository. */
export const documents: readonly string[] = [
  ...readdirSync(ROOT).filter(isDocument),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => isDocument(path) && !path.includes('node_modules'))
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`),
  ),
];

export const blocks: readonly Block[] = documents.flatMap((document) => blocksIn(document));

export const programs: readonly Program[] = blocks.flatMap((block, index) => {
  const [, name, loose = ''] = /^program: ([\w.-]+)(?:, loose: (.+))?$/.exec(block.mark) ?? [];
  if (name === undefined) return [];
  const following = blocks.slice(index + 1).filter(({ document }) => document === block.document);
  const next = following.find(({ language, mark }) => language === 'text' || mark.startsWith('program:'));
  const output = next?.language === 'text' ? next.code.trimEnd().split('\n') : [];
  return [{ ...block, name, output, loose: loose === '' ? [] : loose.split(' ') }];
});

/** A file of a suite of tests that a guide makes, marked by `<!-- suite: name -->`. */
export interface SuiteFile extends Block {
  readonly name: string;
}

export const suiteFiles: readonly SuiteFile[] = blocks.flatMap((block) => {
  const [, name] = /^suite: ([\w.-]+)$/.exec(block.mark) ?? [];
  return name === undefined ? [] : [{ ...block, name }];
});

export function programOf(name: string): Program {
  const found = programs.find((program) => program.name === name);
  if (found === undefined) throw new Error(`no document has a program ${name}`);
  return found;
}

function isDocument(path: string): boolean {
  return path.endsWith('.md');
}

function blocksIn(document: string): Block[] {
  const lines = readFileSync(join(ROOT, document), 'utf8').split('\n');
  const found: Block[] = [];
  for (let number = 0; number < lines.length; number++) {
    const [, indent, language] = /^( *)```(\w*)/.exec(lines[number] ?? '') ?? [];
    if (indent === undefined || language === undefined) continue;
    const end = lines.indexOf(`${indent}\`\`\``, number + 1);
    if (end === -1) throw new Error(`${document}:${number + 1}: a block that does not end`);
    const code = lines.slice(number + 1, end).map((line) => line.slice(indent.length));
    const mark = /^ *<!-- (.*) -->$/.exec(lines[number - 1] ?? '')?.[1] ?? '';
    found.push({ document, line: number + 2, language, code: `${code.join('\n')}\n`, mark });
    number = end;
  }
  return found;
}
