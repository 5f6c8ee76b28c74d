import { describe, expect, test } from 'vitest';
import { checkHistory, cleanHistory } from '../../src/testing/history-checker.ts';
import { runs } from '../support/runs.ts';
import { seeded } from '../support/seeded.ts';
import { ClientWorld, type ClientWorldOptions, type Reception } from './client-world.ts';
import { error } from './support.ts';

const RUNS = runs(100, 2_000);
const BATCH = 100;
const STEPS = 45;
const FILTERS = Array.from({ length: 12 }, (_, n) => `f${n}`);

type Random = () => number;

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

/** What may happen, and how often. */
const STEPS_BY_WEIGHT: Record<
  string,
  [number, (world: ClientWorld, random: Random) => void | Promise<void>]
> = {
  publish: [14, (world, random) => void world.publish(random() < 0.75 ? 1 : 0)],
  burst: [
    2,
    (world) => {
      for (let n = 0; n < 30; n++) world.publish(1);
    },
  ],
  time: [14, (world, random) => world.advance(pick(random, [0, 1, 9, 10, 11, 40, 250, 500, 1_000, 5_000]))],
  longTime: [1, (world) => world.advance(40_000)],
  connect: [5, (world) => world.connect()],
  disconnect: [2, (world, random) => world.disconnect(pick(random, [undefined, 0, 15, 60_000]))],
  withdraw: [1, (world) => world.withdraw()],
  online: [2, (world) => world.actor.send({ type: 'network.online' })],
  cut: [4, (world) => world.cut()],
  reception: [
    2,
    (world, random) => {
      const receptions: Reception[] = [
        'accepts',
        'accepts',
        'accepts',
        'refuses',
        'hangs',
        'unauthorized',
        'invalid',
      ];
      world.reception = pick(random, receptions);
    },
  ],
  silence: [
    2,
    (world, random) => {
      world.answers = random() < 0.7;
      world.answersGoodbye = random() < 0.7;
    },
  ],
  caution: [
    2,
    (world, random) => {
      const filtersPerSubscribe = pick(random, [1, 3, 8]);
      world.caution = pick(random, [
        undefined,
        { quietMs: pick(random, [0, 500, 6_000]), filtersPerSubscribe },
      ]);
    },
  ],
  // Told with the end of the line that it closed, of a filter that the broker never granted.
  poison: [
    1,
    (world, random) => {
      const filter = pick(random, FILTERS);
      if (world.granted.has(filter)) return;
      world.actor.send({ type: 'filter.poisoned', filter, error: error('POISON_SUBSCRIPTION') });
      world.cut();
    },
  ],
  breakage: [
    1,
    (world, random) => {
      world.breakage = pick(random, [0, 0, 0.05, 0.5]);
    },
  ],
  subscribe: [
    4,
    (world, random) =>
      world.actor.send({ type: 'filter.wanted', filter: pick(random, FILTERS), qos: random() < 0.5 ? 0 : 1 }),
  ],
  unsubscribe: [
    3,
    (world, random) => world.actor.send({ type: 'filter.unwanted', filter: pick(random, FILTERS) }),
  ],
  refusal: [
    1,
    (world, random) => {
      const filter = pick(random, FILTERS);
      if (!world.refusedFilters.delete(filter)) world.refusedFilters.add(filter);
    },
  ],
};

function optionsOf(random: Random): ClientWorldOptions {
  return {
    random,
    outbox: {
      maxMessages: pick(random, [1, 5, 20, Number.POSITIVE_INFINITY]),
      overflow: pick(random, ['dropNewest', 'dropOldest']),
      window: pick(random, [1, 3, 100]),
      enabled: random() < 0.9,
    },
    input: {
      drain: {
        perSecond: pick(random, [2, 10, 100, Number.POSITIVE_INFINITY]),
        adaptive: random() < 0.8,
      },
    },
    isPersistent: random() < 0.5,
    receiveMaximum: pick(random, [1, 65_535]),
    ...(random() < 0.3 && { lifetimeMs: pick(random, [1_500, 20_000]) }),
  };
}

