import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JournalStep, JournalWorld } from '../../support/journal-world.ts';
import { runs } from '../../support/runs.ts';

/** Another seed: JOURNAL_SEED=… npx vitest run test/unit/delivery/journal. fast-check prints the one that failed. */
const seed = Number(process.env['JOURNAL_SEED'] ?? 20_261_124);
const numRuns = runs(250, 5_000);

const landed = fc.oneof(fc.constantFrom('none' as const, 'all' as const), fc.nat(4));
const number = fc.nat(99);
const step: fc.Arbitrary<JournalStep> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('keep'), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('release'), which: number }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('answer') }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('turn') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('idle') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fail'), operation: fc.constant('write'), landed }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('fail'),
      operation: fc.constantFrom('open', 'read'),
      landed: fc.constant('none'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('retry'), afterMs: fc.constantFrom(0, 400, 1_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose'), which: number }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash'),
      landed: fc.constantFrom('none', 'all'),
      lost: fc.array(number, { maxLength: 3 }),
    }),
  },
);

describe('the journal, in random interleavings', () => {
  it('fault:F-3 loses nothing that it said was kept, and brings back nothing that it rejected or wrote off', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(step, { maxLength: 60, size: 'max' }), async (s, steps) => {
        const world = new JournalWorld(s);
        for (const one of steps) await world.run(one);
        await world.finish();
        expect(world.complaints).toEqual([]);
      }),
      { seed, numRuns },
    );
  });
});
