// One target for so long, in a process of its own: node --expose-gc target-process.mjs '{"name":…}'. The last line is JSON.
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import { Beat } from './beat.mjs';
import { Faults, runCase, shownWith } from './judge.mjs';
import { builtPackages } from './packages.mjs';
import { TARGETS } from './targets.mjs';

const { name, limitMs, seed, path, blockedPath, regressions } = JSON.parse(process.argv[2] ?? '{}');
/** Code is compiled and tables are filled meanwhile: what memory grows by is counted from then on. */
const WARM_UP = 0.3;
/** How long a failing case may be made smaller. */
const SHRINK_MS = 15_000;

fillCodecCache();
const target = await TARGETS[/** @type {keyof typeof TARGETS} */ (name)].open(await builtPackages());
const faults = new Faults().watch(process);
const beat = new Beat(blockedPath);

let runs = 0;
let failedAt = 0;
/** @type {unknown} */
let smallest;
let error = '';
let before = 0;
const began = performance.now();
const elapsed = () => performance.now() - began;

/** @param {unknown} given */
async function attempt(given) {
  beat.begin(given);
  try {
    await runCase(target, given, faults);
  } catch (reason) {
    failedAt ||= elapsed();
    smallest = given;
    error = shownWith(reason);
    throw reason;
  }
  runs++;
}

async function replay() {
  for (const given of regressions) await attempt(given);
}

async function draw() {
  let running = Promise.resolve();
  const property = fc.asyncProperty(target.cases, (given) => {
    // Nothing more is begun, and what has begun is waited for: fast-check would leave it behind.
    const isOver = failedAt === 0 ? elapsed() > limitMs : elapsed() - failedAt > SHRINK_MS;
    if (isOver) throw new fc.PreconditionFailure(true);
    if (before === 0 && elapsed() > limitMs * WARM_UP) before = used();
    running = attempt(given);
    return running;
  });
  const report = await fc.check(property, {
    seed,
    ...(path === undefined ? {} : { path }),
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: limitMs + SHRINK_MS + 60_000,
  });
  await running.catch(() => {});
  return report;
}

/**
 * The codec keeps the bytes of each length that it has written, up to 16,383, and with them the 8 KiB of which Node cuts small
 * buffers: the brokers of these cases, which it writes for, would seem to leak.
 */
function fillCodecCache() {
  const { poolSize } = Buffer;
  Buffer.poolSize = 0;
  for (let length = 0; length < 16_384; length++) {
    mqttPacket.generate({
      ...{ cmd: 'publish', topic: 'a', qos: 0, dup: false, retain: false },
      payload: Buffer.alloc(length),
    });
  }
  Buffer.poolSize = poolSize;
}

/** Bytes in use, when all that can be freed is. */
function used() {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** @type {{ counterexamplePath?: string | null } | undefined} */
let report;
try {
  await replay();
  report = await draw();
} catch (reason) {
  if (error === '') error = shownWith(reason);
}
await target.close();
const isWell = error === '';
const bytes = isWell && before > 0 ? used() - before : 0;
await beat.end();
const finding = isWell ? {} : { error, given: smallest, path: report?.counterexamplePath };
console.log(JSON.stringify({ runs, before, bytes, ...finding }));
process.exit(isWell ? 0 : 1);
