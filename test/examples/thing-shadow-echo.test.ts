import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LocalApp } from '../../examples/support/local-app.mjs';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { runProgram, startProgram } from '../support/run-program.ts';
import { type SignIn, signInFlags } from './support/sign-in.ts';

const MAIN = 'examples/thing-shadow-echo/main.mjs';

test('py:R13 --local plays an app, and reports exactly what that desires', async () => {
  const { exitCode, stdout, stderr } = await runProgram(MAIN, ['--local']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const [, story] = stdout.split('listening to the deltas of Bot\n');
  expect(story).toBe(
    [
      'app       desires {"color":"red"}',
      'delta     {"color":"red"}  version 1',
      'reported  {"color":"red"}  version 2',
      'app       desires {"color":"green","brightness":40}',
      'delta     {"color":"green","brightness":40}  version 3',
      'reported  {"color":"green","brightness":40}  version 4',
      'app       desires {"brightness":80}',
      'delta     {"brightness":80}  version 5',
      'reported  {"brightness":80}  version 6',
      'app       desired {"color":"green","brightness":80}',
      'app       has     {"color":"green","brightness":80}',
      '● disconnecting',
      '● closed',
      '',
    ].join('\n'),
  );
});

test('--count ends it after so many reports', async () => {
  const { exitCode, stdout } = await runProgram(MAIN, ['--local', '--count', '1']);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('version 2\n● disconnecting\n● closed\n');
});

describe('with a broker', () => {
  let core: LocalIotCore;
  let signIn: SignIn;

  beforeAll(async () => {
    core = await startLocalIotCore({ limits: NO_RATE_LIMITS });
    signIn = await signInFlags(core, 'ThingShadowEcho');
  });

  afterAll(async () => {
    await core.stop();
    await signIn.remove();
  });

  const isReported = (thingName: string): boolean =>
    core.shadows.get({ thingName })?.state.delta === undefined;

  test('a report that fails is told, and made again with the next change', async () => {
    const thingName = 'lamp';
    // A shadow that is there: it need not be asked for again when it changes.
    core.shadows.update({ thingName }, { state: { reported: { c: 'b' } } });
    const echo = startProgram(MAIN, [...signIn.flags, '-n', thingName]);
    await echo.shows('listening to the deltas of lamp');
    core.faults.failShadows({ code: 500, times: 1 });
    core.shadows.update({ thingName }, { state: { desired: { a: { b: [1, 2] }, c: 'd' } } });
    await echo.shows('failed    SHADOW_REJECTED: the update was rejected: 500');
    expect(isReported(thingName)).toBe(false);
    core.shadows.update({ thingName }, { state: { desired: { c: 'e' } } });
    await core.when(() => isReported(thingName));
    const state = { a: { b: [1, 2] }, c: 'e' };
    expect(core.shadows.get({ thingName })?.state).toEqual({ desired: state, reported: state });
    await echo.shows('reported');
    echo.kill('SIGINT');
    expect(await echo.end).toMatchObject({ exitCode: 130, stderr: '' });
  });

  test('the app of the stories sees what is not reported', async () => {
    const shown = vi.spyOn(console, 'log').mockImplementation(() => {});
    const app = new LocalApp(core as never, 'dark');
    app.desire({ light: 'on' });
    await expect(app.isServed(new AbortController().signal, 1)).resolves.toBe(false);
    expect(shown.mock.calls.flat()).toEqual([
      'app       desires {"light":"on"}',
      'app       desired {"light":"on"}',
      'app       has     nothing',
    ]);
    await expect(app.isServed(AbortSignal.abort())).rejects.toThrow('aborted');
  });
});
