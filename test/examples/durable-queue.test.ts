import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compare } from '../../examples/durable-queue/story.mjs';
import { type LocalIotCore, startLocalIotCore } from '../../src/local/index.ts';
import { runProgram, startProgram } from '../support/run-program.ts';
import { type SignIn, signInFlags } from './support/sign-in.ts';

const MAIN = 'examples/durable-queue/main.mjs';

describe('--local', () => {
  test('kills a device and starts it again: the broker gets every accepted number, in order', async () => {
    const { exitCode, stdout, stderr } = await runProgram(MAIN, ['--local']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });

    const [before = '', after = ''] = stdout.split('starts again');
    const accepted = numbersAfter('device  accepted', before);
    expect(accepted.length).toBeGreaterThanOrEqual(12);
    expect(accepted).toEqual(upTo(accepted.length));
    const gotBefore = numbersAfter('broker  got', before);
    const gotAfter = numbersAfter('broker  got', after);
    const got = [...new Set([...gotBefore, ...gotAfter])];
    // The kill may come after a number was kept and before the device could say so.
    expect(got).toEqual(upTo(got.length));
    expect(got.length).toBeGreaterThanOrEqual(accepted.length);

    expect(before).toContain('device  recovered 0, missing 0\n');
    expect(after).toContain(`device  recovered ${gotAfter.length}, missing 0\n`);
    expect(after).toContain('device  left in the queue: 0\n');
    expect(gotAfter.length).toBeGreaterThan(0);

    const story = [...stdout.matchAll(/^story {3}(.*)$/gm)].map(([, line]) => line);
    const [, pid] = /pid (\d+)/.exec(before) ?? [];
    expect(story).toEqual([
      'the device starts',
      'the line is cut',
      `kill -9 ${pid}`,
      'the line is back, and the device starts again, as before',
      `accepted ${accepted.length}, lost 0, in order`,
    ]);
  });

  test('--memory loses what had waited, and fails', async () => {
    const { exitCode, stdout, stderr } = await runProgram(MAIN, ['--local', '--memory']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    const got = numbersAfter('broker  got', stdout);
    const accepted = numbersAfter('device  accepted', stdout);
    const lost = accepted.filter((number) => !got.includes(number));
    expect(lost.length).toBeGreaterThan(0);
    expect(stdout).toContain(`story   accepted ${accepted.length}, lost ${lost.length}, in order\n`);
  });

  test('Ctrl-C ends it at once, and the device with it, and leaves nothing behind', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'aws-iot-machines-example-'));
    const program = startProgram(MAIN, ['--local'], { TMPDIR: temporary });
    await program.shows('accepted 1');
    expect(await readdir(temporary)).toHaveLength(1);
    program.kill('SIGINT');
    const { stdout, ...end } = await program.end;
    expect(end).toEqual({ exitCode: 130, signal: null, stderr: '' });
    expect(stdout).not.toContain('kill -9');
    const pid = Number(/pid (\d+)/.exec(stdout)?.[1]);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    // Fails when anything is left in it.
    await rmdir(temporary);
  });
});

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

test.each([
  { what: 'all', received: [1, 2, 3], lost: [], isInOrder: true },
  { what: 'all, some twice', received: [1, 2, 1, 2, 3], lost: [], isInOrder: true },
  { what: 'one that was kept and not announced', received: [1, 2, 3, 4], lost: [], isInOrder: true },
  { what: 'not the last', received: [1, 2], lost: [3], isInOrder: true },
  { what: 'not the first', received: [2, 3], lost: [1], isInOrder: true },
  { what: 'one that was overtaken', received: [1, 3, 2], lost: [], isInOrder: false },
])('the story sees it when of 1, 2, 3 there came: $what', ({ received, lost, isInOrder }) => {
  expect(compare([1, 2, 3], received)).toEqual({ lost, isInOrder });
});

/** The numbers that follow these words at the beginning of a line. */
function numbersAfter(words: string, output: string): number[] {
  return [...output.matchAll(new RegExp(`^${words} (\\d+)`, 'gm'))].map(([, number]) => Number(number));
}

/** 1, 2, 3 … */
function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
