// The classifier in a world of brokers and networks. More runs by hand: EARLY_CLOSE_RUNS=50 npx vitest run <this file>
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IotError } from '../../../src/protocol/errors.ts';
import {
  EarlyCloseWorld,
  type Flapping,
  type Publish,
  type WorldOptions,
} from '../../support/early-close-world.ts';

const RUNS = Number(process.env['EARLY_CLOSE_RUNS'] ?? 1);
const runs = (numRuns: number) => ({ seed: 20_240_611, numRuns: numRuns * RUNS });

const seed = fc.nat(2 ** 31);
const rttMs = fc.constantFrom(1, 30, 100, 300, 1_000, 3_000);
const jitter = fc.constantFrom(0, 0.3, 1);
const closingMs = fc.constantFrom(0, 300, 3_000);
const publishesPerSecond = fc.constantFrom(0, 0.05, 1, 5);
const how = fc.constantFrom('closed' as const, 'reset' as const);
const filterNames = (count: number) => Array.from({ length: count }, (_, i) => `plants/bed-${i}/moisture`);
const filters = fc.constantFrom(0, 1, 8, 20, 50).map(filterNames);
const habits = {
  seed,
  rttMs,
  jitter,
  closingMs,
  publishesPerSecond,
  how,
  persistent: fc.boolean(),
  subscribesInTurn: fc.boolean(),
};
const publishes = (...kinds: Publish['kind'][]): Publish[] => kinds.map((kind) => ({ kind, bytes: 100 }));
const backlog = fc.nat(10).map((count) => publishes(...Array.from({ length: count }, () => 'good' as const)));

/** Poison and good publishes and filters, on a broker that says nothing, or says DISCONNECT 135. */
const poisonous: fc.Arbitrary<WorldOptions> = fc
  .record({
    ...habits,
    kinds: fc.array(fc.constantFrom('good' as const, 'good' as const, 'poison' as const), { maxLength: 8 }),
    filters,
    poisonPlaces: fc.array(fc.nat(49), { maxLength: 3 }),
    says135: fc.boolean(),
  })
  .map(({ kinds, poisonPlaces, says135, ...options }) => ({
    ...options,
    publishes: publishes(...kinds),
    publishUntilMs: 60_000,
    poisonFilters: [
      ...new Set(poisonPlaces.flatMap((place) => options.filters[place % options.filters.length] ?? [])),
    ],
    ...(says135
      ? { how: 'closed', poisonError: new IotError('NOT_AUTHORIZED', 'no', { reasonCode: 135 }) }
      : {}),
  }));

const period = fc.constantFrom(10, 100, 1_000, 5_000, 29_000);
const flapping: fc.Arbitrary<Flapping> = fc.oneof(
  fc.record({ kind: fc.constantFrom('period' as const, 'exponential' as const), ms: period }),
  fc.record({ kind: fc.constant('packets' as const), count: fc.constantFrom(20, 60) }),
  fc.record({ kind: fc.constant('bytes' as const), count: fc.constantFrom(3_000, 10_000) }),
);

const kindsOf = (world: EarlyCloseWorld) => world.lines.map(({ verdict }) => verdict.kind);

function expectNoFalseVerdict(world: EarlyCloseWorld): void {
  expect(world.convictedPublishes.filter(({ kind }) => kind !== 'poison')).toEqual([]);
  expect(world.convictedFilters.filter((filter) => !world.poison.includes(filter))).toEqual([]);
  for (const publish of world.convictedPublishes) {
    expect(world.soleCloses.get(publish)).toBeGreaterThanOrEqual(3);
  }
}

