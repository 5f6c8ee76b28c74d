// @ts-check
import { checkHistory } from 'aws-iot-machines/testing';
import { count, countsText, tell, WINDOW } from '../chaos/report.mjs';
import { fitLine } from '../support/line-fit.mjs';
import { percentile } from './outages.mjs';

/** @typedef {import('aws-iot-machines/testing').HistoryLine} HistoryLine */

/**
 * @typedef {object} Run What is known of one at its end.
 * @property {readonly HistoryLine[]} told
 * @property {readonly string[]} arrivals
 * @property {ReadonlyMap<string, number>} codes of rejections
 * @property {readonly string[]} wrong
 * @property {readonly import('./fleet.mjs').Sample[]} samples
 * @property {import('./outages.mjs').Outages} outages
 * @property {readonly { name: string, at: number }[]} faults
 * @property {number} lastFaultEnd
 * @property {readonly string[]} devices
 * @property {{ isSettled: boolean, open: string[], states: string[], left: string[], given: number, before: Record<string, number> }} end
 */

/**
 * The longest way back to a line once all is well: that the old one is dead shows after a keep-alive of 1 s, a ping of 0.3 s
 * and, with publishes under way, 1.5 keep-alives more; then an attempt that began before may last 1 s, with 0.5 s of backoff
 * before it and after it; twice that for a busy machine.
 */
const AWAY_MS = 2 * (1_000 + 300 + 1_500 + 1_000 + 500 + 500);

/**
 * What one call or message may leave, as in the suite of leaks. A soak measures less exactly, so a slope counts as too steep only
 * when it is that by more than twice its error.
 */
const MOST_BYTES_EACH = 100;
/** Until tables have grown to their size. */
const WARM_UP_SHARE = 0.25;
const LEAST_POINTS = 5;
const SHOWN = 5;

/** @param {Run} run @returns {boolean} whether all was well */
export function judge(run) {
  const faults = new Map();
  for (const { name } of run.faults) count(faults, name);
  tell('faults', `${run.faults.length}: ${countsText(faults)}`);
  const verdicts = [judgeMessages(run), judgeOutages(run), judgeEnd(run), judgeHeap(run)];
  for (const what of run.wrong.slice(0, SHOWN)) tell('wrong', what);
  return verdicts.every(Boolean) && run.wrong.length === 0;
}

/** @param {Run} run */
function judgeMessages({ told, arrivals, codes, outages, devices }) {
  /** @type {Map<string, HistoryLine[]>} */
  const histories = new Map(devices.map((name) => [name, []]));
  const of = (/** @type {string} */ id) => histories.get(id.split('/')[0] ?? '');
  for (const line of told) of(line.id)?.push(line);
  for (const id of arrivals) of(id)?.push({ t: 0, op: 'received', id });
  /** @type {Map<string, number>} */
  const found = new Map();
  const examples = [];
  for (const [name, lines] of histories) {
    const report = checkHistory(lines, { allowResends: (outages.lost.get(name) ?? 0) * WINDOW });
    for (const [what, items] of Object.entries(report)) {
      found.set(what, (found.get(what) ?? 0) + items.length);
      if (items.length > 0) examples.push(`${what}, ${name}: ${JSON.stringify(items.slice(0, SHOWN))}`);
    }
  }
  const many = (/** @type {HistoryLine['op']} */ op) => told.filter((line) => line.op === op).length;
  tell(
    'messages',
    `${many('accepted')} accepted, ${many('delivered')} delivered, ${many('rejected')} rejected`,
  );
  tell('rejected', `by ${countsText(codes)}`);
  tell('history', countsText(found));
  tell('twice', `${arrivals.length - new Set(arrivals).size} came to the broker again, as QoS 1 may`);
  for (const example of examples) tell('wrong', example);
  return examples.length === 0 && many('delivered') > 0;
}

/** @param {Run} run */
function judgeOutages({ outages, lastFaultEnd, devices }) {
  const { recoveries, reasons, lost } = outages;
  const seconds = (/** @type {number} */ share) => (percentile(recoveries, share) / 1_000).toFixed(2);
  const lines = [...lost.values()].reduce((sum, each) => sum + each, 0);
  tell('lines', `${lines} lost; lines and attempts ended by ${countsText(reasons)}`);
  tell(
    'recovery',
    `p50 ${seconds(0.5)} s, p95 ${seconds(0.95)} s, max ${seconds(1)} s, of ${recoveries.length}`,
  );
  const back = outages.backAfter(lastFaultEnd);
  const late = devices.filter((device) => (back.get(device) ?? Number.POSITIVE_INFINITY) > AWAY_MS);
  const longest = Math.max(0, ...back.values());
  tell(
    'the last',
    `line came ${(longest / 1_000).toFixed(2)} s after the last fault, of at most ${AWAY_MS / 1_000} s`,
  );
  if (late.length > 0) tell('wrong', `too long without a line after the last fault: ${late.join(', ')}`);
  return late.length === 0 && recoveries.length > 0;
}

/** @param {Run} run */
function judgeEnd({ end }) {
  const start = Object.entries(end.before).map(([name, many]) => `${many} ${name}`);
  tell('promises', `${end.given} given, ${end.open.length} open at the end`);
  tell('at start', start.join(', '));
  tell('at the end', end.left.length === 0 ? 'no more of anything' : `more: ${end.left.join(', ')}`);
  for (const what of end.open.slice(0, SHOWN)) tell('wrong', `open: ${what}`);
  if (!end.isSettled) tell('wrong', `not settled; devices are ${end.states.join(', ')}`);
  return end.isSettled && end.open.length === 0 && end.left.length === 0;
}

/** @param {Run} run */
function judgeHeap({ samples }) {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return false;
  const from = first.t + WARM_UP_SHARE * (last.t - first.t);
  /** @type {[number, number][]} */
  const points = [];
  for (const { t, heapBytes, calls, published } of samples) {
    if (t >= from && heapBytes !== undefined) points.push([calls + published, heapBytes]);
  }
  if (points.length < LEAST_POINTS) {
    tell('wrong', 'too short to say anything of the heap: a minute at least');
    return false;
  }
  const { slope, error } = fitLine(points);
  const mebibytes = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(1);
  const heap = points.map(([, bytes]) => bytes);
  tell(
    'heap',
    `${mebibytes(Math.min(...heap))} to ${mebibytes(Math.max(...heap))} MiB; ${slope.toFixed(0)} ± ${error.toFixed(0)} bytes a call, of at most ${MOST_BYTES_EACH} (${points.length} samples)`,
  );
  const isFlat = slope - 2 * error <= MOST_BYTES_EACH;
  if (!isFlat) tell('wrong', 'the heap grows');
  return isFlat;
}
