// @ts-check
// All devices, in a process of their own, so that its heap is theirs alone. It tells its parent what becomes of each message, every
// change of a status, and a sample each second; `stop` ends the work.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cognitoIdentity, levelStore, sigV4 } from 'aws-iot-machines';
import { optionsOn } from '../chaos/line.mjs';
import { seeded } from '../chaos/seeded.mjs';
import { until } from '../chaos/until.mjs';
import { collectedHeapBytes, liveObjects, openHandles, processListeners } from '../support/live-objects.mjs';
import { Device } from './device.mjs';
import { Promises } from './promises.mjs';

/**
 * @typedef {object} DeviceOrder
 * @property {import('../chaos/line.mjs').Line} line
 * @property {{ ca: string, region: string, cognito: import('aws-iot-machines/local').LocalCognito }} [webSocket]
 * @property {string} [directory] of a durable queue
 */

/**
 * @typedef {object} Orders
 * @property {number} seed
 * @property {readonly DeviceOrder[]} devices
 */

/**
 * @typedef {object} Sample
 * @property {number} t
 * @property {number} live
 * @property {number} queued
 * @property {number} handles
 * @property {number} timers
 * @property {number} actors
 * @property {number} published since the start
 * @property {number} calls since the start
 * @property {number} [heapBytes]
 * @property {number} [allActors] as the heap has them
 */

const TELL_MS = 100;
const SAMPLE_MS = 1_000;
const HEAP_EVERY = 5;
const CENSUS_EVERY = 30;
/** See RECOVERY_MS of chaos. */
const RECOVERY_MS = 120_000;
const GRACE_MS = 10_000;

/** As the parent knows it too. */
const now = () => performance.timeOrigin + performance.now();
const tellParent = (/** @type {object} */ what) => void process.send?.(what);

/** @type {unknown[][]} */
let told = [];
const promises = new Promises();
const wrong = (/** @type {string} */ what) => void told.push([now(), 'wrong', what]);
process.on('unhandledRejection', (error) => wrong(`unhandled rejection: ${String(error)}`));
process.on('uncaughtException', (error) => wrong(`uncaught exception: ${error.stack}`));

/** @type {(orders: Orders) => void} */
let begin = () => {};
let stop = () => {};
const isStopped = new Promise((resolve) => {
  stop = () => resolve(undefined);
});
const orders = new Promise((/** @type {(orders: Orders) => void} */ resolve) => {
  begin = resolve;
});
process.on('message', (/** @type {Orders | 'stop'} */ message) =>
  message === 'stop' ? stop() : begin(message),
);
const telling = setInterval(() => {
  if (told.length > 0) tellParent({ told });
  told = [];
}, TELL_MS);
await run(await orders);
clearInterval(telling);
process.disconnect();

/** @param {Orders} orders */
async function run(orders) {
  const before = census();
  // In a function of its own: what that one knows is forgotten when it is over.
  const end = await liveTogether(orders);
  const left = await leftSince(before);
  tellParent({ told, end: { ...end, left, before } });
  told = [];
}

/** @param {Orders} orders */
async function liveTogether({ seed, devices: wanted }) {
  const devices = wanted.map((order, index) => makeDevice(order, seed + index));
  let ticks = 0;
  const sampling = setInterval(() => tellParent({ sample: sample(devices, ticks++) }), SAMPLE_MS);
  const works = Promise.all(devices.map((device) => device.work()));
  await isStopped;
  for (const device of devices) device.stop();
  await works;
  // One that was away at that moment has another line, or another client, now.
  await until(() => devices.every(({ isAway }) => !isAway), GRACE_MS);
  for (const device of devices) device.stop();
  const isWell = () =>
    promises.open === 0 &&
    devices.every(({ client }) => client.status.state === 'live' && client.status.queued === 0);
  const isSettled = await until(isWell, RECOVERY_MS);
  const open = promises.describe();
  const states = devices.map(({ client: { status } }) => {
    const why = 'reason' in status && status.reason !== undefined ? ` (${status.reason.message})` : '';
    return `${status.state}${why}`;
  });
  clearInterval(sampling);
  const closing = devices.map(({ client }) => promises.track('the last close()', client.close()));
  await until(() => promises.open === 0, GRACE_MS);
  if (promises.open === 0) await Promise.all(closing);
  return { isSettled, open: [...open, ...promises.describe()], states, given: promises.given };
}

/** @param {DeviceOrder} order @param {number} seed */
function makeDevice({ line, webSocket, directory }, seed) {
  const name = line.clientId;
  const random = seeded(seed);
  // Some have little room, and refuse or forget what is too much.
  /** @type {import('aws-iot-machines').OfflineQueueOptions} */
  const room =
    seed % 4 === 3 ? { maxMessages: 5, overflow: seed % 8 === 3 ? 'dropOldest' : 'dropNewest' } : {};
  return new Device({
    name,
    random,
    promises,
    wrong,
    isDurable: directory !== undefined,
    tell: (op, id, more) => void told.push([now(), op, id, more]),
    status: (state, code) => void told.push([now(), 'status', name, state, code]),
    options: () => ({
      ...optionsOn(line),
      ...(webSocket === undefined
        ? {}
        : {
            ca: webSocket.ca,
            auth: sigV4({ credentials: cognitoIdentity(webSocket.cognito), region: webSocket.region }),
          }),
      session: seed % 3 === 0 ? 'persistent' : 'clean',
      offlineQueue: {
        maxMessages: 10_000,
        drain: { perSecond: 200 },
        ...(directory === undefined
          ? room
          : { store: levelStore({ directory: join(directory, name), sync: 'everySecond' }) }),
      },
    }),
  });
}

/** What else is alive at the end belongs to packages that are used for the first time meanwhile. */
function census() {
  return {
    ...openHandles(),
    actors: liveObjects()['actors'] ?? 0,
    'listeners of the process': processListeners(),
  };
}

/** @param {Record<string, number>} before */
async function leftSince(before) {
  const deadline = performance.now() + GRACE_MS;
  for (;;) {
    /** @type {Record<string, number>} */
    const after = census();
    const left = Object.keys(after).filter((name) => (after[name] ?? 0) > (before[name] ?? 0));
    if (left.length === 0 || performance.now() > deadline)
      return left.map((name) => `${(after[name] ?? 0) - (before[name] ?? 0)} × ${name}`);
    await sleep(100);
  }
}

/** @param {readonly Device[]} devices @param {number} tick @returns {Sample} */
function sample(devices, tick) {
  const { Timeout: timers = 0, ...handles } = openHandles();
  const sum = (/** @type {(device: Device) => number} */ of) =>
    devices.reduce((all, device) => all + of(device), 0);
  return {
    t: now(),
    live: devices.filter(({ client }) => client.status.state === 'live').length,
    queued: sum(({ client }) => client.status.queued),
    handles: Object.values(handles).reduce((all, count) => all + count, 0),
    timers,
    actors: sum((device) => device.actors),
    published: sum((device) => device.published),
    calls: sum((device) => device.calls),
    ...(tick % HEAP_EVERY === 0 ? { heapBytes: collectedHeapBytes() } : {}),
    ...(tick % CENSUS_EVERY === 0 ? { allActors: liveObjects()['actors'] ?? 0 } : {}),
  };
}
