import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { runProgram, startProgram } from '../support/run-program.ts';
import { type SignIn, signInFlags } from './support/sign-in.ts';

const MAIN = 'examples/basic-pub-sub/main.mjs';

test('--local needs no account', async () => {
  const { exitCode, stdout, stderr } = await runProgram(MAIN, ['--local', '--count', '3', '-M', 'Hi']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const received = [...stdout.matchAll(/received (.*) from sdk\/test\/js/g)].map(([, text]) => text);
  expect(received).toEqual([0, 1, 2].map((sequence) => `{"message":"Hi","sequence":${sequence}}`));
});

test('Ctrl-C ends it cleanly', async () => {
  const program = startProgram(MAIN, ['--local']);
  await program.shows('received');
  program.kill('SIGINT');
  expect(await program.end).toMatchObject({ exitCode: 130, signal: null, stderr: '' });
});

describe('the command lines of the Python SDK', () => {
  let core: LocalIotCore;
  let signIn: SignIn;

  beforeAll(async () => {
    core = await startLocalIotCore({ limits: NO_RATE_LIMITS });
    signIn = await signInFlags(core, 'basicPubSub');
  });

  afterAll(async () => {
    await core.stop();
    await signIn.remove();
  });

  test.each([
    { more: [], clientId: 'basicPubSub', topic: 'sdk/test/js' },
    { more: ['-id', 'lamp', '-t', 'a/b'], clientId: 'lamp', topic: 'a/b' },
    { more: ['--clientId', 'lamp', '-t', 'a/c', '-m', 'publish'], clientId: 'lamp', topic: 'a/c' },
  ])('$more', async ({ more, clientId, topic }) => {
    const end = await runProgram(MAIN, [...signIn.flags, ...more, '--count', '1']);
    expect(end).toMatchObject({ exitCode: 0, stderr: '' });
    expect(core.received.filter((message) => message.topic === topic)).toMatchObject([{ clientId }]);
  });

  test('-m subscribe only listens', async () => {
    const program = startProgram(MAIN, [
      ...signIn.flags,
      ...['-id', 'listener', '-t', 'news', '-m', 'subscribe', '--count', '1'],
    ]);
    await program.shows('subscribed to news');
    await core.publish('news', 'something');
    const { exitCode, stdout } = await program.end;
    expect(exitCode).toBe(0);
    expect(stdout).toContain('received something from news');
    expect(stdout).not.toContain('published');
  });
});

describe('what is wrong is said in one line', () => {
  test.each([
    [[], '-e <endpoint> is missing (or use --local, which needs no account)'],
    [['-e', 'x'], 'Missing credentials for authentication. Give -c <cert> and -k <key>, or -w'],
    [['-e', 'x', '-c', 'y'], 'Missing credentials for authentication. Give -c <cert> and -k <key>, or -w'],
    [['--local', '-c', 'y'], '--local starts its own broker: leave --cert out'],
    [
      ['--local', '-m', 'all'],
      "option '-m, --mode <mode>' argument 'all' is invalid. Allowed choices are both, publish, subscribe.",
    ],
    [
      ['--local', '-id', ''],
      "option '--client-id <id>' argument '' is invalid. A device has a name of its own.",
    ],
  ])('%j', async (parameters, message) => {
    expect(await runProgram(MAIN, parameters)).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: `error: ${message}\n`,
    });
  });
});

test('a reader that goes away ends it without a word', async () => {
  const program = startProgram(MAIN, ['--local']);
  await program.shows('connecting');
  program.stopReading();
  expect(await program.end).toMatchObject({ exitCode: 141, stderr: '' });
});
