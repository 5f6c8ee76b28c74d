import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { LocalIotCore } from '../../src/local/index.ts';
import { afterThisTest, Inbox } from './support.ts';

/** The SDKs of AWS, each with a program of ours beside it. */
export type Sdk = 'aws-iot-device-sdk' | 'aws-iot-device-sdk-v2';

/** Programs that use their device shadows; the last one runs AWS's own test of them. */
export type ShadowProgram = 'shadows-v1' | 'shadows-v2' | 'shadows-aws-test';

/** How a program signs in: what each can do, and what it needs for that, is in the program. */
export interface ProgramSignIn {
  readonly kind: 'certificate' | 'keys' | 'query' | 'headers' | 'authorizer' | 'webSocketAuthorizer';
  readonly [detail: string]: unknown;
}

export interface Told {
  readonly event:
    | ('connected' | 'disconnected' | 'message' | 'done' | 'error')
    | ('answer' | 'delta' | 'documents' | 'foreign');
  readonly topic?: string;
  readonly payload?: string;
  /** Of an answer: which call it is to, and what came of it. */
  readonly id?: number;
  readonly outcome?: unknown;
  /** Of what a shadow tells. */
  readonly body?: unknown;
  /** Of an error. */
  readonly message?: string;
}

/** A program that uses one of the SDKs. */
export class SdkProgram {
  readonly told = new Inbox<Told>();
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(told: Told) => void>();
  #calls = 0;

  /** Ends with the test. Without a sign-in it has a certificate. */
  static async start(
    program: Sdk | ShadowProgram,
    core: LocalIotCore,
    signIn?: ProgramSignIn,
    settings: object = {},
  ): Promise<SdkProgram> {
    const clientId = 'sdk';
    const certificate = { kind: 'certificate', ...(await core.deviceCredentials(clientId)) };
    const { endpoint, region, ca } = core;
    const port = signIn === undefined ? core.port : core.webSocketPort;
    const packages = inject('awsSdks');
    const where = { packages, endpoint, port, region, clientId, ca, signIn: signIn ?? certificate, settings };
    const child = fork(join(import.meta.dirname, `programs/${program}.mjs`), [JSON.stringify(where)], {
      execArgv: [],
      // One of them warns on standard output that the port is not 443.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'] },
    });
    afterThisTest(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    return new SdkProgram(child);
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (told) => {
      this.told.put(told as Told);
      for (const listener of this.#listeners) listener(told as Told);
    });
  }

  /** Calls it with all that is told from now on. */
  onTold(listener: (told: Told) => void): void {
    this.#listeners.add(listener);
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

  /** Resolves with what came of a call. */
  async call(call: string, facts: object = {}): Promise<unknown> {
    this.#calls += 1;
    const id = this.#calls;
    this.#child.send({ id, call, ...facts });
    const isAnswer = (one: Told): boolean => one.event === 'answer' && one.id === id;
    return (await this.told.until((all) => all.some(isAnswer))).find(isAnswer)?.outcome;
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
