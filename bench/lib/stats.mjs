// Figures that one slow round cannot move.

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

export const median = (values) => quantile(values, 0.5);

/** Ratios pair by pair: both halves of a pair ran one after the other, when the machine was in the same mood. */
export const ratios = (a, b) => a.map((value, i) => value / b[i]);

/** A median and its spread, for people. */
export function spread(values, format = String) {
  return `${format(median(values))} (${format(Math.min(...values))}–${format(Math.max(...values))})`;
}

export const thousands = (value) => `${(value / 1_000).toFixed(value < 10_000 ? 1 : 0)} k`;
export const fixed = (digits) => (value) => value.toFixed(digits);

/**
 * Runs each of the named measurements once per round, in turn (A B A B …), after one round that does not count.
 * Resolves with the results of each, in the order of the rounds.
 */
export async function interleave(measurements, rounds, warmups = 1) {
  const results = Object.fromEntries(Object.keys(measurements).map((name) => [name, []]));
  for (let round = -warmups; round < rounds; round++) {
    for (const [name, measure] of Object.entries(measurements)) {
      const result = await measure(round);
      if (round >= 0) results[name].push(result);
    }
  }
  return results;
}

/** Starts to measure; the result tells the seconds since then: CPU of this process, all its threads together, and wall. */
export function stopwatch() {
  const start = { cpu: process.cpuUsage(), wall: performance.now() };
  return () => {
    const { user, system } = process.cpuUsage(start.cpu);
    return { cpu: (user + system) / 1e6, wall: (performance.now() - start.wall) / 1_000 };
  };
}
