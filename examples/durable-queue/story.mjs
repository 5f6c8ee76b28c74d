// @ts-check
// The story of --local: a device loses its line, is killed while it publishes, and starts again on the same directory. At the
// end the broker must have every number that was accepted, in order.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { certificateFlags } from '../support/local-device.mjs';

/** @typedef {import('aws-iot-machines/local').LocalIotCore} LocalIotCore */
/** @typedef {{ topic: string, clientId: string, memory?: boolean, websocket?: boolean }} Flags */
/** @typedef {{ words: readonly string[], env: NodeJS.ProcessEnv }} Device */

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
    const device = { words: await commandLine(core, folder, flags), env: environment(core, flags) };
    // Rejects when the core stops.
    showArrivals(core).catch(() => {});

    tell('story', 'the device starts');
    const accepted = await acceptUntilKilled(core, device, signal);

    tell('story', 'the line is back, and the device starts again, as before');
    await core.faults.listen();
    const again = { ...device, words: [...device.words, '--count', '0'] };
    const exitCode = await runDevice(again, signal);
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
 * The first life of the device: its line is cut after some numbers, and after some more it is killed.
 *
 * @param {LocalIotCore} core
 * @param {Device} device
 * @param {AbortSignal} signal
 */
async function acceptUntilKilled(core, device, signal) {
  /** @type {number[]} */
  const accepted = [];
  const exitCode = await runDevice(device, signal, async (line, child) => {
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

/**
 * The command line of a device of this core, as it would be with AWS.
 *
 * @param {LocalIotCore} core
 * @param {string} folder
 * @param {Flags} flags
 */
async function commandLine(core, folder, { topic, clientId, memory, websocket }) {
  const name = ['--client-id', clientId, '-t', topic];
  const device = [...name, ...(memory ? ['--memory'] : ['--directory', join(folder, 'queue')])];
  if (!websocket) return [...(await certificateFlags(core, folder, clientId)), ...device];
  const ca = join(folder, 'ca');
  await writeFile(ca, core.ca);
  const place = ['-e', core.endpoint, '-p', `${core.webSocketPort}`, '-r', ca];
  return [...place, '-w', '--region', core.region, ...device];
}

/**
 * The environment of that command line. The keys that -w needs are here: other users can read the words of a command.
 *
 * @param {LocalIotCore} core
 * @param {Flags} flags
 */
function environment(core, { websocket }) {
  if (!websocket) return process.env;
  const { accessKeyId, secretAccessKey, sessionToken = '' } = core.issueCredentials();
  return {
    ...process.env,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  };
}

/**
 * Runs the device in a process of its own until that ends. Gives its exit code: null when it was killed.
 *
 * @param {Device} device
 * @param {AbortSignal} signal
 * @param {(line: string, child: import('node:child_process').ChildProcess) => Promise<void>} [onLine]
 */
async function runDevice({ words, env }, signal, onLine) {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [MAIN, ...words], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  const showLines = async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      tell('device', line);
      await onLine?.(line, child);
    }
  };
  try {
    const [[exitCode]] = await Promise.all([once(child, 'close'), showLines()]);
    signal.throwIfAborted();
    return /** @type {number | null} */ (exitCode);
  } finally {
    kill();
    signal.removeEventListener('abort', kill);
  }
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
