import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { IotClientOptions } from '../../src/client/options.ts';
import {
  createIotClient,
  type IotClient,
  IotError,
  type PublishReceipt,
  type Status,
} from '../../src/index.ts';
import {
  type Hold,
  type LocalIotCore,
  type LocalIotCoreOptions,
  NO_RATE_LIMITS,
  startLocalIotCore,
} from '../../src/local/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { untrueIn } from '../support/invariants.ts';
import { PromiseRegistry } from '../support/tracked.ts';

/** Backoff that a test can wait for on the real clock. */
const QUICK = { baseMs: 5, maxMs: 20, stableMs: 10_000, jitter: 'none' } as const;

interface Made {
  readonly client: IotClient;
  readonly clock: SimulatedClock | undefined;
  readonly told: Promise<Status[]>;
}

type TestOptions = Partial<IotClientOptions> & { readonly tls?: boolean };

const registry = new PromiseRegistry();
const made: Made[] = [];
let named = 0;

/** A client id that no other test of this file has: the core and its log are shared. */
export function freshId(): string {
  named += 1;
  return `device-${named}`;
}

/** One local core for the tests of a file, with a plain port. It counts nothing by the second, unless they say so. */
export function useCore(options: LocalIotCoreOptions = {}): () => LocalIotCore {
  let core: LocalIotCore | undefined;
  beforeAll(async () => {
    const limits = { ...NO_RATE_LIMITS, ...options.limits };
    core = await startLocalIotCore({ plainPort: 0, onWarning: () => undefined, ...options, limits });
  });
  afterAll(() => core?.stop());
  return () => core!;
}

/**
 * A client of the core, over plain TCP or, with `tls`, mutual TLS. After the test it is closed, and then judged: every
 * promise that it gave is settled, no timer runs, and each change of its status was one that the machine can make.
 */
export function clientOf(core: LocalIotCore, options: TestOptions = {}): IotClient {
  const { tls = false, clientId = freshId(), ...rest } = options;
  const place = tls ? core.deviceOptions(clientId) : core.plainOptions(clientId);
  return judged(
    createIotClient({ ...place, reconnect: QUICK, ...rest }),
    rest.clock as SimulatedClock | undefined,
  );
}

/** A client that no test closes itself, watched and judged as {@link clientOf} says. */
export function judged(client: IotClient, clock?: SimulatedClock): IotClient {
  made.push({ client, clock, told: collect(client.statusChanges()) });
  return registry.tracked(client);
}

/** As {@link clientOf}, connected and live. */
export async function liveClient(core: LocalIotCore, options: TestOptions = {}): Promise<IotClient> {
  const client = clientOf(core, options);
  await client.connect();
  await client.when('live');
  return client;
}

/** Cuts the line of a client, and waits until the client has noticed. */
export async function cutLine(core: LocalIotCore, client: IotClient, clientId: string): Promise<void> {
  const lost = client.when('backingOff');
  await core.faults.dropConnections({ clientId });
  await lost;
}

/** A client whose time stands still. Its retries come when the test says so. */
export function stillClient(
  core: LocalIotCore,
  options: TestOptions = {},
): { client: IotClient; clock: SimulatedClock } {
  const clock = new SimulatedClock();
  return { client: clientOf(core, { clock, random: () => 0, ...options }), clock };
}

/** Closes a client whose clock stands still, without waiting for anything. */
export async function closeNow(client: IotClient, clock: SimulatedClock | undefined): Promise<void> {
  const closing = client.close({ flushTimeoutMs: 0 });
  // Both bounds of a planned end; without a simulated clock they pass by themselves.
  clock?.advance(60_000);
  await closing;
}

/** The error that a promise rejects with, as an object to match; fails when it resolves. */
export async function failureOf(promise: Promise<unknown>): Promise<IotError> {
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome.status === 'fulfilled') throw new Error('expected a rejection, and it resolved');
  if (!IotError.is(outcome.reason)) throw outcome.reason;
  return outcome.reason;
}

/** The error that a function throws at once. */
export function thrownBy(call: () => unknown): IotError {
  try {
    call();
  } catch (error) {
    if (IotError.is(error)) return error;
    throw error;
  }
  throw new Error('expected an error, and none was thrown');
}

/** All that an iterator gives until it is done. */
export async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of iterable) all.push(one);
  return all;
}

/** Lets everything that is due without time passing happen: a barrier for what must *not* happen. */
export async function settled(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

afterEach(async () => {
  const clients = made.splice(0);
  for (const { client, clock } of clients) await closeNow(client, clock);
  for (const { told, clock } of clients) {
    expect(untrueIn(await told)).toEqual([]);
    expect(clock?.pending ?? 0).toBe(0);
  }
  await settled(2);
  const { unkept } = await registry.judge();
  expect(unkept).toEqual([]);
});

/** A publish that is on the wire, and its PUBACK, which is held. */
export async function unacknowledged(
  core: LocalIotCore,
  client: IotClient,
  clientId: string,
): Promise<{ held: Hold; published: Promise<PublishReceipt> }> {
  const held = core.tap.hold({ packet: 'puback', clientId });
  const published = client.publish('a', 'b', { qos: 1 });
  await held.caught();
  return { held, published };
}
