// @ts-check
// A fleet whose broker goes away and comes back, on a time line of its own.
import { seeded } from '../chaos/seeded.mjs';
import { TimeHeap } from './time-heap.mjs';

/**
 * @typedef {object} Storm
 * @property {readonly number[]} attempts CONNECTs in each second, from the moment the broker went away
 * @property {number} peakAway the most in one second while it is away
 * @property {number} peakBack the most in one second from when it is back
 * @property {number} refused attempts that it refused from then on, because it takes only so many a second
 * @property {readonly [half: number, nearlyAll: number, all: number]} backAfter seconds from its return until 50 %, 99 % and all are connected
 */

/** A line that is gone is noticed within a second. */
const NOTICED_WITHIN_MS = 1_000;

/**
 * Devices that lose their lines at 0 and try again by a law. While the broker is away an attempt fails at once; after that it
 * takes so many a second, and refuses the rest.
 *
 * @param {{ law: import('./laws.mjs').Law, devices: number, outageMs: number, perSecond: number, seed: number }} options
 * @returns {Storm}
 */
export function storm({ law, devices, outageMs, perSecond, seed }) {
  const random = seeded(seed);
  /** @type {number[]} */
  const attempts = [];
  const count = (/** @type {number} */ at) => {
    const second = Math.floor(at / 1_000);
    while (attempts.length <= second) attempts.push(0);
    attempts[second] = (attempts[second] ?? 0) + 1;
  };
  const waiting = new TimeHeap(devices);
  const failures = new Uint16Array(devices);
  for (let device = 0; device < devices; device++) {
    let at = random() * NOTICED_WITHIN_MS;
    let failed = 0;
    for (at += law.delayMs(failed, random); at < outageMs; at += law.delayMs(failed, random)) {
      count(at);
      failed += 1;
    }
    failures[device] = failed;
    waiting.add(at, device);
  }
  const back = admit(waiting, failures, { law, perSecond, random, count });
  const returned = Math.floor(outageMs / 1_000);
  const peak = (/** @type {number} */ from, /** @type {number} */ to) =>
    attempts.slice(from, to).reduce((most, one) => Math.max(most, one), 0);
  const after = (/** @type {number} */ share) =>
    ((back.at[Math.ceil(share * devices) - 1] ?? Number.NaN) - outageMs) / 1_000;
  return {
    attempts,
    peakAway: peak(0, returned),
    peakBack: peak(returned, attempts.length),
    refused: back.refused,
    backAfter: [after(0.5), after(0.99), after(1)],
  };
}

/**
 * The broker is there again.
 *
 * @param {TimeHeap} waiting
 * @param {Uint16Array} failures
 * @param {{ law: import('./laws.mjs').Law, perSecond: number, random: () => number, count: (at: number) => void }} world
 */
function admit(waiting, failures, { law, perSecond, random, count }) {
  /** @type {number[]} */
  const at = [];
  let refused = 0;
  let second = -1;
  let taken = 0;
  for (let next = waiting.take(); next !== undefined; next = waiting.take()) {
    count(next.at);
    const now = Math.floor(next.at / 1_000);
    if (now !== second) [second, taken] = [now, 0];
    if (taken < perSecond) {
      taken += 1;
      at.push(next.at);
      continue;
    }
    refused += 1;
    const failed = (failures[next.device] ?? 0) + 1;
    failures[next.device] = failed;
    waiting.add(next.at + law.delayMs(failed, random), next.device);
  }
  return { at, refused };
}
