// Measures everything, or the named cases, and prints one row a figure:
//   node run.mjs [--installed] [publish] [receive] [routing] [heap] [reconnect] [import] [footprint] [outbox] [crt]
// Builds, packs and installs the checkout first; `--installed` takes what the last run installed.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { installHere, packTo, removeFolder, temporaryFolder } from './lib/package.mjs';

// Loaded when they are run: some import the package, which may not be installed yet.
const CASES = {
  publish: async () => (await import('./cases/publish.mjs')).publish(),
  receive: async () => (await import('./cases/receive.mjs')).receiving(),
  routing: async () => (await import('./cases/routing.mjs')).routing(),
  heap: async () => (await import('./cases/heap.mjs')).heap(),
  reconnect: async () => (await import('./cases/reconnect.mjs')).reconnect(),
  import: async () => (await import('./cases/import-time.mjs')).importTime(),
  footprint: async () => (await import('./cases/footprint.mjs')).footprint(),
  outbox: async () => (await import('./cases/outbox.mjs')).outbox(),
  crt: async () => (await import('./cases/publish.mjs')).publishBesideCrt(),
};

const { values, positionals } = parseArgs({
  options: { installed: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const names = positionals.length === 0 ? Object.keys(CASES) : positionals;
const unknown = names.filter((name) => !(name in CASES));
if (unknown.length > 0) {
  console.error(`no case ${unknown.join(', ')}; there are ${Object.keys(CASES).join(', ')}`);
  process.exit(2);
}
if (!values.installed) {
  const folder = temporaryFolder();
  installHere(packTo(folder));
  removeFolder(folder);
}

console.log(`${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} cores\n`);
console.log('| figure | ours | peer | ours : peer | budget | |');
console.log('|---|---|---|---|---|---|');
for (const name of names) {
  for (const { figure, ours, peer, ratio, budget = '', met } of await CASES[name]()) {
    const verdict = met === undefined ? '' : met ? 'met' : 'MISSED';
    console.log(`| ${[figure, ours, peer, ratio, budget, verdict].join(' | ')} |`);
  }
}