async function run(seed: number): Promise<void> {
  const random = seeded(seed);
  const world = new ClientWorld(optionsOf(random));
  const names = Object.keys(STEPS_BY_WEIGHT).flatMap((name) =>
    Array.from({ length: STEPS_BY_WEIGHT[name]?.[0] ?? 0 }, () => name),
  );
  const taken: string[] = [];
  try {
    for (let n = 0; n < STEPS; n++) {
      const name = pick(random, names);
      taken.push(name);
      await STEPS_BY_WEIGHT[name]?.[1](world, random);
      expectSound(world);
    }
    await expectCalm(world, random);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`seed ${seed}, after ${taken.join(' ')}\n${message}`, { cause: thrown });
  } finally {
    world.actor.stop();
  }
}

/** What holds at every moment. */
function expectSound(world: ClientWorld): void {
  const { connection, queue, subscriptions } = world;
  const inLine = connection.startsWith('line');
  const wrong = {
    'the client has died': world.actor.getSnapshot().status !== 'active',
    'something threw': world.errors.length > 0,
    'a line outside of `line`': !inLine && world.openLines > 0,
    'more lines than one': world.openLines > 1,
    'dials although nobody wants a line':
      !world.isWanted && /\.connecting|backingOff|\.again|renewing/.test(connection),
    'the flow is open without a line': queue !== 'buffering' && !/up\.(draining|live)/.test(connection),
    'asks the broker without a session': subscriptions !== 'offline' && !connection.includes('connected'),
    'live, but the flow is not free': /up\.live/.test(connection) && queue !== 'open',
    'no timer leads on': inLine && world.clock.pending === 0,
  };
  // Far quicker than to expect each, and this is asked 27,000 times.
  if (Object.values(wrong).some(Boolean)) expect(wrong).toEqual({});
}

/** After a long calm everything has come to its end: messages, filters, and the client. */
async function expectCalm(world: ClientWorld, random: Random): Promise<void> {
  Object.assign(world, {
    reception: 'accepts',
    answers: true,
    answersGoodbye: true,
    breakage: 0,
    caution: undefined,
  });
  // A line that withheld answers: the keep-alive of a real transport gives it up.
  world.cut();
  world.connect();
  // Long enough for the longest wait, a resubscription and the slowest drain.
  for (let n = 0; n < 300 && !isCalm(world); n++) await world.advance(2_000);
  expect([world.outbox.waiting, world.outbox.inFlight, world.outbox.toResend]).toEqual([0, 0, 0]);
  expect(checkHistory(world.history, { allowResends: true })).toEqual(cleanHistory);
  expect(new Set(world.granted.keys())).toEqual(new Set(world.wanted.keys()));

  world.disconnect(random() < 0.5 ? 0 : 5_000);
  await world.advance(7_000);
  const lines = world.lines.length;
  await world.advance(3_600_000);
  expect({ at: world.connection, lines: world.lines.length, timers: world.clock.pending }).toEqual({
    at: 'idle',
    lines,
    timers: 0,
  });

  world.actor.send({ type: 'close' });
  expect(world.actor.getSnapshot().status).toBe('done');
}

function isCalm(world: ClientWorld): boolean {
  const { outbox } = world;
  return (
    /up\.live/.test(world.connection) &&
    world.subscriptions === 'online.settled' &&
    outbox.waiting + outbox.inFlight + outbox.toResend === 0
  );
}

describe(`the composed client under ${RUNS.toLocaleString('en')} random runs`, () => {
  // `SEED=123 npx vitest run test/machines/client.random` repeats one run.
  const only = process.env['SEED'];
  const batches =
    only === undefined ? Array.from({ length: RUNS / BATCH }, (_, n) => n * BATCH) : [Number(only)];

  test.each(batches)('seeds from %i: 0 lost, in order, at rest in the end', async (from) => {
    for (let seed = from; seed < from + (only === undefined ? BATCH : 1); seed++) await run(seed);
  });
});
