// The package as a device would get it: built, packed, and installed from the tarball.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bench = join(import.meta.dirname, '..');
const root = join(bench, '..');

const npm = (args, cwd) =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });

export const temporaryFolder = () => mkdtempSync(join(tmpdir(), 'bench-'));
export const removeFolder = (folder) => rmSync(folder, { recursive: true, force: true });

/** Builds and packs the checkout, beside it and not in it. Returns the path of the tarball. */
export function packTo(folder) {
  const stage = join(folder, 'stage');
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of ['package.json', 'README.md', 'LICENSE', ...files]) {
    // Of a pattern the whole folder: npm takes from it what is meant, and leaves out what begins with `!`.
    if (name === 'dist' || name.startsWith('!')) continue;
    const path = name.replace(/\/\*.*$/, '');
    cpSync(join(root, path), join(stage, path), { recursive: true });
  }
  execFileSync(process.execPath, ['scripts/build.mjs', join(stage, 'dist')], { cwd: root, stdio: 'inherit' });
  const [{ filename }] = JSON.parse(
    npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], stage),
  );
  return join(folder, filename);
}

/** The peers as the lock file says, and beside them the package from its tarball. */
export function installHere(tarball) {
  if (!existsSync(join(bench, 'node_modules'))) npm(['ci'], bench);
  npm(['install', '--no-save', '--no-package-lock', tarball], bench);
}

/** Installs packages in an empty folder as on a device. */
export function installAlone(folder, packages) {
  npm(['init', '--yes'], folder);
  npm(['install', '--omit=dev', ...packages], folder);
}
