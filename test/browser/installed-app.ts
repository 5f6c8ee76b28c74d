// What the author of a page does: installs the packed package beside its peers in an empty folder, and has Vite bundle a
// page. No polyfill, no alias, no configuration of Vite.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A folder in which the package is installed, with a bundled page in `dist`. */
    readonly installedApp: string;
    /** What Vite said while it bundled that page. */
    readonly bundlerOutput: string;
    /** The same, without the packages that only some pages need; that page is in `lean`. */
    readonly leanBundlerOutput: string;
  }
}

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** What the package of this checkout is tested with: `name@version`. */
async function withVersions(...names: readonly string[]): Promise<string[]> {
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  return names.map((name) => `${name}@${devDependencies[name] ?? 'latest'}`);
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-page-'));
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root });
  const tarball = stdout.trim().split('\n').at(-1) ?? '';
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const install = (...packages: readonly string[]) =>
    run('npm', ['install', '--silent', '--no-audit', '--no-fund', ...packages], { cwd: folder });
  await cp(join(import.meta.dirname, 'page'), folder, { recursive: true });
  await install(`./${tarball}`, ...(await withVersions('xstate', 'vite')));
  project.provide('leanBundlerOutput', await bundle(folder, '--outDir', 'lean'));
  await install(...(await withVersions('aws4fetch', '@aws-sdk/credential-providers')));
  project.provide('installedApp', folder);
  project.provide('bundlerOutput', await bundle(folder));
  return () => rm(folder, { recursive: true });
}

/** What Vite says. */
export async function bundle(folder: string, ...parameters: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run('npx', ['vite', 'build', ...parameters], {
    cwd: folder,
    // Without what the test runner says of itself: Vite would bundle for development, and warn of nothing.
    env: { ...process.env, NODE_ENV: 'production', NO_COLOR: '1' },
  });
  return stdout + stderr;
}
