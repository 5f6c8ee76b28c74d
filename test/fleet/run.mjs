// @ts-check
// What a broker gets when it comes back to a fleet: simulated, with the law that the connection machine retries by.
//   npm run fleet -- --devices 100000 --per-second 500 --seed 1
//   npm run fleet -- --write       makes the table and the picture of docs/fleets.md
//   npm run fleet -- --check       fails when they are not what it gives
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { backoffDelay, DEFAULT_BACKOFF } from '../../dist/protocol/backoff.js';
import { plot } from '../soak/plot.mjs';
import { storm } from './fleet.mjs';
import { laws } from './laws.mjs';

const USAGE = 'usage: npm run fleet -- [--devices 100000] [--per-second 500] [--seed 1] [--write | --check]';
const OUTAGES = [
  { name: '10 s', outageMs: 10_000 },
  { name: '5 min', outageMs: 300_000 },
  { name: '1 h', outageMs: 3_600_000 },
];
const root = join(import.meta.dirname, '../..');
const PAGE = join(root, 'docs/fleets.md');
const PICTURE = join(root, 'docs/images/fleet.svg');
const TABLE = /(?<=<!-- fleet -->\n).*?(?=\n<!-- \/fleet -->)/s;

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '100000' },
    'per-second': { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [devices, perSecond, seed] = [values.devices, values['per-second'], values.seed].map(Number);
const isUsable = [devices, perSecond, seed].every((one) => Number.isInteger(one) && Number(one) > 0);
if (values.help || !isUsable || devices === undefined || perSecond === undefined || seed === undefined) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}

const all = laws(backoffDelay, DEFAULT_BACKOFF);
const results = OUTAGES.map((outage) => ({
  ...outage,
  rows: all.map((law) => ({
    law,
    ...storm({ law, devices, perSecond, seed, outageMs: outage.outageMs }),
  })),
}));
const table = tableOf();
console.log(
  `${devices} devices, a broker that takes ${perSecond} CONNECTs a second, seed ${seed}\n\n${table}`,
);
await keep();

function tableOf() {
  const number = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');
  const lines = results.flatMap(({ name, rows }) =>
    rows.map(({ law, peakAway, peakBack, refused, backAfter }) => {
      const cells = [name, law.name, ...[peakAway, peakBack, refused].map(number), ...backAfter.map(number)];
      return `| ${cells.join(' | ')} |`;
    }),
  );
  return [
    '| outage | law | peak second, away | peak second, back | refused | 50 % back, s | 99 %, s | all, s |',
    '|---|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

/** CONNECTs in each second around the return after five minutes, for four of the laws. */
function picture() {
  const [, { rows, outageMs } = { rows: [], outageMs: 0 }] = results;
  const from = outageMs / 1_000 - 60;
  const panels = [0, 1, 4, 9].flatMap((index) => {
    const row = rows[index];
    if (row === undefined) return [];
    const points = row.attempts
      .slice(from, from + 420)
      .map((count, second) => /** @type {const} */ ([second, count]));
    return [
      { title: `${row.law.name.replaceAll('`', '')}: CONNECTs a second`, lines: [{ name: '', points }] },
    ];
  });
  const title = `${devices} devices around the return of their broker, after five minutes`;
  return plot(title, 420, panels, [{ at: 60, name: 'the broker is back' }], 'the broker is back');
}

async function keep() {
  if (!values.write && !values.check) return;
  const page = await readFile(PAGE, 'utf8');
  if (!TABLE.test(page)) throw new Error('docs/fleets.md has no place for the table');
  const files = [
    { path: PAGE, text: page.replace(TABLE, () => table) },
    { path: PICTURE, text: picture() },
  ];
  for (const { path, text } of files) {
    if (values.write) await writeFile(path, text);
    else if ((await readFile(path, 'utf8')) !== text) {
      console.error(`${path} is not what it gives: npm run fleet -- --write`);
      process.exitCode = 1;
    }
  }
}
