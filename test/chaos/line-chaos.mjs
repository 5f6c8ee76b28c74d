// @ts-check
import { checkHistory } from 'aws-iot-machines/testing';
import { publishNumbers } from './device.mjs';
import { disturb, drawFaults } from './faults.mjs';
import { LineWatch } from './line-watch.mjs';
import { count, countsText, tell, tellWrong, WINDOW } from './report.mjs';
import { until } from './until.mjs';

/**
 * How long everything may take to be well again, once the faults have stopped: a client that takes them for a verdict over
 * what it sent stays quiet for up to 45 seconds, and then sends that one by one.
 */
const RECOVERY_MS = 120_000;

/** @typedef {import('aws-iot-machines/testing').HistoryLine} HistoryLine */

/**
 * Faults on the line of an ordinary program. At the end the device must be live, and each message must have arrived, in
 * order. A fault that should break the line and does not proves nothing, and fails.
 *
 * @param {import('./brokers.mjs').Broker} world
 * @param {{ faults: number, messages: number, random: () => number, say: (text: string) => void,
 *   line: (clientId: string) => Promise<import('./line.mjs').Line> }} chaos
 * @returns {Promise<boolean>} whether all was well
 */
export async function lineChaos(world, { faults, messages, random, say, line }) {
  /** @type {HistoryLine[]} */
  const told = [];
  /** @type {HistoryLine[]} */
  const received = [];
  const seen = new Set();
  let ended = 0;
  let isJudged = false;
  const { device, listener, progress } = await publishNumbers(line, messages, (op, id, error) => {
    if (isJudged) return;
    (op === 'received' ? received : told).push({ t: performance.now(), op, id });
    if (op === 'received') seen.add(id);
    if (op === 'delivered' || op === 'rejected') ended += 1;
    if (op === 'rejected') console.log(`message ${id} was rejected: ${error?.message}`);
  });
  const watch = new LineWatch();
  device.on('status', ({ state, ...status }) => {
    say(`device ${state}${'reason' in status && status.reason ? `: ${status.reason.code}` : ''}`);
    watch.status(state);
  });
  /** @type {Map<string, number>} */
  const warnings = new Map();
  for (const [name, client] of Object.entries({ device, listener })) {
    client.on('warning', ({ message }) => {
      say(`${name} warns: ${message}`);
      count(warnings, `${name}: ${message}`);
    });
    client.on('subscriptionRefused', ({ error }) => console.log(`${name} lost its filter: ${error.message}`));
  }

  const published = (/** @type {number} */ most) => until(() => progress.published >= most);
  await disturb(world, drawFaults(world, random, { faults, messages }), published, (name) => {
    const { queued, inFlight } = device.status;
    say(`${name}, ${progress.published} published, ${queued} queued, ${inFlight} in flight`);
    watch.fault(name);
  });
  await published(messages);
  watch.over();
  const isWell = () => device.status.state === 'live' && ended === messages && seen.size === messages;
  const isSettled = await until(isWell, RECOVERY_MS);
  isJudged = true;
  const { state } = device.status;
  const arrivals = world.arrivals();
  const arrived = arrivals.map((id) => ({ t: 0, op: /** @type {const} */ ('received'), id }));
  // What was told of all messages, and then what came: the two are seen at different places.
  const endToEnd = checkHistory([...told, ...received], { allowResends: Number.POSITIVE_INFINITY });
  const atBroker = checkHistory([...told, ...arrived], { allowResends: watch.broke * WINDOW });
  await Promise.all([device.close(), listener.close()]);

  const rejected = told.filter(({ op }) => op === 'rejected').length;
  tell('faults', countsText(watch.faults));
  tell('broke', `${watch.broke} of them the line; lines lost while ${countsText(watch.lost)}`);
  tell('outages', `${watch.outages}, the longest ${(watch.longestMs / 1_000).toFixed(1)} s`);
  tell('messages', `${told.filter(({ op }) => op === 'accepted').length} accepted, ${rejected} rejected`);
  tell(
    'twice',
    `${arrivals.length - new Set(arrivals).size} at the broker, of at most ${watch.broke * WINDOW}`,
  );
  for (const [warning, times] of warnings) tell('warned', `${times} times, ${warning}`);
  if (watch.failed.length > 0) tell('no outage', `after ${watch.failed.join(', ')}`);
  if (!isSettled)
    tell('unsettled', `${state}, ${messages - ended} without an end, ${messages - seen.size} not received`);
  // What a broker empties the queue of a session with can be overtaken there: then only its own order counts.
  const { reordered, ...others } = endToEnd;
  const listened = tellWrong('the listener', world.keepsOrder ? endToEnd : others);
  const arrivedWell = tellWrong('the broker', atBroker);
  const isProof = watch.broke > 0 && watch.failed.length === 0;
  return isSettled && rejected === 0 && isProof && listened && arrivedWell;
}
