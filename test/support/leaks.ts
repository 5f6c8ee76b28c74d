import { vi } from 'vitest';

/** Closing a socket takes a few turns of the event loop: how many, and how long, are granted before judging. */
const GRACE_TURNS = 200;
const GRACE_MS = 1_000;

/** Timers are watched one by one below, since the runner has some of its own; the others pass by themselves. */
const NOT_COUNTED = new Set(['Timeout', 'Immediate', 'TickObject', 'Microtask', 'MessagePort']);

// Taken before a test can replace them by fake ones.
const soon = setImmediate;
const stopwatch = performance.now.bind(performance);

/** What was open at one moment. */
export interface OpenResources {
  /** How many of each type that keeps the process alive: sockets, servers, child processes, … */
  readonly handles: ReadonlyMap<string, number>;
  readonly timers: ReadonlySet<NodeJS.Timeout>;
}

/** What is known of timers in this process. */
interface TimerWatch {
  /** Each timer that a test or the code under test started, with the place where it did. */
  readonly origins: Map<NodeJS.Timeout, Error>;
  nextPurge: number;
  abandonedFakeTimers: number;
}

const WATCH = Symbol.for('test.timerWatch');
const inProcess = globalThis as { [WATCH]?: TimerWatch };

// One for all files of a process, whose modules are each loaded anew: packages are not, and keep the `setTimeout` that
// they found when the first file loaded them.
const watch = inProcess[WATCH] ?? watchTimers();
inProcess[WATCH] = watch;
const { origins } = watch;

function watchTimers(): TimerWatch {
  globalThis.setTimeout = watched(globalThis.setTimeout);
  globalThis.setInterval = watched(globalThis.setInterval);
  const useRealTimers = vi.useRealTimers.bind(vi);
  vi.useRealTimers = () => {
    if (vi.isFakeTimers()) watch.abandonedFakeTimers += vi.getTimerCount();
    return useRealTimers();
  };
  return { origins: new Map(), nextPurge: 1_000, abandonedFakeTimers: 0 };
}

export function openResources(): OpenResources {
  const handles = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) {
    if (!NOT_COUNTED.has(type)) handles.set(type, (handles.get(type) ?? 0) + 1);
  }
  purge();
  return { handles, timers: new Set(origins.keys()) };
}

/** One line for each thing that is open now and was not `before`, once what is closing had time to close. */
export async function leftBehind(before: OpenResources): Promise<string[]> {
  vi.useRealTimers();
  const fake = watch.abandonedFakeTimers === 0 ? [] : [`${watch.abandonedFakeTimers} × fake timer`];
  watch.abandonedFakeTimers = 0;
  const began = stopwatch();
  for (let turn = 0; ; turn++) {
    const now = openResources();
    const handles = newHandles(before, now);
    const timers = newTimers(before, now);
    if (handles.length === 0 && timers.length === 0) return fake;
    // A timer does not become fewer by waiting, unless it is due at once, or the end of a socket is what clears it.
    const isSettled = handles.length === 0 && !timers.some(isDueAtOnce);
    const hasHadTime = turn >= GRACE_TURNS && (isSettled || stopwatch() - began >= GRACE_MS);
    if (hasHadTime) return [...fake, ...handles, ...timers.map(describeTimer)];
    await new Promise<void>((resolve) => soon(resolve));
  }
}

/** As packages use it for "later, in a turn of its own": on a fast machine all the turns pass before its millisecond does. */
function isDueAtOnce(timer: NodeJS.Timeout): boolean {
  return (timer as NodeJS.Timeout & { _idleTimeout: number })._idleTimeout <= 1;
}

function newHandles(before: OpenResources, now: OpenResources): string[] {
  return [...now.handles]
    .map(([type, count]) => ({ type, more: count - (before.handles.get(type) ?? 0) }))
    .filter(({ more }) => more > 0)
    .map(({ type, more }) => `${more} × ${type}`);
}

function newTimers(before: OpenResources, now: OpenResources): NodeJS.Timeout[] {
  return [...now.timers].filter((timer) => !before.timers.has(timer));
}

function describeTimer(timer: NodeJS.Timeout): string {
  return `timer, started\n${placeOf(origins.get(timer))}`;
}

function placeOf(origin: Error | undefined): string {
  const frames = origin?.stack?.split('\n').slice(1) ?? [];
  return frames.filter((frame) => !frame.includes('/node_modules/@vitest/')).join('\n');
}

function watched<Start extends typeof setTimeout | typeof setInterval>(start: Start): Start {
  const startWatched = (...parameters: Parameters<typeof setTimeout>): NodeJS.Timeout => {
    const timer = start(...parameters);
    const origin = new Error();
    Error.captureStackTrace(origin, startWatched);
    origins.set(timer, origin);
    if (origins.size > watch.nextPurge) {
      purge();
      watch.nextPurge = Math.max(1_000, 2 * origins.size);
    }
    return timer;
  };
  // `promisify` finds its variant of a timer as a property.
  return Object.assign(startWatched, start);
}

function purge(): void {
  for (const timer of origins.keys()) {
    // Node marks a timer that fired or was cleared, and has no public word for it.
    if ((timer as NodeJS.Timeout & { _destroyed: boolean })._destroyed) origins.delete(timer);
  }
}
