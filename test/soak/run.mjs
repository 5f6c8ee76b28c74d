// @ts-check
// Soak: many devices that use everything, on lines that break every few seconds. At the end nothing may be lost, open or left.
//   npm run soak -- --minutes 10 --devices 20 --broker local|mosquitto --seed 42 --report soak.svg
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BROKERS } from '../chaos/brokers.mjs';
import { count } from '../chaos/report.mjs';
import { seeded } from '../chaos/seeded.mjs';
import { carryOut, drawFault } from './faults.mjs';
import { judge } from './judge.mjs';
import { Outages } from './outages.mjs';
import { plot } from './plot.mjs';

const USAGE = `usage: npm run soak -- [--minutes 10] [--devices 20] [--broker local|mosquitto] [--seed 42] [--report FILE.svg]
                       [--verbose]`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    devices: { type: 'string', default: '20' },
    broker: { type: 'string', default: 'local' },
    seed: { type: 'string', default: `${randomInt(2 ** 31)}` },
    report: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const deviceCount = Number(values.devices);
const seed = Number(values.seed);
const startBroker = new Map(Object.entries(BROKERS)).get(values.broker);
const isUsable = minutes > 0 && Number.isInteger(deviceCount) && deviceCount > 0 && Number.isInteger(seed);
if (values.help || !isUsable || startBroker === undefined) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}

/** How long AWS keys live: a line over WebSocket is renewed before. */
const LIFETIME_SECONDS = 45;
const LINES = 3;
/** As in the suite of leaks: code that is compiled meanwhile is no leak. */
const NODE_OPTIONS = ['--expose-gc', '--no-opt', '--no-sparkplug', '--no-flush-bytecode', '--no-warnings'];
const names = Array.from({ length: deviceCount }, (_, index) => `device-${index}`);

const now = () => performance.timeOrigin + performance.now();
const random = seeded(seed);
const began = now();
const say = (/** @type {string} */ text) => {
  if (values.verbose) console.log(`${((now() - began) / 1_000).toFixed(1).padStart(7)} s  ${text}`);
};
console.log(`soak on ${values.broker}, ${deviceCount} devices, ${minutes} minutes, seed ${seed}`);

const broker = await startBroker(
  values.broker === 'local' ? { credentialLifetimeSeconds: LIFETIME_SECONDS, onWarning: () => {} } : {},
);
const proxies = [broker.proxy];
while (proxies.length < LINES) proxies.push(await broker.openProxy());
const webSockets = broker.core === undefined ? undefined : await broker.openProxy(broker.core.webSocketPort);
if (webSockets !== undefined) proxies.push(webSockets);
const folder = await mkdtemp(join(tmpdir(), 'soak-'));

/** @type {import('aws-iot-machines/testing').HistoryLine[]} */
const told = [];
/** @type {Map<string, number>} */
const codes = new Map();
/** @type {string[]} */
const wrong = [];
/** @type {import('./fleet.mjs').Sample[]} */
const samples = [];
/** @type {{ name: string, at: number }[]} */
const faults = [];
const outages = new Outages();
/** @type {import('./judge.mjs').Run['end'] | undefined} */
let end;

const fleet = fork(new URL('fleet.mjs', import.meta.url), { execArgv: NODE_OPTIONS });
const isOver = once(fleet, 'exit');
fleet.on('message', (/** @type {any} */ message) => {
  for (const line of message.told ?? []) take(line);
  if (message.sample !== undefined) samples.push(message.sample);
  end = message.end ?? end;
});
fleet.send({ seed, devices: await Promise.all(names.map(orderOf)) });

const deadline = began + minutes * 60_000;
while (fleet.exitCode === null) {
  const fault = drawFault({ broker, proxies, clientIds: names }, random);
  await sleep(Math.min(fault.gapMs, Math.max(0, deadline - now())));
  if (now() >= deadline) break;
  faults.push({ name: fault.name, at: (now() - began) / 1_000 });
  say(fault.name);
  await carryOut({ broker, proxies, clientIds: names }, fault);
  outages.faultEnded(now());
}
const lastFaultEnd = now();
if (fleet.connected) fleet.send('stop');
const [exitCode] = await isOver;
const arrivals = [...broker.arrivals()];
await broker.stop();
await rm(folder, { recursive: true });

