// What a new user does: installs the packed package in an empty folder. Twice, side by side: once with what a device has,
// once with all that the documents say can be installed beside it.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A folder with the package and XState. */
    readonly bareFolder: string;
    /** A folder with the package and every package that a document names. */
    readonly fullFolder: string;
  }
}

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** As the documents name them; what they name without a version comes in the one that this checkout is tested with. */
const NAMED = ['aedes@1', 'selfsigned@5', 'level@10', 'aws4fetch@1'];
const TESTED = [
  '@aws-sdk/credential-providers',
  '@statelyai/inspect',
  '@types/node',
  '@types/react',
  '@types/react-dom',
  '@xstate/react',
  'elkjs',
  'react',
  'react-dom',
  'valibot',
  'vite',
  'zod',
];

async function tested(name: string): Promise<string> {
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  return `${name}@${devDependencies[name] ?? 'latest'}`;
}

async function install(folder: string, ...packages: readonly string[]): Promise<void> {
  // A name and a version, as an application has them: without, not every npm makes a bill of materials.
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'a-user', version: '1.0.0', private: true }),
  );
  await run('npm', ['install', '--silent', '--no-audit', '--no-fund', ...packages], { cwd: folder });
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [bare, full] = await Promise.all([
    mkdtemp(join(tmpdir(), 'aws-iot-machines-device-')),
    mkdtemp(join(tmpdir(), 'aws-iot-machines-user-')),
  ]);
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', bare], { cwd: ROOT });
  const tarball = join(bare, stdout.trim().split('\n').at(-1) ?? '');
  await Promise.all([
    install(bare, tarball, 'xstate'),
    install(full, tarball, 'xstate', ...NAMED, ...(await Promise.all(TESTED.map(tested)))),
  ]);
  project.provide('bareFolder', bare);
  project.provide('fullFolder', full);
  return async () => {
    await Promise.all([bare, full].map((folder) => rm(folder, { recursive: true })));
  };
}
