import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkHistory, cleanHistory } from '../../../src/testing/history-checker.ts';
import type { ModelOptions } from '../../support/outbox-model.ts';
import {
  BOUNDS,
  COMMAND_WEIGHTS,
  type Command,
  type CommandKind,
  OutboxWorld,
} from '../../support/outbox-world.ts';
import { runs } from '../../support/runs.ts';

/** Another seed: OUTBOX_SEED=… npx vitest run test/unit/delivery. fast-check prints the one that failed. */
const seed = Number(process.env['OUTBOX_SEED'] ?? 20_261_123);

const options: fc.Arbitrary<ModelOptions> = fc.record({
  enabled: fc.oneof(
    { weight: 5, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
  maxMessages: fc.constantFrom(...BOUNDS.maxMessages),
  maxBytes: fc.constantFrom(...BOUNDS.maxBytes),
  overflow: fc.constantFrom('dropNewest', 'dropOldest'),
  window: fc.constantFrom(1, 2, 4, 100),
  maxUntakenBytes: fc.constantFrom(1, 30, 150, 100_000),
  journaled: fc.boolean(),
  rate: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    {
      weight: 1,
      arbitrary: fc.record({
        publishesPerSecond: fc.constantFrom(1, 3, 20, 35),
        bytesPerSecond: fc.constantFrom(60, 300, 100_000),
      }),
    },
  ),
});

const kinds = Object.entries(COMMAND_WEIGHTS) as [CommandKind, number][];
const kind = fc.oneof(
  ...kinds.map(([name, weight]) => ({ weight: weight * 4, arbitrary: fc.constant(name) })),
);
const command: fc.Arbitrary<Command> = fc.record({ kind, a: fc.nat(999), b: fc.nat(999) });
const commands = fc.array(command, { minLength: 10, maxLength: 90, size: 'max' });

/** All has ended, well or badly, and nothing is left behind. */
function expectCleanEnd(world: OutboxWorld): void {
  world.leave();
  expect(checkHistory(world.history, { allowResends: true })).toEqual(cleanHistory);
  expect(checkHistory(world.requestHistory)).toEqual(cleanHistory);
  expect({ total: world.total, bytes: world.outbox.bytes, timers: world.clock.pending }).toEqual({
    total: 0,
    bytes: 0,
    timers: 0,
  });
  expect([world.errors, world.journal.violations, world.journal.asked]).toEqual([[], [], 0]);
}

describe('the outbox, in random interleavings', () => {
  it('does what its model does after every command, and nobody can tell a wrong history', () => {
    fc.assert(
      fc.property(options, commands, fc.boolean(), (settings, steps, heals) => {
        const world = new OutboxWorld(settings);
        for (const step of steps) {
          world.run(step);
          world.compare();
        }
        if (heals) world.heal();
        else world.close();
        world.compare();
        expectCleanEnd(world);
      }),
      { seed, numRuns: runs(400, 8_000) },
    );
  });

  it('fault:G-4 keeps its promises when observers give it commands from inside of their calls', () => {
    fc.assert(
      fc.property(options, commands, commands, (settings, steps, nested) => {
        const world = new OutboxWorld(settings);
        const left = [...nested];
        world.onTold = () => {
          const step = left.pop();
          if (step !== undefined) runAlone(world, step);
        };
        for (const step of steps) runAlone(world, step);
        world.heal();
        world.close();
        expectCleanEnd(world);
      }),
      { seed, numRuns: runs(200, 4_000) },
    );
  });

  it('hears at once, and once, when all that was on the wire has ended', () => {
    fc.assert(
      fc.property(options, commands, (settings, steps) => {
        const world = new OutboxWorld(settings);
        for (const step of steps) {
          world.run(step);
          let calls = 0;
          const forget = world.outbox.onFlushed(() => calls++);
          forget();
          expect(calls).toBe(world.model.isFlushed ? 1 : 0);
        }
      }),
      { seed, numRuns: runs(100, 2_000) },
    );
  });
});

/** Inside of a call the model would be behind: only the history and the end are judged. */
function runAlone(world: OutboxWorld, step: Command): void {
  try {
    world.run(step);
  } catch (error) {
    if (!String(error).includes('the model says')) throw error;
  }
}
