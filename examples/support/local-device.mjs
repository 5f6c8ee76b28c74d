// @ts-check
// A device of the broker of --local that runs in another process, with a command line as it would have with AWS.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** @typedef {import('aws-iot-machines/local').LocalIotCore} LocalIotCore */

/**
 * The flags with which a device signs in to this core. The files that they name are written into the folder.
 *
 * @param {LocalIotCore} core
 * @param {string} folder
 * @param {string} clientId
 */
export async function certificateFlags(core, folder, clientId) {
  const credentials = await core.deviceCredentials(clientId);
  for (const name of /** @type {const} */ (['ca', 'cert', 'key'])) {
    await writeFile(join(folder, name), credentials[name], { mode: 0o600 });
  }
  const files = ['-r', join(folder, 'ca'), '-c', join(folder, 'cert'), '-k', join(folder, 'key')];
  return ['-e', core.endpoint, '-p', `${core.port}`, ...files];
}

/**
 * Runs one half of a pair. With --local the broker is in this process: says how to start the other half, in another terminal,
 * and keeps its files as long as this half runs.
 *
 * @param {LocalIotCore | undefined} core
 * @param {{ name: string, clientId: string, thingName: string }} other the other half
 * @param {() => Promise<void>} run
 */
export async function withOtherHalf(core, { name, clientId, thingName }, run) {
  if (!core) {
    await run();
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  try {
    const [e, endpoint, p, port, ...files] = await certificateFlags(core, folder, clientId);
    const main = relative('', join(import.meta.dirname, '..', name, 'main.mjs'));
    const rows = [
      ['node', main],
      [e, endpoint, p, port, '-n', thingName],
    ];
    for (let place = 0; place < files.length; place += 2) rows.push(files.slice(place, place + 2));
    console.log('in another terminal:\n');
    console.log(`  ${rows.map((words) => words.map(inShell).join(' ')).join(' \\\n    ')}\n`);
    await run();
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * One word of a POSIX shell.
 *
 * @param {string | undefined} text
 */
function inShell(text = '') {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
