import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LocalIotCore, startLocalIotCore } from '../../src/local/index.ts';
import { runProgram, startProgram } from '../support/run-program.ts';
import { numbersAfter, upTo } from './support/numbers.ts';
import { type SignIn, signInFlags } from './support/sign-in.ts';

const MAIN = 'examples/durable-queue/main.mjs';

describe('by hand', () => {
  let core: LocalIotCore;
  let signIn: SignIn;
  let directory: string;
  let device: readonly string[];

  beforeEach(async () => {
    core = await startLocalIotCore();
    signIn = await signInFlags(core, 'lamp');
    directory = join(tmpdir(), `durable-queue-${randomUUID()}`);
    device = [...signIn.flags, '-id', 'lamp', '--directory', directory];
  });

  afterEach(async () => {
    await core.stop();
    await signIn.remove();
    await rm(directory, { recursive: true, force: true });
  });

  test('what was accepted without a line is delivered by the next start, and new numbers go behind', async () => {
    core.faults.stopListening();
    const first = startProgram(MAIN, device);
    await first.shows('accepted 3: queued');
    first.kill('SIGKILL');
    expect(await first.end).toMatchObject({ signal: 'SIGKILL', stderr: '' });

    await core.faults.listen();
    const { exitCode, stdout, stderr } = await runProgram(MAIN, [...device, '--count', '2']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const recovered = Number(/recovered (\d+), missing 0/.exec(stdout)?.[1]);
    expect(recovered).toBeGreaterThanOrEqual(3);
    expect(numbersAfter('accepted', stdout)).toEqual([recovered + 1, recovered + 2]);
    expect(core.received.map(({ payload }) => Number(payload))).toEqual(upTo(recovered + 2));
    expect(stdout).toContain('left in the queue: 0\n');
  });

  test('Ctrl-C keeps what was accepted for the next start', async () => {
    core.faults.stopListening();
    const first = startProgram(MAIN, device);
    await first.shows('accepted 2: queued');
    first.kill('SIGINT');
    const { stdout, ...end } = await first.end;
    expect(end).toEqual({ exitCode: 130, signal: null, stderr: '' });
    const accepted = numbersAfter('accepted', stdout);

    await core.faults.listen();
    expect(await runProgram(MAIN, [...device, '--count', '0'])).toMatchObject({ exitCode: 0, stderr: '' });
    const received = core.received.map(({ payload }) => Number(payload));
    expect(received.slice(0, accepted.length)).toEqual(accepted);
  });

  test('a second device on the same directory is told who has it', async () => {
    const first = startProgram(MAIN, device);
    await first.shows('accepted 1');
    const second = await runProgram(MAIN, [...device, '--count', '0']);
    first.kill('SIGINT');
    const { stdout } = await first.end;
    const [, pid] = /pid (\d+)/.exec(stdout) ?? [];
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toMatch(new RegExp(`^error: STORE_LOCKED: .*\\b${pid}\\b.*\n$`));
  });
});

describe('what is wrong is said in one line', () => {
  test.each([
    [['-e', 'x', '-c', 'y', '-k', 'z'], '--directory <path> is missing: where are they kept?'],
    [['--local', '--directory', 'x'], "option '--directory <path>' cannot be used with option '--local'"],
  ])('%j', async (parameters, message) => {
    expect(await runProgram(MAIN, parameters)).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: `error: ${message}\n`,
    });
  });
});
