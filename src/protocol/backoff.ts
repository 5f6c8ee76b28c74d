import { MAX_DELAY_MS } from './clock.ts';
import { invalid } from './errors.ts';

/** How long to wait between attempts to connect, in milliseconds: `t(n) = min(baseMs · 2^n, maxMs)`, n from 0. */
export interface BackoffPolicy {
  /** The delay after the first failure. */
  readonly baseMs: number;
  /** No delay is longer. */
  readonly maxMs: number;
  /** A line that lasted this long is stable: the next failure counts as the first again. More than `baseMs`. */
  readonly stableMs: number;
  /** `'equal'` draws each delay evenly from [t/2, t], so that a fleet does not come back at once; `'none'` is t. */
  readonly jitter: 'equal' | 'none';
  /** Spreads the first retry over so much more time, for a large fleet whose broker restarts. */
  readonly firstRetryWithinMs: number;
}

/** 1, 2, 4, 8, 16, 32, 32 … seconds, stable after 20: the law of the AWS IoT Device SDK for Python, with jitter. */
export const DEFAULT_BACKOFF: BackoffPolicy = Object.freeze({
  baseMs: 1_000,
  maxMs: 32_000,
  stableMs: 20_000,
  jitter: 'equal',
  firstRetryWithinMs: 0,
});

/**
 * The delay before the next attempt.
 *
 * @param failures How many attempts or lines have failed since the last stable one, not counting the one that asks: n.
 * @param random A number in [0, 1), as `Math.random`.
 * @returns milliseconds, not rounded
 */
export function backoffDelay(policy: BackoffPolicy, failures: number, random: () => number): number {
  // A power too great is Infinity, of which the minimum is right.
  const delay = draw(policy, Math.min(policy.baseMs * 2 ** failures, policy.maxMs), random);
  return failures === 0 ? delay + random() * policy.firstRetryWithinMs : delay;
}

/** The delay before the next attempt when a person must mend something first: the longest one, drawn in the same way. */
export function slowestDelay(policy: BackoffPolicy, random: () => number): number {
  return draw(policy, policy.maxMs, random);
}

function draw(policy: BackoffPolicy, delay: number, random: () => number): number {
  return policy.jitter === 'equal' ? delay / 2 + (random() * delay) / 2 : delay;
}

/**
 * Checks the fields of a complete policy: `0 < baseMs <= maxMs`, `baseMs < stableMs`, and no delay that a timer cannot
 * keep (`MAX_DELAY_MS`). That there are no other fields is the business of whoever took it from the app.
 *
 * @param field How the error calls it: `reconnect` gives `reconnect.baseMs`.
 * @throws IotError `INVALID_ARGUMENT`
 */
export function validateBackoff(
  policy: Readonly<Record<keyof BackoffPolicy, unknown>>,
  field = 'reconnect',
): asserts policy is BackoffPolicy {
  const { baseMs, maxMs, stableMs, jitter, firstRetryWithinMs } = policy;
  validateDelay(`${field}.baseMs`, baseMs);
  validateDelay(`${field}.maxMs`, maxMs);
  validateDelay(`${field}.stableMs`, stableMs);
  validateDelay(`${field}.firstRetryWithinMs`, firstRetryWithinMs);
  if (baseMs === 0) throw invalid(`${field}.baseMs`, 'more than 0', baseMs);
  if (maxMs < baseMs) throw invalid(`${field}.maxMs`, `at least baseMs (${baseMs})`, maxMs);
  if (stableMs <= baseMs) throw invalid(`${field}.stableMs`, `more than baseMs (${baseMs})`, stableMs);
  if (firstRetryWithinMs > MAX_DELAY_MS - baseMs) {
    // The first retry waits for both, and a timer for a longer time would fire at once.
    throw invalid(`${field}.firstRetryWithinMs`, `at most ${MAX_DELAY_MS - baseMs}`, firstRetryWithinMs);
  }
  if (jitter !== 'equal' && jitter !== 'none') throw invalid(`${field}.jitter`, "'equal' or 'none'", jitter);
}

function validateDelay(field: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || !(value >= 0 && value <= MAX_DELAY_MS)) {
    throw invalid(field, `a number of milliseconds from 0 to ${MAX_DELAY_MS}`, value);
  }
}
