// Draws every machine: `npm run visualize`. With `--check` it writes nothing and fails when a picture is out of date.
import { parseArgs } from 'node:util';
import * as machines from '../src/machines/index.ts';
import { draw, machinesOf, staleFiles, writeFiles } from './visualize/files.ts';

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    out: { type: 'string', default: 'visualizations' },
  },
});

const { files, warnings } = await draw(machinesOf(machines));
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
