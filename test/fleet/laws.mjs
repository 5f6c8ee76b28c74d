// @ts-check
// How long clients wait between their attempts: ours, by the function that the machine itself calls, and other people's.

/** @typedef {import('../../src/protocol/backoff.ts').BackoffPolicy} BackoffPolicy */
/** @typedef {typeof import('../../src/protocol/backoff.ts').backoffDelay} BackoffDelay */

/**
 * @typedef {object} Law
 * @property {string} name
 * @property {(failures: number, random: () => number) => number} delayMs before the next attempt, after so many failures since the first
 */

/**
 * @param {BackoffDelay} backoffDelay
 * @param {BackoffPolicy} defaults
 * @returns {Law[]}
 */
export function laws(backoffDelay, defaults) {
  const ours = (/** @type {string} */ name, /** @type {Partial<BackoffPolicy>} */ policy) => ({
    name,
    delayMs: (/** @type {number} */ failures, /** @type {() => number} */ random) =>
      backoffDelay({ ...defaults, ...policy }, failures, random),
  });
  const doubling = (/** @type {number} */ maxMs) => (/** @type {number} */ failures) =>
    Math.min(1_000 * 2 ** failures, maxMs);
  return [
    ours('the defaults', {}),
    ours("`jitter: 'none'`", { jitter: 'none' }),
    ours('`firstRetryWithinMs: 60_000`', { firstRetryWithinMs: 60_000 }),
    ours("`firstRetryWithinMs: 60_000`, `jitter: 'none'`", { firstRetryWithinMs: 60_000, jitter: 'none' }),
    ours('`maxMs: 300_000`', { maxMs: 300_000 }),
    ours('`maxMs: 300_000`, `firstRetryWithinMs: 60_000`', { maxMs: 300_000, firstRetryWithinMs: 60_000 }),
    { name: 'mqtt.js: every second', delayMs: () => 1_000 },
    { name: 'AWS SDK for Python v1: 1 to 32 s', delayMs: doubling(32_000) },
    { name: 'AWS SDK v2, MQTT 3.1.1: 1 to 128 s', delayMs: doubling(128_000) },
    {
      name: 'AWS SDK v2, MQTT 5: 0 to t, t from 1 to 120 s',
      delayMs: (failures, random) => random() * doubling(120_000)(failures),
    },
  ];
}
