// At 3 a.m. nobody is there: with default options a device survives a line that is half open, and every kind of refusal
// for ten minutes, and for an hour in `npm run test:long`. Only time and chance are given, and where the broker is.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IotClient } from '../../src/index.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { FaultProxy } from '../../src/testing/index.ts';
import { runs } from '../support/runs.ts';
import { FATAL_REFUSALS, type Outage, REFUSALS, type Refusal, TLS_REFUSALS } from './support/refusals.ts';
import { inWorld, inWorldOf, type World } from './support/world.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const LONGEST_DELAY_MS = 32_000;
const ATTEMPT_MS = 15_000;

/** A line that carries nothing for a while, and nobody is told. */
interface Freezing {
  freeze(): void;
  thaw(): void;
}

/**
 * Publishes five messages a second for two minutes; the line is frozen in the first of them. Returns what became of each,
 * and after how long it was live again.
 */
async function publishThrough(
  world: World,
  client: IotClient,
  topicOf: (number: number) => string,
  line: Freezing,
) {
  const fates: string[] = [];
  let liveAfterMs = Number.POSITIVE_INFINITY;
  const began = world.clock.now();
  const ends: (string | undefined)[] = [];
  client.on('status', (status) => {
    if (status.state === 'live') liveAfterMs = Math.min(liveAfterMs, world.clock.now() - began);
    if (status.state === 'backingOff') ends.push(status.reason?.code);
  });
  line.freeze();
  for (let number = 0; number < 600; number++) {
    if (number === 300) line.thaw();
    const publishing = client.publish(topicOf(number), `${number}`, { qos: 1 });
    publishing
      .then(({ delivered }) => delivered)
      .then(
        () => (fates[number] = 'delivered'),
        (error: { code: string }) => (fates[number] = error.code),
      );
    await world.pass(200);
  }
  await world.pass(MINUTE_MS);
  // A ping tells the death of the line; waiting for the PUBACK would take three times as long.
  expect(ends[0]).toBe('PING_TIMEOUT');
  return { fates, liveAfterMs };
}

/** The numbers, each where it came first. */
const firsts = (numbers: readonly number[]): number[] => [...new Set(numbers)];

const inOrder = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

function expectEveryFate(fates: readonly string[], taken: readonly number[]): void {
  const delivered = fates.flatMap((fate, number) => (fate === 'delivered' ? [number] : []));
  const refused = fates.filter((fate) => fate === 'QUEUE_FULL');
  expect(delivered.length + refused.length).toBe(600);
  // What was published before the death was noticed and after the thaw, and 20 of what came between.
  expect(refused.length).toBeGreaterThan(150);
  expect(refused.length).toBeLessThan(300);
  expect(inOrder(firsts(taken))).toEqual(delivered);
}

describe('a line that is half open for a minute, and five publishes a second', () => {
  const LATE = { I5: 'the broker learns at the thaw that earlier lines are over' };

  it.each([
    ['both', LATE],
    ['toBroker', LATE],
    ['toClient', {}],
  ] as const)(
    'frozen %s: live within 90 s, and every message delivered in order or its refusal counted',
    (direction, except) =>
      inWorld(
        async (world, broker) => {
          await using proxy = await FaultProxy.start({ to: { host: '127.0.0.1', port: broker.port } });
          const client = await world.liveClient({ port: proxy.port });
          const { fates, liveAfterMs } = await publishThrough(world, client, (n) => `a/${n % 3}`, {
            freeze: () => proxy.freeze(direction),
            thaw: () => proxy.thaw(),
          });
          expect(liveAfterMs).toBeLessThan(90 * SECOND_MS);
          const numbers = broker.messages.map(({ payload }) => Number(payload.toString()));
          expectEveryFate(fates, numbers);
          for (const rest of [0, 1, 2]) {
            const ofTopic = firsts(numbers.filter((number) => number % 3 === rest));
            expect(ofTopic).toEqual(inOrder(ofTopic));
          }
          // Twice only on another line.
          const once = new Set(
            broker.messages.map(({ connection, payload }) => `${connection} ${payload.toString()}`),
          );
          expect(once.size).toBe(broker.messages.length);
          await client.close();
        },
        { except },
      ),
  );

  describe('on the local core', () => {
    let core: LocalIotCore;
    beforeAll(async () => {
      core = await startLocalIotCore({ plainPort: 0, limits: NO_RATE_LIMITS, onWarning: () => {} });
    });
    afterAll(() => core.stop());

    it('frozen and thawed: live within 90 s, and every message delivered in order or its refusal counted', () =>
      inWorldOf(core, async (world) => {
        const client = await world.liveClient({ clientId: 'lamp' });
        const { fates, liveAfterMs } = await publishThrough(world, client, (n) => `a/${n}`, {
          freeze: () => core.faults.freeze(),
          thaw: () => core.faults.thaw(),
        });
        expect(liveAfterMs).toBeLessThan(90 * SECOND_MS);
        const numbers = core.received.map(({ topic }) => Number(topic.slice(2)));
        expectEveryFate(fates, numbers);
        expect(firsts(numbers)).toEqual(inOrder(firsts(numbers)));
      }));
  });
});

interface Wait {
  readonly delayMs: number;
  readonly code: string | undefined;
}

/** Waits until an attempt, or the line that it became, has failed. */
async function failed(world: World, client: IotClient, { dialed }: Outage, attempt: number): Promise<Wait> {
  if (dialed !== undefined) {
    await dialed(attempt);
    world.clock.advance(ATTEMPT_MS);
  }
  const status = await client.when('backingOff');
  if (status.state !== 'backingOff') throw new Error(status.state);
  return { delayMs: status.retryAt - world.clock.now(), code: status.reason?.code };
}

