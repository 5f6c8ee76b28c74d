import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inject, onTestFinished } from 'vitest';
import { QUICK_START } from './run-program.ts';

export interface StoreProcess {
  readonly pid: number;
  /** Resolves when it has shown this line; rejects when it ends before. */
  shows(line: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly end: Promise<{ readonly exitCode: number | null; readonly output: string }>;
}

/** Where other processes find a file of the built package, such as `dist/index.js`. */
export function builtUrl(path: string): string {
  return pathToFileURL(join(inject('builtPackage'), path)).href;
}

/** Runs these statements in another process, with `levelStore` and `systemClock` of the built package there. */
export function startStoreProcess(code: string): StoreProcess {
  const imports = [
    "import { levelStore } from './dist/adapters/level-store.js';",
    "import { systemClock } from './dist/protocol/clock.js';",
  ];
  const program = [...imports, code].join('\n');
  const child = spawn(process.execPath, [QUICK_START, '--input-type=module', '-e', program], {
    cwd: inject('builtPackage'),
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
