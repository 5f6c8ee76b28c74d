// @ts-check
// Mutation tests: Stryker changes the source in one place after the other, and a test has to notice each.
//   npm run mutate -- protocol delivery machines
//   npm run mutate -- protocol --mutate src/protocol/topics.ts:40-80
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';

const PARTS = ['protocol', 'delivery', 'machines'];
const USAGE = `usage: npm run mutate -- [${PARTS.join('] [')}] [--mutate <files of one part>] [--concurrency 1] [--fresh]
  Without a part: all. Each must have the score that stryker.config.js says.
  --mutate  a glob, or a file with lines: src/protocol/topics.ts:40-80
  --fresh   forgets the results of the last run, of which those are kept that no change can have touched`;

const { values, positionals } = readArguments();
const parts = positionals.length > 0 ? positionals : PARTS;
const concurrency = Number(values.concurrency);
const isOfOnePart = values.mutate === undefined || parts.length === 1;
if (!parts.every((part) => PARTS.includes(part)) || !(concurrency >= 1) || !isOfOnePart) refuse();

for (const part of parts) {
  // vitest.mutation.config.ts lets only the tests of this part judge it.
  process.env['MUTATED_PART'] = part;
  const report = `reports/mutation/${part}`;
  await new Stryker({
    mutate: [values.mutate ?? `src/${part}/**/*.ts`],
    concurrency,
    force: values.fresh,
    incremental: values.mutate === undefined,
    incrementalFile: `${report}/incremental.json`,
    htmlReporter: { fileName: `${report}/mutation.html` },
    jsonReporter: { fileName: `${report}/mutation.json` },
  }).runMutationTest();
}

function readArguments() {
  const options = /** @type {const} */ ({
    mutate: { type: 'string' },
    concurrency: { type: 'string', default: '1' },
    fresh: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  });
  try {
    const read = parseArgs({ options, allowPositionals: true });
    if (!read.values.help) return read;
  } catch (error) {
    console.error(String(error));
    refuse();
  }
  console.log(USAGE);
  process.exit(0);
}

/** @returns {never} */
function refuse() {
  console.error(USAGE);
  process.exit(2);
}
