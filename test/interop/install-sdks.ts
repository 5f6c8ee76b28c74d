// Fetches the SDKs of AWS from the registry, once for all tests that run them.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The package.json of a folder in which the SDKs of AWS are installed. */
    readonly awsSdks: string;
  }
}

const SDKS = ['aws-iot-device-sdk@2.2.16', 'aws-iot-device-sdk-v2@1.28.0'];

/** Nobody waits longer for the registry. */
const INSTALL_MS = 100_000;

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'aws-iot-sdks-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const packages = join(folder, 'package.json');
  // Without scripts: what aws-crt needs is in its package.
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--silent'];
  try {
    await writeFile(packages, '{ "private": true }');
    await promisify(execFile)('npm', ['install', ...flags, ...SDKS], { cwd: folder, timeout: INSTALL_MS });
  } catch (error) {
    await remove();
    throw error;
  }
  project.provide('awsSdks', packages);
  return remove;
}
