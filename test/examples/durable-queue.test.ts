import { mkdtemp, readdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compare } from '../../examples/durable-queue/story.mjs';
import { runProgram, startProgram } from '../support/run-program.ts';
import { numbersAfter, upTo } from './support/numbers.ts';

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
