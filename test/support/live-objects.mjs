// @ts-check
// What is alive in this process, by counting: needs --expose-gc.
import { EventEmitter } from 'node:events';
import { queryObjects } from 'node:v8';
import { Actor } from 'xstate';

const ofTimers = setTimeout(() => {}, 0);
clearTimeout(ofTimers);
/** The class of Node's timers, which has no public name. */
const Timer = /** @type {new () => NodeJS.Timeout} */ (ofTimers.constructor);

/** An app's own object, that its handlers hold: who still holds the handler holds it too. */
export class Witness {}

/** Sockets, and clients of mqtt.js, are emitters. */
const CLASSES = { actors: Actor, timers: Timer, emitters: EventEmitter, witnesses: Witness };

/** How many objects of each kind can still be reached, after a full collection. */
export function liveObjects() {
  return Object.fromEntries(
    Object.entries(CLASSES).map(([name, kind]) => [name, queryObjects(kind, { format: 'count' })]),
  );
}

/** How many handles of each type keep the process alive; timers are among them. */
export function openHandles() {
  // Node opens these when they are first used, and a warning may be that: they are open from the first count on.
  const own = [process.stdout, process.stderr];
  if (own.some((stream) => stream.destroyed)) throw new Error('the output of the process is closed');
  /** @type {Record<string, number>} */
  const counts = {};
  for (const type of process.getActiveResourcesInfo()) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

/** How many listeners the process has. */
export function processListeners() {
  return process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
}

/** The heap in use, after what can be collected is. */
export function collectedHeapBytes() {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
