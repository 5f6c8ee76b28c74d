import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

let folder: string;
/** The README, and what it sends its reader to. */
let documents: string;

/** A program of the documents, by the comment that stands before it. */
function programOf(name: string): string {
  const marked = documents.split(`<!-- program: ${name} -->`)[1] ?? '';
  const code = /^```\w+\n([\s\S]*?)^```/m.exec(marked)?.[1];
  if (code === undefined) throw new Error(`no document has a program ${name}`);
  return code;
}

/** What is said that the program prints: the first block of text after it. */
function outputOf(name: string): string[] {
  const after = documents.split(`<!-- program: ${name} -->`)[1] ?? '';
  return (/^```text\n([\s\S]*?)^```/m.exec(after)?.[1] ?? '').trim().split('\n');
}

async function runProgram(name: string): Promise<string[]> {
  await writeFile(join(folder, name), programOf(name));
  const { stdout, stderr } = await run(process.execPath, [name], { cwd: folder, timeout: 30_000 });
  expect(stderr).toBe('');
  return stdout.trim().split('\n');
}

describe('the packed package, in an empty folder, with the README alone', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-user-'));
    const pages = ['README.md', 'docs/signing-in.md'].map((page) => readFile(join(root, page), 'utf8'));
    documents = (await Promise.all(pages)).join('\n');
    const npm = (...args: string[]) => run('npm', args, { cwd: folder });
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root });
    const tarball = stdout.trim().split('\n').at(-1) ?? '';
    await writeFile(join(folder, 'package.json'), '{ "private": true }');
    await npm('install', '--silent', `./${tarball}`, 'xstate');
    await npm('install', '--silent', '--save-dev', 'aedes@1', 'selfsigned@5');
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('runs the first program, and prints what the README says', async () => {
    const printed = await runProgram('first.mjs');
    // A message may come before or after the status that stands beside it, and QoS 1 may bring one twice.
    expect(printed.filter((line) => line.startsWith('status'))).toEqual(
      outputOf('first.mjs').filter((line) => line.startsWith('status')),
    );
    expect(new Set(printed)).toEqual(new Set(outputOf('first.mjs')));
  });

  it('renews its line before the keys of a WebSocket end, and delivers what waited', async () => {
    const printed = await runProgram('renewal.mjs');
    // The message may come before or after the status that stands beside it.
    const withoutMessage = (lines: string[]) => lines.filter((line) => !line.startsWith('message'));
    expect(withoutMessage(printed)).toEqual(withoutMessage(outputOf('renewal.mjs')));
    expect(new Set(printed)).toEqual(new Set(outputOf('renewal.mjs')));
  });

  it('asks the function that stands for the Lambda of an authorizer', async () => {
    expect(await runProgram('authorizer.mjs')).toEqual(outputOf('authorizer.mjs'));
  });

  it('runs the connection machine over a transport of the user', async () => {
    expect(await runProgram('machine.mjs')).toEqual(outputOf('machine.mjs'));
  });

  it('runs the test of a lost PUBACK on the scripted broker', async () => {
    expect(await runProgram('lost-puback.mjs')).toEqual(outputOf('lost-puback.mjs'));
  });

  it('keeps a message from one client to the next, once level is installed', async () => {
    await writeFile(
      join(folder, 'without-level.mjs'),
      `import { createIotClient, levelStore, plainTcp } from 'aws-iot-machines';
       const offlineQueue = { store: levelStore({ directory: 'none' }) };
       const client = createIotClient({ endpoint: '127.0.0.1', auth: plainTcp(), offlineQueue });
       await client.publish('a', 'b', { qos: 1 }).catch((error) => console.log(error.code, error.remediation));`,
    );
    expect((await run(process.execPath, ['without-level.mjs'], { cwd: folder })).stdout).toBe(
      'MISSING_PACKAGE run: npm install level@10\n',
    );
    await run('npm', ['install', '--silent', 'level@10'], { cwd: folder });
    expect(await runProgram('durable.mjs')).toEqual(outputOf('durable.mjs'));
  });

  it('bundles the page with Vite', async () => {
    const npm = (...args: string[]) => run('npm', args, { cwd: folder });
    await npm('install', '--silent', 'aws4fetch@1', '@aws-sdk/credential-providers');
    await npm('install', '--silent', '--save-dev', 'vite');
    await writeFile(join(folder, 'page.js'), programOf('page.js'));
    await writeFile(
      join(folder, 'index.html'),
      '<!doctype html><button></button><script type="module" src="/page.js"></script>',
    );
    await run('npx', ['vite', 'build'], { cwd: folder });
    const assets = await readdir(join(folder, 'dist/assets'));
    // What only some pages need comes when it is used.
    expect(assets).toEqual(expect.arrayContaining([expect.stringMatching(/^aws4fetch.*\.js$/)]));
  });

  it('has a command line that explains itself', async () => {
    const { stdout } = await run('npx', ['aws-iot-machines', '--help'], { cwd: folder });
    expect(stdout).toContain('demo');
  });

  it('names the one command when the packages of the local core are not there', async () => {
    await run('npm', ['uninstall', '--silent', 'aedes', 'selfsigned'], { cwd: folder });
    await writeFile(
      join(folder, 'without.mjs'),
      `import { startLocalIotCore } from 'aws-iot-machines/local';
       await startLocalIotCore().catch((error) => console.log(error.code, error.remediation));`,
    );
    const { stdout } = await run(process.execPath, ['without.mjs'], { cwd: folder });
    expect(stdout).toMatch(/^MISSING_PACKAGE .*npm install --save-dev/);
  });
});
