// Measures everything, or the named cases, and prints a table for each:
//   node run.mjs [--installed] [publish] [receive] [outbox] [durable] [routing] [heap] [shadow] [inspect] [reconnect] [import] [footprint]
// Builds, packs and installs the checkout first; `--installed` takes what the last run installed.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { installHere, packTo, removeFolder, temporaryFolder } from './lib/package.mjs';
import { printTable } from './lib/table.mjs';

// Loaded when they are run: some import the package, which may not be installed yet.
const CASES = {
  publish: async () => (await import('./cases/publish.mjs')).publishing(),
  receive: async () => (await import('./cases/receive.mjs')).receiving(),
  outbox: async () => (await import('./cases/outbox.mjs')).outbox(),
  durable: async () => (await import('./cases/durable.mjs')).durable(),
  routing: async () => (await import('./cases/routing.mjs')).routing(),
  heap: async () => (await import('./cases/heap.mjs')).heap(),
  shadow: async () => (await import('./cases/shadow.mjs')).shadow(),
  inspect: async () => (await import('./cases/inspect.mjs')).inspect(),
  reconnect: async () => (await import('./cases/reconnect.mjs')).reconnect(),
  import: async () => (await import('./cases/import-time.mjs')).importTime(),
  footprint: async () => (await import('./cases/footprint.mjs')).footprint(),
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
for (const name of names) printTable(await CASES[name]());
