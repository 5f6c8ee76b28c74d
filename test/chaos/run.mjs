// @ts-check
// Chaos: an ordinary program on a line that breaks every few seconds. At the end the faults stop; then the device must be
// live, and every message that it accepted must have arrived, in order. A run without an outage proves nothing, and fails.
//   npm run chaos -- --minutes 10 --seed 42 --broker local|mosquitto --mqtt 4|5
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { checkHistory } from 'aws-iot-machines/testing';
import { BROKERS } from './brokers.mjs';
import { publishNumbers } from './device.mjs';
import { BREAKING, disturb, seeded } from './faults.mjs';

/** How long everything may take to be well again, once the faults have stopped. */
const RECOVERY_MS = 30_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: `${randomInt(2 ** 31)}` },
    broker: { type: 'string', default: 'local' },
    mqtt: { type: 'string', default: '4' },
    verbose: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const protocolVersion = Number(values.mqtt);
// The local core speaks MQTT 3.1.1 only.
const isSpoken = protocolVersion === 4 || (protocolVersion === 5 && values.broker !== 'local');
const startBroker = new Map(Object.entries(BROKERS)).get(values.broker);
if (!(minutes > 0) || !Number.isInteger(seed) || startBroker === undefined || !isSpoken) {
  console.error(
    'usage: npm run chaos -- [--minutes 10] [--seed 42] [--broker local|mosquitto] [--mqtt 4, with mosquitto also 5] [--verbose]',
  );
  process.exit(2);
}
console.log(
  `chaos on ${values.broker}, protocol version ${protocolVersion}, ${minutes} minutes, seed ${seed}`,
);

const began = performance.now();
const say = (/** @type {string} */ text) => {
  if (values.verbose)
    console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(7)} s  ${text}`);
};

/** @type {import('aws-iot-machines/testing').HistoryLine[]} */
const history = [];
/** @type {Map<string, number>} */
const faults = new Map();
/** The fault that must still break the device's line, and those that did not. @type {{ now?: string, failed: string[] }} */
const breaking = { failed: [] };
const outages = { count: 0, longestMs: 0, since: 0 };
const world = await startBroker();
const over = new AbortController();
let isJudged = false;
const { device, listener } = await publishNumbers(
  (/** @type {string} */ clientId) => ({ ...world.options(clientId), protocolVersion }),
  (/** @type {any} */ op, /** @type {string} */ id, /** @type {Error | undefined} */ error) => {
    if (isJudged) return;
    history.push({ t: performance.now(), op, id });
    if (error !== undefined) console.log(`message ${id} was rejected: ${error.message}`);
  },
  over.signal,
);
device.on('status', ({ state, ...status }) => {
  say(`device ${state}${'reason' in status && status.reason ? `: ${status.reason.code}` : ''}`);
  if (state === 'backingOff') delete breaking.now;
  if (state === 'backingOff' && outages.since === 0) outages.since = performance.now();
  if (state !== 'live' || outages.since === 0) return;
  outages.count += 1;
  outages.longestMs = Math.max(outages.longestMs, performance.now() - outages.since);
  outages.since = 0;
});
for (const [name, client] of Object.entries({ device, listener })) {
  client.on('warning', ({ message }) => console.log(`${name} warns: ${message}`));
  client.on('subscriptionRefused', ({ error }) => console.log(`${name} lost its filter: ${error.message}`));
}

setTimeout(() => over.abort(), minutes * 60_000);
await disturb(
  world,
  seeded(seed),
  (fault) => {
    faults.set(fault, (faults.get(fault) ?? 0) + 1);
    if (breaking.now !== undefined) breaking.failed.push(breaking.now);
    if (BREAKING.has(fault) && device.status.state === 'live') breaking.now = fault;
    else delete breaking.now;
    say(fault);
  },
  over.signal,
);

const settled = await isSettled();
isJudged = true;
const report = checkHistory(history, { allowResends: true });
const rejected = history.filter(({ op }) => op === 'rejected').length;
const accepted = history.filter(({ op }) => op === 'accepted').length;
const received = history.filter(({ op }) => op === 'received');
const duplicates = received.length - new Set(received.map(({ id }) => id)).size;
const { reordered } = world.arrivals === undefined ? report : checkHistory(asArrived(world.arrivals()));
// What was written how often cannot be seen from outside: duplicates are counted, not judged.
const wrong = Object.entries({ ...report, reordered, duplicated: [] }).filter(
  ([, found]) => found.length > 0,
);

console.log(`faults     ${[...faults].map(([name, count]) => `${name} ${count}`).join(', ')}`);
console.log(`outages    ${outages.count}, the longest ${(outages.longestMs / 1_000).toFixed(1)} s`);
console.log(`messages   ${accepted} accepted, ${rejected} rejected, ${duplicates} came twice or more`);
for (const [what, found] of wrong) console.log(`${what.padEnd(10)} ${JSON.stringify(found)}`);
if (breaking.failed.length > 0) console.log(`no outage  after ${breaking.failed.join(', ')}`);
const isProof = accepted > 0 && outages.count > 0 && breaking.failed.length === 0;
const isWell = settled && rejected === 0 && wrong.length === 0 && isProof;
console.log(
  isWell ? 'live, 0 lost, in order' : `FAILED with seed ${seed}; the device is ${device.status.state}`,
);
process.exitCode = isWell ? 0 : 1;

await Promise.all([device.close(), listener.close()]);
await world.stop();

/** Whether the device is live again, and all that was accepted has ended and arrived. */
async function isSettled() {
  const deadline = performance.now() + RECOVERY_MS;
  while (performance.now() < deadline) {
    const { lost, stranded } = checkHistory(history);
    if (device.status.state === 'live' && lost.length === 0 && stranded.length === 0) return true;
    await sleep(100);
  }
  return false;
}

/**
 * The history as the broker saw it.
 *
 * @param {readonly string[]} arrivals
 * @returns {import('aws-iot-machines/testing').HistoryLine[]}
 */
function asArrived(arrivals) {
  const lines = history.filter(({ op }) => op === 'accepted');
  return [...lines, ...arrivals.map((id) => ({ t: 0, op: /** @type {const} */ ('received'), id }))];
}
