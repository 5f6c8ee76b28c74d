// Builds the package anew: what Node runs, and beside it the live page with its own compiler options, because only a page
// has a DOM. `node scripts/build.mjs [folder] [options of tsc]`; the folder is `dist` unless another is named.
import { spawn } from 'node:child_process';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const compiler = join(root, 'node_modules/typescript/bin/tsc');
const [folder = 'dist', ...options] = process.argv.slice(2);
const target = resolve(root, folder);
const page = join(root, 'src/inspect/page');

/** Resolves to the exit code. */
function compile(project, outDir) {
  const parameters = [compiler, '-p', project, '--outDir', outDir, ...options];
  const child = spawn(process.execPath, parameters, { cwd: root, stdio: 'inherit' });
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

/**
 * A machine's declaration names one more argument than the oldest XState that this package allows: `StateMachine` has a
 * fifteenth since 5.33, which by default is the same as the thirteenth. Without it the types are right for both.
 */
async function fitOldestXState(file) {
  const declared = await readFile(file, 'utf8');
  const [before, after, ...more] = declared.split('}, import("xstate").MetaObject>;');
  if (after === undefined || more.length > 0) throw new Error(`${file} does not declare one machine`);
  await writeFile(file, `${before}}>;${after}`);
}

await rm(target, { recursive: true, force: true });
const codes = await Promise.all([
  compile('tsconfig.build.json', target),
  compile(join(page, 'tsconfig.json'), join(target, 'inspect')),
]);
for (const name of await readdir(page)) {
  if (/\.(html|css)$/.test(name)) await cp(join(page, name), join(target, 'inspect/page', name));
}
const machines = join(target, 'machines');
const files = await readdir(machines);
await Promise.all(
  files.filter((name) => name.endsWith('.machine.d.ts')).map((name) => fitOldestXState(join(machines, name))),
);
process.exitCode = Math.max(...codes);
