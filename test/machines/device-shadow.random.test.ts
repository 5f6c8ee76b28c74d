import { describe, expect, test } from 'vitest';
import { runs } from '../support/runs.ts';
import { seeded } from '../support/seeded.ts';
import { deltaOf, opened, type Rebirth, ShadowWorld } from './shadow-world.ts';

const RUNS = runs(100, 2_000);
const BATCH = 100;
const STEPS = 50;
const HOUR_MS = 3_600_000;
type Random = () => number;

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const section = (random: Random) => ({ [pick(random, ['a', 'b'])]: pick(random, [1, 2, 3, null]) });

/** What may happen, and how often. */
const STEPS_BY_WEIGHT: Record<
  string,
  [number, (world: ShadowWorld, random: Random) => void | Promise<void>]
> = {
  desire: [10, (world, random) => world.update({ desired: section(random) })],
  report: [8, (world, random) => world.update({ reported: section(random) })],
  obey: [4, (world) => world.update({ reported: world.stored?.desired ?? {} })],
  delete: [3, (world, random) => world.delete(pick<Rebirth>(random, ['continues', 'skips', 'restarts']))],
  time: [16, (world, random) => world.advance(pick(random, [0, 1, 5, 10, 30, 200]))],
  longTime: [2, (world) => world.advance(7_000)],
  up: [5, (world) => world.up()],
  cut: [3, (world) => world.cut()],
  get: [3, (world) => world.get()],
  watch: [
    5,
    (world, random) =>
      world.send({ type: 'watch', watched: { deltas: random() < 0.8, documents: random() < 0.4 } }),
  ],
  unwatch: [1, (world) => world.send({ type: 'unwatch' })],
  handler: [2, (world) => world.send({ type: 'handler.added' })],
  refuse: [0.3, (world) => world.refuse()],
  weather: [
    2,
    (world, random) => {
      world.losses = pick(random, [0, 0, 0.5, 1]);
      world.duplicates = pick(random, [0, 0.3]);
      world.failures = pick(random, [0, 0, 0.5, 1]);
      world.uncertainty = pick(random, [0, 0, 0.3]);
      world.latency = pick(random, [1, 30, 400]);
    },
  ],
};
const NAMES = Object.keys(STEPS_BY_WEIGHT).flatMap((name) =>
  Array.from({ length: Math.ceil(3 * (STEPS_BY_WEIGHT[name]?.[0] ?? 0)) }, () => name),
);

async function run(seed: number): Promise<void> {
  const random = seeded(seed);
  const world = new ShadowWorld(random);
  const taken: string[] = [];
  try {
    for (let n = 0; n < STEPS; n++) {
      const name = pick(random, NAMES);
      taken.push(name);
      await STEPS_BY_WEIGHT[name]?.[1](world, random);
      expectSound(world);
    }
    expectHistory(world);
    await expectCalm(world);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`seed ${seed}, after ${taken.join(' ')}\n${message}`, { cause: thrown });
  } finally {
    world.actor.stop();
  }
}

/** What holds at every moment. */
function expectSound(world: ShadowWorld): void {
  const { place, isSynced } = world;
  const wrong = {
    'it has died': world.actor.getSnapshot().status !== 'active' || world.errors.length > 0,
    'two offers at a time': world.mostOffers > 1,
    'a get that nobody waits for': world.openGets !== (place.includes('asking') ? 1 : 0),
    'topics without a watcher': (world.held !== undefined) !== place.includes('watched.'),
    'synced without a line': isSynced && !world.isUp,
    'all has come, and the copy is not what AWS has': isSynced && world.inFlight === 0 && !isTrue(world),
  };
  if (Object.values(wrong).some(Boolean)) {
    expect({ wrong, place, copy: world.copy, stored: world.stored }).toEqual({});
  }
}

function isTrue({ copy, stored, actor }: ShadowWorld): boolean {
  const { version } = stored ?? {};
  return (
    actor.getSnapshot().context.versions.copy === version &&
    JSON.stringify(sorted(copy)) === JSON.stringify(sorted(stored))
  );
}

function sorted(of: ShadowWorld['copy']): unknown {
  return of && [of.desired, of.reported].map((one) => Object.entries(one).sort());
}

/** fault:H-5: nothing goes back, unless it was deleted in between. */
function expectHistory({ facts }: ShadowWorld): void {
  let last = { copy: 0, delta: 0, documents: 0 };
  let isSynced = false;
  for (const fact of facts) {
    if (fact.type === 'copy.deleted') last = { copy: 0, delta: 0, documents: 0 };
    if (fact.type === 'shadow.synced' || fact.type === 'shadow.unsynced') {
      expect(isSynced).toBe(fact.type === 'shadow.unsynced');
      isSynced = !isSynced;
    }
    if (!('document' in fact)) continue;
    const { version } = opened<{ version: number }>(fact.document);
    const topic = fact.type.split('.')[0] as keyof typeof last;
    if (topic === 'documents') expect(version).toBeGreaterThan(last.documents);
    // A delta may be offered again, and the same document come again with a new line.
    expect(version, fact.type).toBeGreaterThanOrEqual(last[topic]);
    last[topic] = version;
  }
}

/** After a long calm the copy is true, the newest delta has been taken, and nothing is asked any more. */
async function expectCalm(world: ShadowWorld): Promise<void> {
  Object.assign(world, { losses: 0, duplicates: 0, failures: 0, uncertainty: 0, latency: 30 });
  world.up();
  world.send({ type: 'watch', watched: { deltas: true, documents: true } });
  await world.advance(150_000);
  // A handler had failed: it is asked again at the next change.
  world.send({ type: 'handler.added' });
  await world.advance(1_000);
  expect({ place: world.place, inFlight: world.inFlight }).toEqual({
    place: 'copy.watched.synced + delta.none',
    inFlight: 0,
  });
  expectSound(world);
  const delta = world.stored && deltaOf(world.stored);
  if (delta !== undefined) expect(world.handled?.state).toEqual(delta);
  expect(world.actor.getSnapshot().context.hasDelta).toBe(delta !== undefined);

  const { gets } = world;
  await world.advance(HOUR_MS);
  expect({ gets: world.gets, timers: world.clock.pending }).toEqual({ gets, timers: 0 });
  world.send({ type: 'unwatch' });
  expect({ held: world.held, place: world.place }).toEqual({
    held: undefined,
    place: 'copy.unwatched + delta.none',
  });
}

describe(`a shadow under ${RUNS.toLocaleString('en')} random runs, fault:H-3 fault:H-5 fault:H-6 fault:H-7 fault:H-18 fault:H-19`, () => {
  // `SEED=123 npx vitest run test/machines/device-shadow.random` repeats one run.
  const only = process.env['SEED'];
  const batches =
    only === undefined ? Array.from({ length: RUNS / BATCH }, (_, n) => n * BATCH) : [Number(only)];

  test.each(batches)(
    'seeds from %i: the copy is true, no delta is lost, at rest in the end',
    async (from) => {
      for (let seed = from; seed < from + (only === undefined ? BATCH : 1); seed++) await run(seed);
    },
  );
});
