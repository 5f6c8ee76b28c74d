// Builds the package once for all tests that start it as users do, in a folder of its own: `npm test` needs no build before
// it, takes none that is out of date, and disturbs none that is in use.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The folder of a package as it is published, with the examples beside it. */
    readonly builtPackage: string;
  }
}

const root = join(import.meta.dirname, '../..');

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-'));
  const build = [join(root, 'scripts/build.mjs'), join(folder, 'dist')];
  // Types are the business of `npm run check`: nor are those of packages read.
  const quick = ['--noCheck', '--noResolve', '--declaration', 'false', '--declarationMap', 'false'];
  await Promise.all([
    promisify(execFile)(process.execPath, [...build, ...quick]),
    cp(join(root, 'package.json'), join(folder, 'package.json')),
    cp(join(root, 'examples'), join(folder, 'examples'), { recursive: true }),
    symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction'),
  ]);
  project.provide('builtPackage', folder);
  return () => rm(folder, { recursive: true });
}
