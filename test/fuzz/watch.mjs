// A thread beside the one that is fuzzed: an endless loop there can be told, and ended, from here only.
import { writeFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

/** Longer than this no step of a case may hold the event loop. */
const BLOCKED_MS = 2_000;
const LOOK_MS = 100;

const { beat, text, findingPath } = workerData;
const beats = new Int32Array(beat);
let last = -1;
let since = performance.now();
let cpuSince = process.cpuUsage();

setInterval(() => {
  const now = Atomics.load(beats, 0);
  if (now !== last) {
    last = now;
    since = performance.now();
    cpuSince = process.cpuUsage();
    return;
  }
  const blockedMs = performance.now() - since;
  const { user, system } = process.cpuUsage(cpuSince);
  // A machine that is busy with others holds it too: then this process has not worked meanwhile.
  const isBusy = (user + system) / 1_000 > 0.75 * BLOCKED_MS;
  if (blockedMs < BLOCKED_MS || (!isBusy && blockedMs < 10 * BLOCKED_MS)) return;
  const length = Atomics.load(beats, 1);
  const bytes = new Uint8Array(length);
  bytes.set(new Uint8Array(text, 0, length));
  const given = new TextDecoder().decode(bytes);
  writeFileSync(findingPath, JSON.stringify({ blockedMs: Math.round(blockedMs), given }));
  process.kill(process.pid, 'SIGKILL');
}, LOOK_MS);
