// @ts-check
// A device of the broker of --local in a process of its own, so that it can be killed, with a command line as it would have with AWS.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { certificateFlags } from './local-device.mjs';

/** @typedef {import('aws-iot-machines/local').LocalIotCore} LocalIotCore */
/** @typedef {{ main: string, words: readonly string[], env: NodeJS.ProcessEnv }} Device */

/**
 * How a device of this core is started.
 *
 * @param {string} main its program
 * @param {{ core: LocalIotCore, folder: string, clientId: string, websocket?: boolean | undefined }} as files that its flags name are
 *   written into the folder
 * @returns {Promise<Device>}
 */
export async function deviceOf(main, { core, folder, clientId, websocket = false }) {
  const name = ['--client-id', clientId];
  if (!websocket) {
    return { main, words: [...(await certificateFlags(core, folder, clientId)), ...name], env: process.env };
  }
  const ca = join(folder, 'ca');
  await writeFile(ca, core.ca);
  const place = ['-e', core.endpoint, '-p', `${core.webSocketPort}`, '-r', ca];
  return { main, words: [...place, '-w', '--region', core.region, ...name], env: withKeys(core) };
}

/**
 * The keys that -w needs are in the environment: other users can read the words of a command.
 *
 * @param {LocalIotCore} core
 */
function withKeys(core) {
  const { accessKeyId, secretAccessKey, sessionToken = '' } = core.issueCredentials();
  return {
    ...process.env,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  };
}

/**
 * Runs the device until its process ends. Gives its exit code: null when it was killed.
 *
 * @param {Device} device
 * @param {AbortSignal} signal
 * @param {(line: string, child: import('node:child_process').ChildProcess) => unknown} onLine
 */
export async function runProcess({ main, words, env }, signal, onLine) {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [main, ...words], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  const readLines = async () => {
    for await (const line of createInterface({ input: child.stdout })) await onLine(line, child);
  };
  try {
    const [[exitCode]] = await Promise.all([once(child, 'close'), readLines()]);
    signal.throwIfAborted();
    return /** @type {number | null} */ (exitCode);
  } finally {
    kill();
    signal.removeEventListener('abort', kill);
  }
}
