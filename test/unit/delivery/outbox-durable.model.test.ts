import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DurableStep, OutboxDurableWorld } from '../../support/outbox-durable-world.ts';
import { runs } from '../../support/runs.ts';

/** Another seed: OUTBOX_SEED=… npx vitest run test/unit/delivery/outbox. fast-check prints the one that failed. */
const seed = Number(process.env['OUTBOX_SEED'] ?? 20_261_123);
const numRuns = runs(400, 4_000);

const few = fc.nat(4);
const which = fc.nat(99);
const landed = fc.constantFrom('none' as const, 'all' as const);

function weighted<Kind extends DurableStep['kind']>(
  weight: number,
  kind: Kind,
  rest: { [Key in Exclude<keyof Extract<DurableStep, { kind: Kind }>, 'kind'>]: fc.Arbitrary<unknown> },
): fc.WeightedArbitrary<DurableStep> {
  return { weight, arbitrary: fc.record({ kind: fc.constant(kind), ...rest }) as fc.Arbitrary<DurableStep> };
}

const step = fc.oneof(
  weighted(20, 'add', { qos: fc.constantFrom(1, 1, 1, 0), expires: fc.nat(5).map((n) => n === 0) }),
  weighted(20, 'answer', {}),
  weighted(4, 'turn', {}),
  weighted(6, 'attach', {}),
  weighted(3, 'detach', { received: few }),
  weighted(10, 'receive', { count: few, which }),
  weighted(4, 'abort', { which }),
  weighted(4, 'pass', { durationMs: fc.constantFrom(300, 1_000, 2_000) }),
  weighted(2, 'fail', { operation: fc.constantFrom('write', 'write', 'open', 'read'), landed }),
  weighted(1, 'close', { received: few }),
  weighted(3, 'crash', { landed, received: few }),
);
const steps = fc.array(step, { minLength: 10, maxLength: 80, size: 'max' });

describe('the outbox and its journal, over processes that die and disks that fail', () => {
  it('fault:F-3 deliver or tell what was accepted, in order, and bring back only what could not be forgotten', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), steps, async (scheduler, run) => {
        const world = new OutboxDurableWorld(scheduler);
        for (const one of run) await world.run(one);
        await world.finish();
        expect(world.complaints).toEqual([]);
      }),
      { seed, numRuns },
    );
  });
});
