import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { inject } from 'vitest';
import { sawPrinted } from './witness.ts';

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  /** Resolves with the output so far, when that contains this text. */
  shows(text: string): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  /** Closes the pipe of its output, as `| head` does. */
  stopReading(): void;
  readonly end: Promise<ProgramEnd>;
}

/** Most programs end within a second: compiling their code well takes longer than it saves. */
export const QUICK_START = '--no-opt';

/** Starts a program of the built package, with its output in a pipe and an environment without our own settings. */
export function startProgram(
  path: string,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  const folder = inject('builtPackage');
  const child = spawn(process.execPath, [QUICK_START, join(folder, path), ...parameters], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const end = once(child, 'close').then(([exitCode, signal]: unknown[]) => {
    sawPrinted(stdout + stderr);
    return { exitCode: exitCode as number | null, signal: signal as NodeJS.Signals | null, stdout, stderr };
  });
  return {
    async shows(text) {
      while (!stdout.includes(text)) {
        const isOver = await Promise.race([
          once(child.stdout, 'data').then(() => false),
          end.then(() => !stdout.includes(text)),
        ]);
        if (isOver) throw new Error(`${path} ended and did not show ${text}:\n${stdout}${stderr}`);
      }
      return stdout;
    },
    kill: (signal) => void child.kill(signal),
    stopReading: () => void child.stdout.destroy(),
    end,
  };
}

export function runProgram(...call: Parameters<typeof startProgram>): Promise<ProgramEnd> {
  return startProgram(...call).end;
}
