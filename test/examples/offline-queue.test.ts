import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { runProgram, startProgram } from '../support/run-program.ts';
import { type SignIn, signInFlags } from './support/sign-in.ts';

const MAIN = 'examples/offline-queue/main.mjs';

const EVICTED = 'QUEUE_EVICTED: a newer message took the place of this one, the oldest that waited';
const FULL = 'QUEUE_FULL: there is no room for another message to wait';
const FIRST_FIVE = `pub_req1  queued
pub_req2  queued
pub_req3  queued
pub_req4  queued
pub_req5  queued
HEAD ['pub_req1', 'pub_req2', 'pub_req3', 'pub_req4', 'pub_req5']`;

/** What the example shows, but for states and times. */
const STORY = `
dropOldest: 7 publishes without a line, 5 may wait
${FIRST_FIVE}
pub_req1  ${EVICTED}
pub_req6  queued
pub_req2  ${EVICTED}
pub_req7  queued
HEAD ['pub_req3', 'pub_req4', 'pub_req5', 'pub_req6', 'pub_req7']
pub_req3  delivered
pub_req4  delivered
pub_req5  delivered
pub_req6  delivered
pub_req7  delivered

dropNewest: 7 publishes without a line, 5 may wait
${FIRST_FIVE}
pub_req6  ${FULL}
pub_req7  ${FULL}
HEAD ['pub_req1', 'pub_req2', 'pub_req3', 'pub_req4', 'pub_req5']
pub_req1  delivered
pub_req2  delivered
pub_req3  delivered
pub_req4  delivered
pub_req5  delivered
`;

test('--local tells the story of 5 of 7, line by line, at two messages a second', async () => {
  const { exitCode, stdout, stderr } = await runProgram(MAIN, ['--local']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const story = stdout.replace(/^● .*\n/gm, '').replace(/ after .* s$/gm, '');
  expect(story).toBe(STORY);
  const states = [...stdout.matchAll(/^● (.*)$/gm)].map(([, state]) => state);
  const round = ['connecting', 'resubscribing', 'draining', 'live', 'disconnecting', 'idle'];
  expect(states).toEqual([...round, ...round, 'closed']);
  const seconds = [...stdout.matchAll(/delivered after (\d+\.\d) s/g)].map(([, time]) => Number(time));
  const earliest = [0, 0.5, 1, 1.5, 2];
  for (const [place, least] of [...earliest, ...earliest].entries()) {
    expect(seconds[place]).toBeGreaterThanOrEqual(least);
  }
});

test('Ctrl-C ends it cleanly, and the senders of what waits are told', async () => {
  const program = startProgram(MAIN, ['--local', '--per-second', '1']);
  await program.shows('pub_req3  delivered');
  program.kill('SIGINT');
  const { stdout, ...end } = await program.end;
  expect(end).toEqual({ exitCode: 130, signal: null, stderr: '' });
  expect(stdout).toContain('\npub_req7  CLOSED: ');
});

describe('with the command line of the Python SDK', () => {
  let core: LocalIotCore;
  let signIn: SignIn;

  beforeAll(async () => {
    core = await startLocalIotCore({ limits: NO_RATE_LIMITS });
    signIn = await signInFlags(core, 'lamp');
  });

  afterAll(async () => {
    await core.stop();
    await signIn.remove();
  });

  test('the broker gets 3 to 7, then 1 to 5', async () => {
    const parameters = [...signIn.flags, '-id', 'lamp', '-t', 'a/b', '--per-second', '100'];
    const end = await runProgram(MAIN, parameters);
    expect(end).toMatchObject({ exitCode: 0, stderr: '' });
    const received = core.received.map(({ clientId, topic, payload }) =>
      [clientId, topic, payload.toString()].join(' '),
    );
    expect(received).toEqual([3, 4, 5, 6, 7, 1, 2, 3, 4, 5].map((number) => `lamp a/b pub_req${number}`));
  });
});

test('a pace that no queue can have is refused in one line', async () => {
  expect(await runProgram(MAIN, ['--local', '--per-second', '0'])).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr:
      "error: option '--per-second <number>' argument '0' is invalid. It must be a whole number from 1 to 100.\n",
  });
});
