import { MAX_DELAY_MS } from '../protocol/clock.ts';
import { DEFAULT_DRAIN, type DrainPolicy } from '../protocol/drain.ts';
import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';
import type { QueueLimits, RateLimit } from '../protocol/queue-limits.ts';
import type { DurableStore, QueueStore } from '../protocol/queue-store.ts';
import { hasMethods, oneOf } from './checks.ts';

/** What of the offline queue can be changed at any time. */
export interface QueueChanges {
  /** How many may wait; `Infinity` for any number. Default 20. */
  readonly maxMessages?: number;
  /** How many bytes (topics, payloads, properties) may wait, also on a live line. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Who loses when it is full: the new message (its publish rejects with `QUEUE_FULL`) or the oldest. Default `dropNewest`. */
  readonly overflow?: 'dropNewest' | 'dropOldest';
  /** How what waited is let go when the line is back. Default `{ perSecond: 2, adaptive: true }`. */
  readonly drain?: Partial<DrainPolicy>;
}

/** Messages that are published while there is no live line. */
export interface OfflineQueueOptions extends QueueChanges {
  /**
   * Where accepted QoS 1 publishes are kept: `memoryStore()`, or `levelStore({ directory })`, which has each of them before it
   * is sent, so that the next process sends what this one could not. QoS 0 is never stored. Default `memoryStore()`.
   */
  readonly store?: QueueStore;
}

/** Options of the queue with every default filled in. */
export interface ResolvedQueue {
  readonly queue: QueueLimits & { readonly enabled: boolean };
  /** Undefined: nothing survives the process. */
  readonly store: DurableStore | undefined;
  readonly drain: DrainPolicy;
}

const CHANGES = [
  'maxMessages',
  'maxBytes',
  'overflow',
  'drain',
] as const satisfies readonly (keyof QueueChanges)[];
const DEFAULT_LIMITS: QueueLimits = { maxMessages: 20, maxBytes: 64 * 1024 * 1024, overflow: 'dropNewest' };

/** @throws IotError `INVALID_ARGUMENT` */
export function resolveQueue(given: OfflineQueueOptions | false): ResolvedQueue {
  const queue = given === false ? {} : given;
  if (typeof queue !== 'object' || (queue as unknown) === null)
    throw invalid('offlineQueue', 'an object, or false', queue);
  checkFields('offlineQueue', queue, [...CHANGES, 'store']);
  return {
    queue: { enabled: given !== false, ...resolveLimits('offlineQueue.', queue, DEFAULT_LIMITS) },
    store: resolveStore(queue.store),
    drain: resolveDrain('offlineQueue.drain', queue.drain, DEFAULT_DRAIN),
  };
}

/**
 * What holds after these changes; what is left out stays as it is.
 *
 * @throws IotError `INVALID_ARGUMENT`
 */
export function resolveChanges(
  changes: QueueChanges,
  now: { readonly limits: QueueLimits; readonly drain: DrainPolicy },
): { limits: QueueLimits; drain: DrainPolicy } {
  checkFields('changes', changes, CHANGES);
  return {
    limits: resolveLimits('', changes, now.limits),
    drain: resolveDrain('drain', changes.drain, now.drain),
  };
}

function resolveLimits(prefix: string, given: QueueChanges, otherwise: QueueLimits): QueueLimits {
  const { maxMessages, maxBytes, overflow } = { ...otherwise, ...withoutUndefined(given) };
  checkBound(`${prefix}maxMessages`, maxMessages);
  checkBound(`${prefix}maxBytes`, maxBytes);
  oneOf(`${prefix}overflow`, overflow, ['dropNewest', 'dropOldest']);
  return { maxMessages, maxBytes, overflow };
}

function withoutUndefined({ maxMessages, maxBytes, overflow }: QueueChanges): Partial<QueueLimits> {
  return {
    ...(maxMessages === undefined ? {} : { maxMessages }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(overflow === undefined ? {} : { overflow }),
  };
}

function checkBound(field: string, value: unknown): void {
  if (value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1)) return;
  throw invalid(field, 'a whole number from 1, or Infinity', value);
}

function resolveStore(store: QueueStore | undefined): DurableStore | undefined {
  const mayBe = 'memoryStore() or levelStore({ directory })';
  if (store === undefined) return undefined;
  const kind: unknown = typeof store === 'object' ? (store as QueueStore | null)?.kind : undefined;
  if (kind === 'memory') return undefined;
  if (kind === 'durable' && hasMethods(store, ['open'])) return store as DurableStore;
  throw invalid('offlineQueue.store', mayBe, store);
}

function resolveDrain(field: string, given: Partial<DrainPolicy> = {}, otherwise: DrainPolicy): DrainPolicy {
  checkFields(field, given, ['perSecond', 'adaptive']);
  const { perSecond = otherwise.perSecond, adaptive = otherwise.adaptive } = given;
  // Below this the beat would be longer than a timer can be.
  const slowest = 1_000 / MAX_DELAY_MS;
  if (typeof perSecond !== 'number' || !(perSecond >= slowest)) {
    throw invalid(`${field}.perSecond`, 'a positive number of messages a second, or Infinity', perSecond);
  }
  oneOf(`${field}.adaptive`, adaptive, [true, false]);
  return { perSecond, adaptive };
}

/** @throws IotError `INVALID_ARGUMENT` */
export function resolveRate(
  given: Partial<RateLimit> | false | undefined,
  isAws: boolean,
): RateLimit | undefined {
  if (given === false || (given === undefined && !isAws)) return undefined;
  const rate = given === undefined ? {} : given;
  if (typeof rate !== 'object' || (rate as unknown) === null)
    throw invalid('rateLimit', 'an object, or false', rate);
  checkFields('rateLimit', rate, ['publishesPerSecond', 'bytesPerSecond']);
  // What is not named is not limited, but for AWS, which limits both.
  const otherwise = isAws ? AWS_LIMITS : { publishesPerSecond: Infinity, bytesPerSecond: Infinity };
  const { publishesPerSecond = otherwise.publishesPerSecond, bytesPerSecond = otherwise.bytesPerSecond } =
    rate;
  checkBound('rateLimit.publishesPerSecond', publishesPerSecond);
  checkBound('rateLimit.bytesPerSecond', bytesPerSecond);
  if (publishesPerSecond === Infinity && bytesPerSecond === Infinity) return undefined;
  return { publishesPerSecond, bytesPerSecond };
}
