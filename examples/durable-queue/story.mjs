// @ts-check
// The story of --local: a device loses its line, is killed while it publishes, and starts again on the same directory. At the
// end the broker must have every number that was accepted, in order.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deviceOf, runProcess } from '../support/device-process.mjs';

/** @typedef {import('aws-iot-machines/local').LocalIotCore} LocalIotCore */
/** @typedef {{ topic: string, clientId: string, memory?: boolean, websocket?: boolean }} Flags */
/** @typedef {import('../support/device-process.mjs').Device} Device */

const MAIN = join(import.meta.dirname, 'main.mjs');
const CUT_AFTER = 5;
const KILL_AFTER = 12;

/**
 * @param {LocalIotCore} core
 * @param {Flags} flags
 * @param {AbortSignal} signal
 */
export async function tellStory(core, flags, signal) {
  const folder = await mkdtemp(join(tmpdir(), 'durable-queue-'));
  try {
    const device = await startable(core, folder, flags);
    // Rejects when the core stops.
    showArrivals(core).catch(() => {});

    tell('story', 'the device starts');
    const accepted = await acceptUntilKilled(core, device, signal);

    tell('story', 'the line is back, and the device starts again, as before');
    await core.faults.listen();
    const again = { ...device, words: [...device.words, '--count', '0'] };
    const exitCode = await runProcess(again, signal, (line) => tell('device', line));
    if (exitCode !== 0) throw new Error('the device failed when it was started again');

    const received = core.received.map(({ payload }) => Number(payload));
    const { lost, isInOrder } = compare(accepted, received);
    const order = isInOrder ? 'in order' : 'not in order';
    tell('story', `accepted ${accepted.length}, lost ${lost.length}, ${order}`);
    if (lost.length > 0 || !isInOrder) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * @param {LocalIotCore} core
 * @param {string} folder
 * @param {Flags} flags
 * @returns {Promise<Device>}
 */
async function startable(core, folder, { topic, clientId, memory, websocket }) {
  const device = await deviceOf(MAIN, { core, folder, clientId, websocket });
  const kept = memory ? ['--memory'] : ['--directory', join(folder, 'queue')];
  return { ...device, words: [...device.words, '-t', topic, ...kept] };
}

/**
 * The first life of the device: its line is cut after some numbers, and after some more it is killed.
 *
 * @param {LocalIotCore} core
 * @param {Device} device
 * @param {AbortSignal} signal
 */
async function acceptUntilKilled(core, device, signal) {
  /** @type {number[]} */
  const accepted = [];
  const exitCode = await runProcess(device, signal, async (line, child) => {
    tell('device', line);
    const number = /^accepted (\d+)/.exec(line)?.[1];
    if (number === undefined) return;
    accepted.push(Number(number));
    if (accepted.length === CUT_AFTER) {
      tell('story', 'the line is cut');
      core.faults.stopListening();
      await core.faults.dropConnections();
    }
    if (accepted.length === KILL_AFTER) {
      tell('story', `kill -9 ${child.pid}`);
      child.kill('SIGKILL');
    }
  });
  if (exitCode !== null) throw new Error('the device ended before it was killed');
  return accepted;
}

/**
 * Which accepted numbers did not arrive, and whether those that did came in order. QoS 1 may deliver one twice: its first
 * arrival counts.
 *
 * @param {readonly number[]} accepted
 * @param {readonly number[]} received
 */
export function compare(accepted, received) {
  const arrived = [...new Set(received)];
  const lost = accepted.filter((number) => !arrived.includes(number));
  const isInOrder = arrived.every((number, place) => place === 0 || number > Number(arrived[place - 1]));
  return { lost, isInOrder };
}

/** @param {LocalIotCore} core */
async function showArrivals(core) {
  for (let shown = 0; ; shown++) {
    await core.when(() => core.received.length > shown);
    tell('broker', `got ${core.received[shown]?.payload.toString()}`);
  }
}

/**
 * @param {'story' | 'device' | 'broker'} who
 * @param {string} what
 */
function tell(who, what) {
  console.log(`${who.padEnd(6)}  ${what}`);
}
