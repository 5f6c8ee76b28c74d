import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { installAlone, packTo, removeFolder, temporaryFolder } from '../lib/package.mjs';

const { dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const version = (name) => `${name}@${dependencies[name]}`;

function bytesOf(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** What `npm install --omit=dev` puts on a device. */
function installed(folder, packages) {
  mkdirSync(folder);
  installAlone(folder, packages);
  const modules = join(folder, 'node_modules');
  const lock = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'));
  return { packages: Object.keys(lock.packages).length, bytes: bytesOf(modules), modules };
}

export function footprint() {
  const folder = temporaryFolder();
  const tarball = packTo(folder);
  const ours = installed(join(folder, 'ours'), [tarball, version('xstate')]);
  const own = (name) => mebibytes(bytesOf(join(ours.modules, name)));
  const shown = ({ packages, bytes }) => `${packages} packages, ${mebibytes(bytes)}`;
  const rows = ['mqtt', 'aws-iot-device-sdk-v2'].map((peer, i) => {
    const theirs = installed(join(folder, `peer-${i}`), [version(peer)]);
    return {
      figure: 'on a device (files in node_modules)',
      ours: `${shown(ours)}; of it aws-iot-machines ${own('aws-iot-machines')}, mqtt ${own('mqtt')}, xstate ${own('xstate')}`,
      peer: `${peer} ${shown(theirs)}`,
      'ours : peer': (ours.bytes / theirs.bytes).toFixed(2),
    };
  });
  removeFolder(folder);
  return rows;
}
