import { expect, test } from 'vitest';
import { runProgram, startProgram } from '../support/run-program.ts';

const MAIN = 'examples/shadow-as-state/main.mjs';

test('--local: a lamp does what is desired, refuses what no lamp can be, and catches up after a cut', async () => {
  const { exitCode, stdout, stderr } = await runProgram(MAIN, ['--local']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout.match(/^(lamp|app|story) .*$/gm)).toEqual([
    'lamp      off ░░░░░░░░░░ 100 %  v1  nothing to do',
    'app       desires {"power":"on","brightness":60}',
    'lamp      off ░░░░░░░░░░ 100 %  v2  to do: {"power":"on","brightness":60}',
    'lamp      on  ██████░░░░  60 %  v3  nothing to do',
    'app       desires {"brightness":400}',
    'lamp      refuses brightness: Too big: expected number to be <=100',
    'lamp      on  ██████░░░░  60 %  v4  nothing to do',
    'app       desires {"brightness":30}',
    'lamp      on  ██████░░░░  60 %  v5  to do: {"brightness":30}',
    'lamp      on  ███░░░░░░░  30 %  v6  nothing to do',
    'story     the line is cut',
    'lamp      on  ███░░░░░░░  30 %  v6  may be old',
    'app       desires {"power":"off"}',
    'story     the line is back',
    'lamp      on  ███░░░░░░░  30 %  v7  to do: {"power":"off"}',
    'lamp      off ░░░░░░░░░░  30 %  v8  nothing to do',
    'app       desired {"power":"off","brightness":30}',
    'app       has     {"power":"off","brightness":30}',
    'lamp      off ░░░░░░░░░░  30 %  v8  may be old',
  ]);
});

test('Ctrl-C ends it cleanly', async () => {
  const program = startProgram(MAIN, ['--local']);
  await program.shows('to do');
  program.kill('SIGINT');
  expect(await program.end).toMatchObject({ exitCode: 130, signal: null, stderr: '' });
});