describe('the early-close classifier in the world', () => {
  it('fault:C-2 fault:C-3 G5 convicts each poison publish and each poison filter; the rest flows', () => {
    fc.assert(
      fc.property(poisonous, (options) => {
        const poison = (options.publishes ?? []).filter(({ kind }) => kind === 'poison');
        const culprits = poison.length + (options.poisonFilters?.length ?? 0);
        const world = new EarlyCloseWorld(options).run(100);
        expect(new Set(world.convictedPublishes)).toEqual(new Set(poison));
        expect(new Set(world.convictedFilters)).toEqual(new Set(options.poisonFilters));
        expect(world.open).toEqual([]);
        expect(world.granted).toEqual(world.wanted);
        expect(world.lines.length).toBeLessThanOrEqual(6 * culprits);
        expect(kindsOf(world)).not.toContain('duplicateClientId');
        expectNoFalseVerdict(world);
      }),
      runs(500),
    );
  });

  it('makes nothing poison when lines flap, whatever their round trip', () => {
    fc.assert(
      fc.property(fc.record({ ...habits, filters, publishes: backlog, flapping }), (options) => {
        const world = new EarlyCloseWorld(options).run(40);
        expect(world.convictedPublishes).toEqual([]);
        expect(world.convictedFilters).toEqual([]);
      }),
      runs(60),
    );
  });

  it('goes back to ordinary lines, and delivers all, when the flapping has an end', () => {
    fc.assert(
      fc.property(
        fc.record({
          ...habits,
          filters,
          publishes: backlog,
          flapping: fc.record({
            kind: fc.constantFrom('period' as const, 'exponential' as const),
            ms: period,
          }),
        }),
        (options) => {
          const world = new EarlyCloseWorld({
            ...options,
            flappingUntilMs: 60_000,
            publishUntilMs: 90_000,
          }).run(100);
          expect(world.open).toEqual([]);
          expect(world.granted).toEqual(world.wanted);
          expect(world.inquiryOfNextLine()).toBeUndefined();
        },
      ),
      runs(200),
    );
  });

  it('convicts poison on a line that also flaps now and then', () => {
    fc.assert(
      fc.property(poisonous, fc.constantFrom(60_000, 120_000), (options, ms) => {
        const world = new EarlyCloseWorld({
          ...options,
          rttMs: Math.min(options.rttMs, 300),
          closingMs: Math.min(options.closingMs ?? 0, 300),
          flapping: { kind: 'exponential', ms },
        }).run(250);
        expect(world.open).toEqual([]);
        const poison = (options.publishes ?? []).filter(({ kind }) => kind === 'poison');
        expect(new Set(world.convictedPublishes)).toEqual(new Set(poison));
        expect(new Set(world.convictedFilters)).toEqual(new Set(options.poisonFilters));
        expectNoFalseVerdict(world);
      }),
      runs(60),
    );
  });

  it('fault:C-1 tells of a duel within a few closes, and again while it goes on; it convicts nothing', () => {
    fc.assert(
      fc.property(
        fc.record({ ...habits, how: fc.constant('closed' as const), filters, publishes: backlog }),
        (options) => {
          const world = new EarlyCloseWorld({ ...options, flapping: { kind: 'duel' } }).run(60);
          const kinds = kindsOf(world);
          const first = kinds.indexOf('duplicateClientId');
          expect(first).toBeGreaterThanOrEqual(0);
          expect(first).toBeLessThan(options.rttMs < 300 ? 4 : 8);
          // Again whenever three lines in a row were closed early; most last as long as the other one backs off.
          const isEarly = world.lines.map(({ openedAt, endedAt }) => endedAt - openedAt < 20_000);
          const untold = kinds.filter(
            (kind, i) => i > 1 && isEarly.slice(i - 2, i + 1).every(Boolean) && kind !== 'duplicateClientId',
          );
          if (options.rttMs < 300) expect(untold).toEqual([]);
          expect(world.convictedPublishes).toEqual([]);
          expect(world.convictedFilters).toEqual([]);
        },
      ),
      runs(60),
    );
  });

  it('fault:C-1 convicts nothing in a duel that the broker calls by its name, and adds nothing to it', () => {
    const takeoverError = new IotError('DUPLICATE_CLIENT_ID', 'taken over', { reasonCode: 142 });
    fc.assert(
      fc.property(fc.record({ ...habits, filters, publishes: backlog }), (options) => {
        const world = new EarlyCloseWorld({ ...options, flapping: { kind: 'duel' }, takeoverError }).run(40);
        expect(new Set(kindsOf(world))).toEqual(new Set(['network']));
      }),
      runs(20),
    );
  });

  it('delivers all of QoS 1 beside a QoS 0 over which the broker closes, and convicts nothing', () => {
    fc.assert(
      fc.property(fc.record({ ...habits, filters, publishes: backlog }), (options) => {
        const world = new EarlyCloseWorld({
          ...options,
          rttMs: Math.min(options.rttMs, 300),
          poisonQos0PerSecond: 2,
          publishUntilMs: 60_000,
        }).run(60);
        expect(world.open).toEqual([]);
        expect(world.convictedPublishes).toEqual([]);
        expect(world.convictedFilters).toEqual([]);
      }),
      runs(60),
    );
  });

  it('convicts no publish that the broker never acknowledges', () => {
    fc.assert(
      fc.property(fc.record({ ...habits, filters, publishes: backlog }), (options) => {
        const world = new EarlyCloseWorld({
          ...options,
          publishes: [...publishes('neverAcknowledged'), ...options.publishes],
          publishUntilMs: 60_000,
        }).run(12);
        expect(world.open).toHaveLength(1);
        expect(new Set(kindsOf(world))).toEqual(new Set(['network']));
      }),
      runs(60),
    );
  });
});
