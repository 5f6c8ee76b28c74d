// AWS's own SDKs on our local core, with our client as their peer. They are fetched from the registry for this, and run in
// processes of their own.
import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { IotClient, Message } from '../../src/index.ts';
import { type LocalIotCore, startLocalIotCore } from '../../src/local/index.ts';
import { afterThisTest, IMPATIENT, Inbox, makeClient } from './support.ts';

const SDKS = { 'aws-iot-device-sdk': '2.2.16', 'aws-iot-device-sdk-v2': '1.28.0' } as const;

/** Below the time that a hook has: then npm is ended too. */
const INSTALL_MS = 100_000;

interface Told {
  readonly event: 'connected' | 'disconnected' | 'message' | 'done' | 'error';
  readonly topic?: string;
  readonly payload?: string;
}

/** A program that uses one of the SDKs. */
class Program {
  readonly told = new Inbox<Told>();
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (told) => this.told.put(told as Told));
  }

  /** Resolves when it has happened so often. */
  async has(event: Told['event'], times = 1): Promise<void> {
    await this.told.until((all) => this.#count(all, event) >= times);
  }

  async do(command: Readonly<Record<string, string>>): Promise<void> {
    const done = this.#count(this.told.all, 'done') + 1;
    this.#child.send(command);
    await this.has('done', done);
  }

  get messages(): string[] {
    return this.told.all.flatMap(({ event, topic, payload }) =>
      event === 'message' ? [`${topic}=${payload}`] : [],
    );
  }

  #count(all: readonly Told[], event: Told['event']): number {
    return all.filter((each) => each.event === event).length;
  }
}

describe.each(Object.keys(SDKS))('%s on the local core', (sdk) => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aws-iot-sdk-'));
    await writeFile(join(folder, 'package.json'), '{ "private": true }');
    const wanted = `${sdk}@${SDKS[sdk as keyof typeof SDKS]}`;
    // Without scripts: what aws-crt needs is in its package.
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--silent'];
    await promisify(execFile)('npm', ['install', ...flags, wanted], { cwd: folder, timeout: INSTALL_MS });
  });

  // What has failed above must not fail here once more.
  afterAll(() => (folder === '' ? undefined : rm(folder, { recursive: true, force: true })));

  async function startProgram(core: LocalIotCore): Promise<Program> {
    const credentials = await core.deviceCredentials('sdk');
    const packages = join(folder, 'package.json');
    const child = fork(
      join(import.meta.dirname, `programs/${sdk}.mjs`),
      [JSON.stringify({ ...credentials, packages })],
      { execArgv: [], env: { PATH: process.env['PATH'] } },
    );
    afterThisTest(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    return new Program(child);
  }

  async function start(): Promise<{ core: LocalIotCore; program: Program; peer: IotClient }> {
    const core = await startLocalIotCore({ onWarning: () => {} });
    afterThisTest(() => core.stop());
    const program = await startProgram(core);
    const peer = makeClient({ ...core.deviceOptions('peer'), ...IMPATIENT });
    await Promise.all([peer.connect(), program.has('connected')]);
    return { core, program, peer };
  }

  it('exchanges messages with our client, both ways', async () => {
    const { core, program, peer } = await start();
    const inbox = new Inbox<Message>();
    await peer.subscribe('to/peer', { qos: 1 }, inbox.put);
    await program.do({ subscribe: 'to/sdk' });
    await program.do({ publish: 'to/peer', payload: 'from the SDK' });
    await peer.publish('to/sdk', 'from our client', { qos: 1 });
    const [message] = await inbox.count(1);
    expect([message?.text(), message?.qos]).toEqual(['from the SDK', 1]);
    await program.has('message');
    expect(program.messages).toEqual(['to/sdk=from our client']);
    expect(core.received.map(({ clientId, qos }) => [clientId, qos])).toEqual([
      ['sdk', 1],
      ['peer', 1],
    ]);
  });

  it('comes back after its connection was dropped, and gets its messages again', async () => {
    const { core, program, peer } = await start();
    await program.do({ subscribe: 'to/sdk' });
    await core.faults.dropConnections({ clientId: 'sdk' });
    await program.has('disconnected');
    await program.has('connected', 2);
    const filters = () => core.clients.find(({ clientId }) => clientId === 'sdk')?.subscriptions ?? [];
    await core.when(() => filters().length === 1);
    await peer.publish('to/sdk', 'welcome back', { qos: 1 });
    await program.has('message');
    expect(program.messages).toEqual(['to/sdk=welcome back']);
  });
});
