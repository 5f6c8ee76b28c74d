import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
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

/** Other processes run our sources, without their types: these files and folders are made once for a test file. */
export function withProcesses(...paths: readonly string[]): void {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const files = await Promise.all(paths.map(filesAt));
    await Promise.all(files.flat().map(compile));
  });
  afterAll(() => rm(folder, { recursive: true }));
}

/** All that `levelStore` needs. */
export function withStoreProcesses(): void {
  withProcesses('src/protocol', 'src/adapters');
}

/** Where a file of ours is found by such a process. */
export function compiledUrl(path: string): string {
  return pathToFileURL(join(folder, path.replace(/\.ts$/, '.js'))).href;
}

async function filesAt(path: string): Promise<string[]> {
  if (path.endsWith('.ts')) return [path];
  return (await readdir(join(root, path))).map((name) => join(path, name));
}

async function compile(path: string): Promise<void> {
  const { outputText } = ts.transpileModule(await readFile(join(root, path), 'utf8'), { compilerOptions });
  const made = fileURLToPath(compiledUrl(path));
  await mkdir(dirname(made), { recursive: true });
  await writeFile(made, outputText);
}

/** Runs these statements in another process, with `levelStore` and `systemClock` there (`withStoreProcesses`). */
export function startStoreProcess(code: string): StoreProcess {
  const imports = [
    "import { levelStore } from './src/adapters/level-store.js';",
    "import { systemClock } from './src/protocol/clock.js';",
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
