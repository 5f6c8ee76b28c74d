import { mkdtemp, readdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { runProgram, startProgram } from '../support/run-program.ts';
import { type SignIn, signInFlags } from './support/sign-in.ts';

const UPDATER = 'examples/basic-shadow-updater/main.mjs';
const LISTENER = 'examples/basic-shadow-delta-listener/main.mjs';

/** What was said behind this label. */
function said(label: string, output: string): (string | undefined)[] {
  return [...output.matchAll(new RegExp(`^${label} +(.*)$`, 'gm'))].map(([, text]) => text);
}

/** What the pair says of the updates with these numbers, from this version on. */
function changes(numbers: readonly number[], firstVersion: number): string[] {
  return numbers.map((property, index) => `{"property":${property}}  version ${firstVersion + index}`);
}

describe('the pair, with the command lines of the Python SDK', () => {
  let core: LocalIotCore;
  let signIn: SignIn;

  beforeAll(async () => {
    core = await startLocalIotCore({ limits: NO_RATE_LIMITS });
    signIn = await signInFlags(core, 'basicShadow');
  });

  afterAll(async () => {
    await core.stop();
    await signIn.remove();
  });

  test.each([
    { more: [], thing: 'Bot' },
    { more: ['-n', 'lamp'], thing: 'lamp' },
    { more: ['--thingName', 'Bot-2'], thing: 'Bot-2' },
  ])('py:R13 each update gives its delta: $more', async ({ more, thing }) => {
    const listener = startProgram(LISTENER, [...signIn.flags, ...more, '--count', '2']);
    await listener.shows(`listening to the deltas of ${thing}`);
    const updater = await runProgram(UPDATER, [...signIn.flags, ...more, '--count', '2']);
    expect(updater).toMatchObject({ exitCode: 0, stderr: '' });
    expect(said('deleted', updater.stdout)).toEqual([`nothing: ${thing} has no shadow`]);
    expect(said('accepted', updater.stdout)).toEqual(changes([0, 1], 1));
    const listened = await listener.end;
    expect(listened).toMatchObject({ exitCode: 0, stderr: '' });
    expect(said('delta', listened.stdout)).toEqual(changes([0, 1], 1));
  });

  test('py:R13 the updater deletes the shadow that is there', async () => {
    const thingName = 'used';
    core.shadows.update({ thingName }, { state: { desired: { other: 1 } } });
    const { stdout } = await runProgram(UPDATER, [
      ...signIn.flags,
      ...['-n', thingName, '-id', 'other-updater', '--count', '1'],
    ]);
    expect(said('deleted', stdout)).toEqual([`the shadow of ${thingName}  version 1`]);
    expect(core.shadows.get({ thingName })?.state).toEqual({
      desired: { property: 0 },
      delta: { property: 0 },
    });
    expect(core.received.map(({ clientId }) => clientId)).toContain('other-updater');
  });

  test('an update that fails is told, and the next one is tried', async () => {
    const updater = startProgram(UPDATER, [...signIn.flags, '-n', 'unlucky', '--count', '2']);
    core.faults.failShadows({ code: 500, times: 0 });
    const unlucky = core.tap.on(({ packet, topic }) => {
      if (packet === 'publish' && topic === '$aws/things/unlucky/shadow/delete/rejected') {
        core.faults.failShadows({ code: 500, times: 1 });
      }
    });
    const { exitCode, stdout } = await updater.end;
    unlucky();
    expect(exitCode).toBe(0);
    expect(said('failed', stdout)).toEqual([
      expect.stringMatching(/^\{"property":0\} {2}SHADOW_REJECTED: the update was rejected: 500/),
    ]);
    expect(said('accepted', stdout)).toEqual(changes([1], 1));
  });

  test('the listener hears what was desired while its line was cut', async () => {
    const thingName = 'cut';
    const listener = startProgram(LISTENER, [
      ...signIn.flags,
      ...['-n', thingName, '-id', 'cut-listener', '--count', '2'],
    ]);
    await listener.shows('listening');
    core.shadows.update({ thingName }, { state: { desired: { property: 1 } } });
    await listener.shows('version 1');
    await core.faults.dropConnections({ clientId: 'cut-listener' });
    core.shadows.update({ thingName }, { state: { desired: { property: 2 } } });
    const { stdout } = await listener.end;
    expect(said('delta', stdout)).toEqual(changes([1, 2], 1));
    expect(stdout).toContain('● backingOff (CONNECTION_LOST)\n');
  });
});

describe.each([
  { first: LISTENER, other: UPDATER, heard: 'delta', said: 'accepted' },
  { first: UPDATER, other: LISTENER, heard: 'accepted', said: 'delta' },
])('--local in $first', ({ first, other, heard, said: word }) => {
  test('says how to start the other half, which works as it stands; Ctrl-C leaves nothing behind', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'aws-iot-machines-example-'));
    const program = startProgram(first, ['--local'], { TMPDIR: temporary });
    const guide = await program.shows('● live');
    const [, words = ''] = /in another terminal:\n\n {2}node (.*?)\n\n/s.exec(guide) ?? [];
    const [main = '', ...parameters] = words.replaceAll('\\\n', '').split(/\s+/);
    expect(main).toBe(other);
    const end = await runProgram(main, [...parameters, '--count', '2']);
    expect(end).toMatchObject({ exitCode: 0, stderr: '' });
    const told = said(word, end.stdout);
    expect(told).toHaveLength(2);
    await program.shows(`${heard.padEnd(8)}  ${told[1]}`);
    program.kill('SIGINT');
    expect(await program.end).toMatchObject({ exitCode: 130, stderr: '' });
    // Fails when anything is left in it.
    expect(await readdir(temporary)).toEqual([]);
    await rmdir(temporary);
  });
});

test('a name that no thing can have is said in one line', async () => {
  const end = await runProgram(UPDATER, ['--local', '-n', 'a b']);
  expect(end.exitCode).toBe(1);
  expect(end.stderr).toMatch(/^error: INVALID_ARGUMENT: thingName .*\n$/);
});
