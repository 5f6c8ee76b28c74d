import { expect, test } from 'vitest';
import { createActor } from 'xstate';
import { connectionMachine, Handle } from '../../src/machines/index.ts';
import { type BackoffPolicy, backoffDelay, DEFAULT_BACKOFF } from '../../src/protocol/backoff.ts';
import { IotError } from '../../src/protocol/errors.ts';
import { SimulatedClock } from '../../src/testing/index.ts';
import { seeded } from '../chaos/seeded.mjs';
import { storm } from './fleet.mjs';
import { laws } from './laws.mjs';

const OUTAGE_MS = 300_000;
const DEVICES = 20;

/** When a running machine dials while nothing answers, in milliseconds since it first failed. */
function attemptsOf(policy: Partial<BackoffPolicy>, random: () => number): number[] {
  const clock = new SimulatedClock();
  const at: number[] = [];
  const actor = createActor(connectionMachine, {
    clock,
    input: {
      policy: { backoff: { ...DEFAULT_BACKOFF, ...policy } },
      ports: new Handle({
        random,
        now: () => clock.now(),
        openTransport: (_context: unknown, report: (fact: object) => void) => {
          at.push(clock.now());
          report({ type: 'transport.failed', error: new IotError('CONNECTION_LOST', 'test') });
          return { goodbye: () => {}, free: () => {} };
        },
      } as never),
    },
  }).start();
  actor.send({ type: 'connect' });
  clock.advance(OUTAGE_MS);
  actor.stop();
  return at.slice(1);
}

const policies: readonly (readonly [string, Partial<BackoffPolicy>])[] = [
  ['the defaults', {}],
  ["`jitter: 'none'`", { jitter: 'none' }],
  ['`firstRetryWithinMs: 60_000`', { firstRetryWithinMs: 60_000 }],
  ['`maxMs: 300_000`', { maxMs: 300_000 }],
];

test.each(policies)('the fleet is simulated by the law of the machine: %s', (name, policy) => {
  const law = laws(backoffDelay, DEFAULT_BACKOFF).find((one) => one.name === name);
  for (let device = 1; device <= DEVICES; device++) {
    const random = seeded(device);
    const expected: number[] = [];
    let at = 0;
    for (let failures = 0; ; failures++) {
      at += law?.delayMs(failures, random) ?? Number.NaN;
      if (!(at <= OUTAGE_MS)) break;
      expected.push(at);
    }
    const real = attemptsOf(policy, seeded(device));
    expect(real.length).toBe(expected.length);
    for (const [index, one] of real.entries()) expect(one).toBeCloseTo(expected[index] ?? Number.NaN, 3);
  }
});

test('without jitter all come in the same second, and those that are refused come together again', () => {
  const law = { name: 'every second', delayMs: () => 1_000 };
  const { attempts, peakAway, peakBack, refused, backAfter } = storm({
    law,
    devices: 100,
    outageMs: 3_000,
    perSecond: 40,
    seed: 1,
  });
  expect({ peakAway, peakBack, refused }).toEqual({ peakAway: 100, peakBack: 100, refused: 60 + 20 });
  expect(attempts.reduce((sum, one) => sum + one, 0)).toBe(200 + 100 + 60 + 20);
  expect(backAfter[2]).toBeLessThan(3);
});
