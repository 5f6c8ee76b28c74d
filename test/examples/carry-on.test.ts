import { mkdtemp, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wrongWithRest } from '../../examples/carry-on/story.mjs';
import { runProgram, startProgram } from '../support/run-program.ts';
import { numbersAfter, upTo } from './support/numbers.ts';

const MAIN = 'examples/carry-on/main.mjs';

/** What both lives of the device did beside the numbers, and the verdict. */
function deeds(stdout: string): string[] {
  return stdout.split('\n').filter((line) => / does | takes |comes for|story {5}(wrong|nothing)/.test(line));
}

describe('--local', () => {
  test('a device that was killed carries on: nothing is lost, and nothing is done twice', async () => {
    const { exitCode, stdout, stderr } = await runProgram(MAIN, ['--local']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(deeds(stdout)).toEqual([
      'device    comes for its orders',
      'device    light does {"on":true}, version 1',
      'device    fan does {"speed":2}, version 1',
      'device    comes for its orders',
      'device    takes the order tea',
      'story     nothing was lost, and nothing was done twice',
    ]);
    const [before = '', after = ''] = stdout.split('the device starts again');
    const accepted = numbersAfter('device {4}accepted', before);
    expect(accepted).toEqual(upTo(accepted.length));
    expect(after).toMatch(/recovered [1-9]/);
    expect(after.indexOf('somebody orders')).toBeLessThan(after.indexOf('comes for its orders'));
    expect(after).toContain('device    left in the queue: 0\n');
    const [, received = ''] = /the broker has (.*)/.exec(after) ?? [];
    expect(received.split(' ').map(Number).slice(0, accepted.length)).toEqual(accepted);
  });

  test('--forget leaves out what was written down: what was done is done again, what came early is lost', async () => {
    const { exitCode, stdout, stderr } = await runProgram(MAIN, ['--local', '--forget']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    expect(stdout).toContain('story     wrong: what was desired of the light was done 2 times\n');
    expect(stdout).toContain('story     wrong: the order was lost\n');
    // The queue needs no notes.
    expect(stdout).not.toContain('the numbers');
  });

  test('Ctrl-C ends it at once, and the device with it, and leaves nothing behind', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'aws-iot-machines-example-'));
    const program = startProgram(MAIN, ['--local'], { TMPDIR: temporary });
    const shown = await program.shows('accepted 1');
    const pid = Number(/pid (\d+)/.exec(shown)?.[1]);
    const [folder = ''] = await readdir(temporary);
    expect(folder).toMatch(/^carry-on-/);
    program.kill('SIGINT');
    expect(await program.end).toMatchObject({ exitCode: 130, signal: null, stderr: '' });
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    // Fails when anything is left in it.
    await rmdir(temporary);
  });
});

describe('what is wrong is said in one line', () => {
  const names = ['-e', '127.0.0.1', '-c', 'y', '-k', 'z'];

  test('without a directory', async () => {
    expect(await runProgram(MAIN, names)).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: 'error: --directory <path> is missing: where is it kept what the next start needs?\n',
    });
  });

  test('with notes that no device has written, which stay as they are', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'aws-iot-machines-example-'));
    const file = join(directory, 'client.json');
    await writeFile(file, '{"version":2,"subscriptions":[],"shadows":[]}');
    const { exitCode, stderr } = await runProgram(MAIN, [...names, '--directory', directory]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(/^error: INVALID_ARGUMENT: resume\.version .*\n$/) as string,
    });
    expect(await readFile(file, 'utf8')).toContain('"version":2');
  });
});

const LIGHT = 'device    light does {"on":true}, version 1';
const FAN = 'device    fan does {"speed":2}, version 1';
const ORDER = 'device    takes the order tea';

test.each([
  { what: 'all is well', said: [LIGHT, FAN, ORDER], wrong: 0 },
  { what: 'an order comes twice, as QoS 1 may', said: [LIGHT, FAN, ORDER, ORDER], wrong: 0 },
  { what: 'a delta is handled twice', said: [LIGHT, LIGHT, FAN, ORDER], wrong: 1 },
  { what: 'a delta is not handled', said: [LIGHT, ORDER], wrong: 1 },
  { what: 'the order is lost', said: [LIGHT, FAN], wrong: 1 },
  { what: 'nothing was done', said: [], wrong: 3 },
])('the story sees it when $what', ({ said, wrong }) => {
  expect([...wrongWithRest(said)]).toHaveLength(wrong);
});
