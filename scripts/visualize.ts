// Draws every machine: `npm run visualize`. With `--check` it writes nothing and fails when a picture is out of date.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { draw, machinesOf, staleFiles, writeFiles } from './visualize/files.ts';

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    machines: { type: 'string', default: 'dist/machines/index.js' },
    out: { type: 'string', default: 'visualizations' },
  },
});

const exports: Record<string, unknown> = await import(pathToFileURL(resolve(values.machines)).href);
const machines = machinesOf(exports);
if (machines.length === 0) throw new Error(`${values.machines} exports no machine`);
const { files, warnings } = await draw(machines);
for (const warning of warnings) console.warn(`warning: ${warning}`);

const stale = values.check ? await staleFiles(values.out, files) : await writeFiles(values.out, files);
for (const name of stale) {
  const done = files.has(name) ? 'written' : 'removed';
  console.log(`${values.check ? 'out of date' : done}: ${values.out}/${name}`);
}
if (values.check && stale.length > 0) {
  console.error('Run `npm run visualize` and commit what it writes.');
  process.exitCode = 1;
}