if (end === undefined || exitCode !== 0) wrong.push(`the devices ended with exit ${exitCode}`);
const nothing = { isSettled: false, open: [], states: [], left: [], given: 0, before: {} };
const isWell = judge({
  told,
  arrivals,
  codes,
  wrong,
  samples,
  outages,
  faults,
  lastFaultEnd,
  devices: names,
  end: end ?? nothing,
});
if (values.report !== undefined) await writeFile(values.report, picture());
const seconds = ((now() - began) / 1_000).toFixed(0);
console.log(isWell ? `nothing lost, open or left, after ${seconds} s` : `FAILED with seed ${seed}`);
process.exitCode = isWell ? 0 : 1;

/** @param {string} name @param {number} index @returns {Promise<import('./fleet.mjs').DeviceOrder>} */
async function orderOf(name, index) {
  const proxy = proxies[index % LINES] ?? broker.proxy;
  // With mosquitto every second one speaks MQTT 5; the local core speaks MQTT 3.1.1 only.
  const protocolVersion = broker.core === undefined && index % 2 === 1 ? 5 : 4;
  const line = {
    ...(await broker.line(name)),
    port: proxy.port,
    protocolVersion: /** @type {4 | 5} */ (protocolVersion),
  };
  const directory = index % 4 === 2 ? { directory: folder } : {};
  if (broker.core === undefined || webSockets === undefined || index % 4 !== 1) return { line, ...directory };
  const { ca, region, cognito } = broker.core;
  return {
    line: { clientId: name, port: webSockets.port, protocolVersion: 4 },
    webSocket: { ca, region, cognito },
  };
}

/** @param {[number, string, string, any, string?]} line */
function take([t, op, id, more, code]) {
  if (op === 'wrong') wrong.push(id);
  else if (op === 'status') {
    outages.status(t, id, more, code);
    if (more === 'backingOff') say(`${id}: ${code}`);
  } else if (op === 'accepted') told.push({ t, op, id, qos: more.qos });
  else if (op === 'delivered') told.push({ t, op, id });
  else {
    told.push({ t, op: 'rejected', id, outcomeUnknown: more.outcomeUnknown });
    count(codes, more.code);
  }
}

function picture() {
  const line = (
    /** @type {string} */ name,
    /** @type {(sample: import('./fleet.mjs').Sample) => number | undefined} */ of,
  ) => ({
    name,
    points: samples.flatMap((sample) => {
      const value = of(sample);
      return value === undefined ? [] : [/** @type {const} */ ([(sample.t - began) / 1_000, value])];
    }),
  });
  const rate = samples.slice(1).map((sample, index) => {
    const before = samples[index] ?? sample;
    const perSecond = (1_000 * (sample.published - before.published)) / (sample.t - before.t);
    return /** @type {const} */ ([(sample.t - began) / 1_000, perSecond]);
  });
  const panels = [
    { title: 'devices live', lines: [line('', ({ live }) => live)] },
    { title: 'messages that wait', lines: [line('', ({ queued }) => queued)] },
    { title: 'messages published a second', lines: [{ name: '', points: rate }] },
    { title: 'heap in use, MiB', lines: [line('', ({ heapBytes }) => heapBytes && heapBytes / 2 ** 20)] },
    {
      title: 'open',
      lines: [line('handles', ({ handles }) => handles), line('timers', ({ timers }) => timers)],
    },
    { title: 'actors alive', lines: [line('', ({ actors }) => actors)] },
  ];
  const title = `${deviceCount} devices on ${values.broker}, ${minutes} minutes, seed ${seed}`;
  return plot(title, ((samples.at(-1)?.t ?? began + 1_000) - began) / 1_000, panels, faults);
}
