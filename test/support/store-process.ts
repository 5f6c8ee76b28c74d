import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

export interface StoreProcess {
  readonly pid: number;
  /** Resolves when it has shown this line; rejects when it ends before. */
  shows(line: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly end: Promise<{ readonly exitCode: number | null; readonly output: string }>;
}

const root = join(import.meta.dirname, '../..');
const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2023,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};

let folder = '';

/** Other processes run what is in `src`, without its types: it is made once for a test file that has such processes. */
export function withStoreProcesses(): void {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-'));
    await Promise.all(['protocol', 'adapters'].map(compileLayer));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  });
  afterAll(() => rm(folder, { recursive: true }));
}

async function compileLayer(layer: string): Promise<void> {
  await mkdir(join(folder, layer));
  for (const name of await readdir(join(root, 'src', layer))) {
    const text = await readFile(join(root, 'src', layer, name), 'utf8');
    const { outputText } = ts.transpileModule(text, { compilerOptions });
    await writeFile(join(folder, layer, name.replace(/\.ts$/, '.js')), outputText);
  }
}

/** Runs these statements in another process, with `levelStore` and `systemClock` there. */
export function startStoreProcess(code: string): StoreProcess {
  const imports = [
    "import { levelStore } from './adapters/level-store.js';",
    "import { systemClock } from './protocol/clock.js';",
  ];
  const program = [...imports, code].join('\n');
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => ended(child));
  let output = '';
  for (const pipe of [child.stdout, child.stderr]) {
    pipe.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const end = once(child, 'close').then(([exitCode]) => ({ exitCode: exitCode as number | null, output }));
  return {
    pid: child.pid!,
    async shows(line) {
      while (!output.includes(`${line}\n`)) {
        const isOver = await Promise.race([once(child.stdout, 'data'), end]).then(
          () => child.exitCode !== null,
        );
        if (isOver && !output.includes(`${line}\n`)) throw new Error(`it ended without ${line}:\n${output}`);
      }
    },
    kill: (signal) => void child.kill(signal),
    end,
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}