/** Lets so much time pass from attempt to attempt, from the second on. Afterwards the client backs off. */
async function endure(world: World, client: IotClient, outage: Outage, lastsMs: number): Promise<Wait[]> {
  const end = world.clock.now() + lastsMs;
  const waits = [await failed(world, client, outage, 2)];
  while (world.clock.now() < end) {
    await world.retry(client);
    waits.push(await failed(world, client, outage, waits.length + 2));
  }
  return waits;
}

function expectLawful(waits: readonly Wait[], law: Refusal['law'], lastsMs: number): void {
  for (const { delayMs } of waits) {
    expect(delayMs).toBeGreaterThanOrEqual(SECOND_MS / 2 - 1);
    expect(delayMs).toBeLessThanOrEqual(LONGEST_DELAY_MS);
  }
  const quick = { retry: 5, reauthenticate: 1, slow: 0 }[law];
  for (const { delayMs } of waits.slice(quick))
    expect(delayMs).toBeGreaterThanOrEqual(LONGEST_DELAY_MS / 2 - 1);
  expect(waits.length).toBeGreaterThan(lastsMs / (LONGEST_DELAY_MS + ATTEMPT_MS));
  expect(waits.length).toBeLessThan(lastsMs / (LONGEST_DELAY_MS / 2) + 10);
}

// Ten minutes are twenty attempts, three times as many as the delays grow.
const lastsMs = runs(10 * MINUTE_MS, HOUR_MS);

describe(`a refusal that lasts for ${lastsMs / MINUTE_MS} minutes, and is mended`, () => {
  const refusals = [...REFUSALS, ...TLS_REFUSALS];

  it.each(refusals.map((refusal) => [refusal.name, refusal] as const))(
    '%s: it comes back unaided',
    (_name, { codes, law, isUp = false, begin }) =>
      inWorld(async (world, broker) => {
        await using outage = await begin({ world, broker });
        const client = world.client({ clientId: 'lamp', ...outage.options });
        const dialedAt: number[] = [];
        broker.onRecord(({ packet }) => packet === 'open' && dialedAt.push(world.clock.now()));
        await client.subscribe('news', () => undefined);
        const connecting = client.connect().then(
          () => 'connected',
          (error: { code: string }) => error.code,
        );
        let ended: string | undefined;
        void connecting.then((how) => (ended = how));

        const first = await failed(world, client, outage, 1);
        await world.settled(2);
        if (isUp) expect(ended).toBe('connected');
        else expect(ended).toBe(law === 'slow' ? codes[0] : undefined);
        const publishing = await Promise.allSettled(
          Array.from({ length: 25 }, (_, number) => client.publish('a', `${number}`, { qos: 1 })),
        );
        const queued = publishing.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
        const refused = publishing.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
        expect(queued.map(({ state }) => state)).toEqual(Array(20).fill('queued'));
        expect(refused).toEqual(Array(5).fill('QUEUE_FULL'));

        await world.retry(client);
        const waits = [first, ...(await endure(world, client, outage, lastsMs))];
        expectLawful(waits, law, lastsMs);
        // What the broker saw, where anything came as far as that.
        if (dialedAt.length > 0) expect(dialedAt).toHaveLength(waits.length);
        for (const [index, at] of dialedAt.slice(1).entries())
          expect(at - (dialedAt[index] ?? 0)).toBeGreaterThanOrEqual(SECOND_MS / 2 - 1);
        expect(new Set(waits.map(({ code }) => code))).toEqual(new Set(codes));

        await outage.mend();
        const mendedAt = world.clock.now();
        await world.retry(client);
        await client.when('resubscribing');
        // A line under inquiry is quiet at first.
        await world.pass(SECOND_MS);
        await client.when('draining');
        expect(world.clock.now() - mendedAt).toBeLessThanOrEqual(LONGEST_DELAY_MS + ATTEMPT_MS);
        if (law === 'retry' || isUp) expect(await connecting).toBe('connected');
        else expect(await connecting).toBe(codes[0]);
        await world.pass(11 * SECOND_MS);
        await client.when('live');
        await Promise.all(queued.map(({ delivered }) => delivered));
        expect(broker.messages.map(({ payload }) => Number(payload.toString()))).toEqual(
          Array.from({ length: 20 }, (_, number) => number),
        );
        expect([...broker.subscriptionsOf('lamp').keys()]).toEqual(['news']);
      }),
  );
});

describe('what only the options of this process can mend', () => {
  it.each(FATAL_REFUSALS.map((refusal) => [refusal.name, refusal] as const))(
    '%s: one attempt, failed; and connect() tries again',
    (_name, { code, begin, isMendable = true }) =>
      inWorld(async (world, broker) => {
        await using outage = await begin({ world, broker });
        const client = world.client({ clientId: 'lamp', ...outage.options });
        const attempts: number[] = [];
        client.on('status', ({ state }) => state === 'connecting' && attempts.push(world.clock.now()));
        await expect(client.connect()).rejects.toMatchObject({ code, recovery: 'fatal' });
        expect(client.status).toMatchObject({ state: 'failed', reason: { code } });
        await world.pass(24 * HOUR_MS);
        expect(attempts).toEqual([0]);
        await outage.mend();
        if (isMendable) {
          await client.connect();
          await client.when('live');
        } else {
          await expect(client.connect()).rejects.toMatchObject({ code });
          expect(broker.connections).toHaveLength(0);
        }
      }),
  );
});
