// @ts-check
// Leaks: what is done a thousand times must leave nothing: no handle, listener, timer, actor or socket, and no heap.
//   npm run test:leaks -- --only shadow
import { fork } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fitLine } from '../support/line-fit.mjs';
import { collectedHeapBytes, liveObjects, openHandles, processListeners } from '../support/live-objects.mjs';
import { CASES } from './cases.mjs';

const USAGE = 'usage: npm run test:leaks -- [--only PART_OF_A_NAME] [--points 12] [--times 1] [--verbose]';

/** What a cycle may leave on the heap, with twice the error of what was measured. */
const MOST_BYTES = 100;

/** What is closing may take some turns to be closed. It is waited for by looks and not by time: on a busy machine one takes long. */
const LOOKS = 8;
const BETWEEN_LOOKS_MS = 50;

/** Of so many looks at the heap the lowest counts: the others saw something that was on its way. */
const HEAP_LOOKS = 3;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    points: { type: 'string', default: '12' },
    times: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const points = Number(values.points);
const times = Number(values.times);
const cases = CASES.filter(({ name }) => name.includes(values.only));
const isUsable = cases.length > 0 && Number.isInteger(points) && points >= 10 && times >= 1;
if (values.help || !isUsable) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}

/** @typedef {Record<string, number>} Census */

/** @param {AbortSignal} signal @returns {Census} */
function census(signal) {
  return {
    ...openHandles(),
    ...liveObjects(),
    'listeners of the process': processListeners(),
    "listeners of the app's signal": getEventListeners(signal, 'abort').length,
  };
}

/**
 * What there is more of than before, once what is closing had time to close.
 *
 * @param {Census} before
 * @param {AbortSignal} signal
 */
async function leftSince(before, signal) {
  /** @type {string[]} */
  let left = [];
  for (let look = 0; look < LOOKS; look++) {
    await sleep(BETWEEN_LOOKS_MS);
    const now = census(signal);
    left = Object.keys(now)
      .filter((name) => (now[name] ?? 0) > (before[name] ?? 0))
      .map((name) => `${(now[name] ?? 0) - (before[name] ?? 0)} × ${name}`);
    if (left.length === 0) break;
  }
  return left;
}

/**
 * @param {import('./cases.mjs').Case} one
 * @param {import('./cases.mjs').Place} place
 * @param {Census} before
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>} whether it left nothing
 */
async function judge({ name, cycles, start }, place, before, signal) {
  const began = performance.now();
  /** @type {import('./cases.mjs').Work | undefined} */
  let work = await start(place, signal);
  const each = Math.ceil((cycles * times) / points);
  const measure = async () => {
    await work?.run(each);
    let lowest = Number.POSITIVE_INFINITY;
    for (let look = 0; look < HEAP_LOOKS; look++) {
      await sleep(10);
      lowest = Math.min(lowest, collectedHeapBytes());
    }
    return lowest;
  };
  // Tables grow to their size in the first cycles, and what measures is used for the first time.
  await measure();
  const within = census(signal);
  await measure();
  /** @type {[number, number][]} */
  const heap = [];
  for (let point = 1; point <= points; point++) heap.push([point * each, await measure()]);
  const leftWithin = await leftSince(within, signal);
  await work.end();
  // It holds its client.
  work = undefined;
  const leftBehind = await leftSince(before, signal);
  const { slope, error } = fitLine(heap);
  const most = slope + 2 * error;
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  const figures = `${slope.toFixed(1).padStart(7)} ± ${error.toFixed(1).padStart(4)} bytes a cycle`;
  console.log(
    `${name.padEnd(28)} ${String(points * each).padStart(6)} cycles ${figures}  ${seconds.padStart(5)} s`,
  );
  if (values.verbose) console.log(heap.map(([, bytes]) => (bytes / 1_024).toFixed(0)).join(' '));
  const left = [...leftWithin.map((what) => `${what}, while it runs`), ...leftBehind];
  for (const what of left) console.log(`  left: ${what}`);
  if (most > MOST_BYTES)
    console.log(`  left: up to ${most.toFixed(0)} bytes a cycle, of at most ${MOST_BYTES}`);
  return left.length === 0 && most <= MOST_BYTES;
}

const began = performance.now();
const child = fork(new URL('core.mjs', import.meta.url), { execArgv: [] });
const [place] = await once(child, 'message');
const { signal } = new AbortController();
let failed = 0;
// What a first use loads and keeps is not of a cycle.
for (const { start } of cases) {
  const work = await start(place, signal);
  await work.run(3);
  await work.end();
}
await sleep(100);
const before = census(signal);
for (const one of cases) if (!(await judge(one, place, before, signal))) failed += 1;
const isOver = once(child, 'exit');
child.disconnect();
await isOver;
const seconds = ((performance.now() - began) / 1_000).toFixed(0);
console.log(
  failed === 0
    ? `nothing left, after ${seconds} s`
    : `FAILED: ${failed} of ${cases.length}, after ${seconds} s`,
);
process.exitCode = failed === 0 ? 0 : 1;
