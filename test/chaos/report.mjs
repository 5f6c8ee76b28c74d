// @ts-check

/** How many messages can be under way at once: a line that breaks makes at most so many come twice. */
export const WINDOW = 100;

/** How many of the wrong ones are shown. */
const SHOWN = 10;

/** @param {string} what @param {string} text */
export function tell(what, text) {
  console.log(`${what.padEnd(10)} ${text}`);
}

/**
 * Shows what a judge found wrong, and says whether all was well.
 *
 * @param {string} judge
 * @param {Partial<import('aws-iot-machines/testing').HistoryReport>} report
 */
export function tellWrong(judge, report) {
  const wrong = Object.entries(report).filter(([, found]) => found.length > 0);
  for (const [what, found] of wrong) {
    tell(what, `${found.length} by ${judge}: ${JSON.stringify(found.slice(0, SHOWN))}`);
  }
  return wrong.length === 0;
}

/** @param {ReadonlyMap<string, number>} counts */
export function countsText(counts) {
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
}

/** @param {Map<string, number>} counts @param {string} name */
export function count(counts, name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
