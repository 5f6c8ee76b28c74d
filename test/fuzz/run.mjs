// Fuzz: what a stranger or a careless caller can give this package, drawn from a seed, for so many seconds.
//   npm run fuzz -- --seconds 60 --seed 42 [--target bytes|arguments|shadows|credentials [--path 12:0:1]]
// What was found once is in regressions.json: it is tried first each time, and by `npm test`.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TARGETS } from './targets.mjs';

const NAMES = Object.keys(TARGETS);
const USAGE = `usage: npm run fuzz -- [--seconds 60] [--seed 42] [--target ${NAMES.join('|')} [--path 12:0:1]]`;
/** Beyond its time a target may make a failing case smaller, and end. */
const GRACE_MS = 60_000;
const MOST_GROWTH_BYTES = 6 * 1_048_576;
const REGRESSIONS = new URL('./regressions.json', import.meta.url);

const { seconds, seed, target, path } = options();
const names = target === undefined ? NAMES : [target];
const folder = await mkdtemp(join(tmpdir(), 'fuzz-'));
console.log(`fuzz: ${names.join(', ')} for ${seconds} s, seed ${seed}`);
let isWell = true;
for (const name of names) {
  const share = target === undefined ? TARGETS[/** @type {keyof typeof TARGETS} */ (name)].share : 1;
  if (!(await fuzz(name, seconds * share * 1_000))) isWell = false;
}
await rm(folder, { recursive: true });
console.log(isWell ? `0 findings, seed ${seed}` : `FAILED with seed ${seed}`);
process.exitCode = isWell ? 0 : 1;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        seconds: { type: 'string', default: '60' },
        seed: { type: 'string', default: `${randomInt(2 ** 31)}` },
        target: { type: 'string' },
        path: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const given = { ...values, seconds: Number(values.seconds), seed: Number(values.seed) };
    const isTarget = given.target === undefined ? given.path === undefined : NAMES.includes(given.target);
    if (given.seconds > 0 && Number.isInteger(given.seed) && isTarget) return given;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
  console.error(USAGE);
  return process.exit(2);
}

/** @param {string} name @param {number} limitMs */
async function fuzz(name, limitMs) {
  const known = (await readRegressions()).filter((one) => one.target === name).map(({ given }) => given);
  const blockedPath = join(folder, `${name}.json`);
  const plan = { name, limitMs, seed, path, blockedPath, regressions: known };
  const { code, output } = await start(plan, limitMs + GRACE_MS);
  const result = lastLine(output) ??
    (await blocked(blockedPath)) ?? { error: `it ended with ${String(code)}:\n${output}` };
  if (result.error !== undefined) {
    console.log(`${name.padEnd(12)} FOUND ${result.error}\n  with ${JSON.stringify(result.given)}`);
    const repeat = result.path == null ? '' : ` --path ${result.path}`;
    console.log(`  again: npm run fuzz -- --target ${name} --seed ${seed}${repeat}`);
    if (result.given !== undefined) await keep(name, result);
    return false;
  }
  const grown = `${(result.bytes / 1_048_576).toFixed(1)} MiB`;
  console.log(`${name.padEnd(12)} ${result.runs} runs, memory ${grown} more than after the warm-up`);
  if (result.bytes <= MOST_GROWTH_BYTES) return true;
  console.log(`${name.padEnd(12)} FOUND memory grows by ${grown}`);
  return false;
}

/** @param {object} plan @param {number} limitMs @returns {Promise<{ code: unknown, output: string }>} */
function start(plan, limitMs) {
  const program = new URL('./target-process.mjs', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--expose-gc', program, JSON.stringify(plan)], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment(),
  });
  const late = setTimeout(() => child.kill('SIGKILL'), limitMs);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      // Handlers of hostile cases may print; of that the end is enough.
      output = (output + text).slice(-100_000);
    });
  }
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(late);
      resolve({ code: code ?? signal, output });
    });
  });
}

/** Nobody's credentials, and no home. */
function cleanEnvironment() {
  const mine = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  return {
    ...Object.fromEntries(mine),
    HOME: folder,
    USERPROFILE: folder,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

/** @param {string} output */
function lastLine(output) {
  try {
    return JSON.parse(output.trim().split('\n').at(-1) ?? '');
  } catch {
    return undefined;
  }
}

/** @param {string} path */
async function blocked(path) {
  try {
    const { blockedMs, given } = JSON.parse(await readFile(path, 'utf8'));
    return { error: `the event loop was held for ${blockedMs} ms`, given: JSON.parse(given) };
  } catch {
    return undefined;
  }
}

/** @returns {Promise<{ target: string, found: string, seed: number, path?: string, given: unknown }[]>} */
async function readRegressions() {
  return JSON.parse(await readFile(REGRESSIONS, 'utf8'));
}

/** @param {string} name @param {{ error: string, path?: string, given: unknown }} finding */
async function keep(name, { error, path, given }) {
  const known = await readRegressions();
  const text = JSON.stringify(given);
  if (known.some((one) => one.target === name && JSON.stringify(one.given) === text)) return;
  const [found = ''] = error.split('\n');
  known.push({ target: name, found, seed, ...(path == null ? {} : { path }), given });
  await writeFile(REGRESSIONS, `${JSON.stringify(known, null, 2)}\n`);
}
