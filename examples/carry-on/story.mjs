// @ts-check
// The story of --local: a device does what its light shall, loses its line, publishes on, and is killed. Meanwhile somebody
// desires something of its fan. It starts again on the same directory, and an order comes before it asks for orders.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare } from '../durable-queue/story.mjs';
import { deviceOf, runProcess } from '../support/device-process.mjs';
import { tell } from '../support/tell.mjs';

/** @typedef {import('aws-iot-machines/local').LocalIotCore} LocalIotCore */
/** @typedef {import('../support/device-process.mjs').Device} Device */
/** @typedef {{ topic: string, thingName: string, clientId: string, forget?: boolean, websocket?: boolean }} Flags */

const MAIN = join(import.meta.dirname, 'main.mjs');
const KILL_AFTER = 4;

/**
 * @param {LocalIotCore} core
 * @param {Flags} flags
 * @param {AbortSignal} signal
 */
export async function tellStory(core, flags, signal) {
  const folder = await mkdtemp(join(tmpdir(), 'carry-on-'));
  try {
    const device = await startable(core, folder, flags);

    tell('story', 'the device starts');
    const before = await liveUntilKilled(core, flags, device, signal);

    desire(core, flags, 'fan', { speed: 2 });
    tell('story', `the line is back, and the device starts again${flags.forget ? ', with --forget' : ''}`);
    await core.faults.listen();
    const after = await liveAgain(core, flags, device, signal);

    const wrong = [...wrongWithQueue(core, flags, before), ...wrongWithRest([...before, ...after])];
    for (const what of wrong) tell('story', `wrong: ${what}`);
    if (wrong.length === 0) tell('story', 'nothing was lost, and nothing was done twice');
    else process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * The first life of the device. Gives what it said.
 *
 * @param {LocalIotCore} core
 * @param {Flags} flags
 * @param {Device} device
 * @param {AbortSignal} signal
 */
async function liveUntilKilled(core, flags, device, signal) {
  /** @type {string[]} */
  const said = [];
  let isCut = false;
  let waiting = 0;
  const exitCode = await runProcess(device, signal, async (line, child) => {
    console.log(line);
    said.push(line);
    if (line.endsWith('filters 1, handled deltas 0')) desire(core, flags, 'light', { on: true });
    if (line.endsWith('filters 1, handled deltas 1')) {
      tell('story', 'the line is cut');
      isCut = true;
      core.faults.stopListening();
      await core.faults.dropConnections();
    }
    if (isCut && line.endsWith(': queued')) waiting += 1;
    if (waiting === KILL_AFTER && !child.killed) {
      tell('story', `kill -9 ${child.pid}`);
      child.kill('SIGKILL');
    }
  });
  if (exitCode !== null) throw new Error('the device ended before it was killed');
  return said;
}

/**
 * Its second life, in which it publishes nothing new.
 *
 * @param {LocalIotCore} core
 * @param {Flags} flags
 * @param {Device} device
 * @param {AbortSignal} signal
 */
async function liveAgain(core, { topic, forget }, device, signal) {
  const words = [...device.words, '--count', '0', ...(forget ? ['--forget'] : [])];
  /** @type {string[]} */
  const said = [];
  const exitCode = await runProcess({ ...device, words }, signal, async (line) => {
    console.log(line);
    said.push(line);
    if (line !== '● live') return;
    tell('story', 'somebody orders tea, before the device has come for its orders');
    await core.publish(`${topic}/orders`, 'tea', { qos: 1 });
  });
  if (exitCode !== 0) throw new Error('the device failed when it was started again');
  return said;
}

/**
 * @param {LocalIotCore} core
 * @param {string} folder
 * @param {Flags} flags
 * @returns {Promise<Device>}
 */
async function startable(core, folder, { clientId, websocket, topic, thingName }) {
  const device = await deviceOf(MAIN, { core, folder, clientId, websocket });
  return { ...device, words: [...device.words, '-t', topic, '-n', thingName, '--directory', folder] };
}

/**
 * @param {LocalIotCore} core
 * @param {Flags} flags
 * @param {string} name
 * @param {import('aws-iot-machines').JsonObject} desired
 */
function desire(core, { thingName }, name, desired) {
  tell('story', `somebody desires of the ${name} ${JSON.stringify(desired)}`);
  core.shadows.update({ thingName, shadowName: name }, { state: { desired } });
}

/**
 * @param {LocalIotCore} core
 * @param {Flags} flags
 * @param {readonly string[]} before
 */
function* wrongWithQueue(core, { topic }, before) {
  const accepted = before.flatMap((line) => /accepted (\d+)/.exec(line)?.[1] ?? []).map(Number);
  const received = core.received
    .filter((message) => message.topic === `${topic}/numbers`)
    .map(({ payload }) => Number(payload));
  const { lost, isInOrder } = compare(accepted, received);
  tell('story', `the broker has ${[...new Set(received)].join(' ')}`);
  if (lost.length > 0) yield `these numbers are lost: ${lost.join(' ')}`;
  if (!isInOrder) yield 'the numbers are not in order';
}

/**
 * What the device did in both of its lives together.
 *
 * @param {readonly string[]} said
 */
export function* wrongWithRest(said) {
  const times = (/** @type {string} */ text) => said.filter((line) => line.includes(text)).length;
  for (const name of ['light', 'fan']) {
    if (times(`${name} does`) !== 1)
      yield `what was desired of the ${name} was done ${times(`${name} does`)} times`;
  }
  // QoS 1 may bring it twice.
  if (times('takes the order') === 0) yield 'the order was lost';
}
