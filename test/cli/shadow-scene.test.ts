import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ShadowCast, type ShadowTimes, tellShadowScene } from '../../src/cli/shadow-scene.ts';
import { isFlawless, printSummary, type Story } from '../../src/cli/summary.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { Timeline } from '../../src/cli/timeline.ts';
import { createIotClient } from '../../src/index.ts';
import { NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';

const QUICK: ShadowTimes = { pauseMs: 20, limitMs: 15_000 };
const IMPATIENT: ShadowTimes = { pauseMs: 1, limitMs: 300 };
const WELL = { sent: 1, received: 1, lost: 0, duplicated: 0, outOfOrder: 0, queued: 0 };

const nobody = new AbortController().signal;
let cast: ShadowCast;
let terminal: Terminal;
let shown: () => string;

beforeEach(async () => {
  const stream = new PassThrough();
  let text = '';
  stream.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  shown = () => text;
  terminal = new Terminal(stream as unknown as NodeJS.WriteStream);
  const core = await startLocalIotCore({ limits: NO_RATE_LIMITS, onWarning: () => {} });
  const client = createIotClient({
    ...core.deviceOptions('lamp'),
    reconnect: { baseMs: 10, maxMs: 50, stableMs: 60 },
  });
  await client.connect();
  cast = { client, core, timeline: new Timeline(terminal) };
});

afterEach(async () => {
  await cast.client.close({ flushTimeoutMs: 0 });
  await cast.core.stop();
});

test('what is desired is reported, and after a cut what was desired without a line', async () => {
  const outcome = await tellShadowScene(cast, nobody, QUICK);
  expect(outcome).toEqual({
    isInSync: true,
    withLineMs: expect.any(Number),
    withoutLineMs: expect.any(Number),
  });
  const state = { light: 'on', brightness: 20 };
  expect(cast.core.shadows.get({ thingName: 'kitchen-lamp' })?.state).toEqual({
    desired: state,
    reported: state,
  });
  expect(shown().match(/[◇◆▲].*/g)).toEqual([
    expect.stringMatching(/▲ app +desires \{"light":"on","brightness":80\}/),
    '◇ v1   desired    {"light":"on","brightness":80}',
    '◆ v2   reported   {"light":"on","brightness":80}',
    expect.stringMatching(/▲ network +takes the line away/),
    expect.stringMatching(/▲ app +desires \{"brightness":20\} while the lamp is away/),
    expect.stringMatching(/▲ network +gives the line back/),
    '◇ v3   desired    {"brightness":20}',
    '◆ v4   reported   {"brightness":20}',
  ]);
});

describe('the demo fails', () => {
  test('when a report is refused', async () => {
    const { core } = cast;
    core.tap.on(({ packet, topic }) => {
      // After the get, which says that there is no shadow yet.
      if (packet === 'publish' && topic?.endsWith('/get/rejected')) core.faults.failShadows({ code: 400 });
    });
    expectBad(await tellShadowScene(cast, nobody, IMPATIENT));
    expect(shown()).toContain('✗ not reported: SHADOW_REJECTED');
  });

  test('when the shadow cannot be had', async () => {
    cast.core.faults.loseShadowAnswers();
    expectBad(await tellShadowScene(cast, nobody, IMPATIENT));
  });
});

test('Ctrl-C is no failure of the scene', async () => {
  await expect(tellShadowScene(cast, AbortSignal.abort(), QUICK)).rejects.toThrow('aborted');
});

function expectBad(shadow: Story['shadow']): void {
  expect(shadow).toEqual({ isInSync: false, withLineMs: undefined, withoutLineMs: undefined });
  expect(isFlawless(WELL, shadow)).toBe(false);
  const wayBack = { brokerAway: 1, waiting: 1, connecting: 1, draining: 1 };
  printSummary(terminal, WELL, { wayBack, shadow });
  expect(shown()).toMatch(/shadow +differs/);
  expect(shown()).toContain('✗ 0 lost, 0 out of order, and what is reported is not what is desired');
}
