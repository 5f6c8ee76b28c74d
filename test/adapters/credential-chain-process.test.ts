import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, onTestFinished, test } from 'vitest';
import { useEmptyEnvironment } from '../support/credential-world.ts';

useEmptyEnvironment();

/** The built package where no package is installed beside it. */
async function lonelyPackage(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const part of ['dist', 'package.json'])
    await cp(join(inject('builtPackage'), part), join(folder, part), { recursive: true });
  return folder;
}

test('without the AWS SDK the order ends before it: who finds keys misses nothing, who finds none is told what to install', async () => {
  const folder = await lonelyPackage();
  const urlOf = (path: string): string => JSON.stringify(pathToFileURL(join(folder, 'dist', path)).href);
  const program = `
    const { nodeCredentialSource } = await import(${urlOf('adapters/credential-chain.js')});
    const { systemClock: clock } = await import(${urlOf('protocol/clock.js')});
    const { signal } = new AbortController();
    const get = () => nodeCredentialSource().get({ forceRefresh: false, signal, clock, wallClock: Date.now });
    const missing = await get().catch((error) => error.toJSON());
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 'B' });
    console.log(JSON.stringify({ missing, found: await get() }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  const { missing, found: keys } = JSON.parse(stdout) as Record<string, { message: string }>;
  expect(missing).toMatchObject({
    code: 'CREDENTIALS_NOT_FOUND',
    message: expect.stringMatching(/; @aws-sdk\/credential-providers is not installed$/) as string,
    remediation: expect.stringContaining('`npm install @aws-sdk/credential-providers` adds SSO') as string,
  });
  expect(keys).toEqual({ accessKeyId: 'A', secretAccessKey: 'B' });
});
