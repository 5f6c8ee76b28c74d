import { expect, test } from 'vitest';
import { isFlawless } from '../../src/cli/summary.ts';
import { Tally } from '../../src/cli/tally.ts';

function tallyOf(sent: number, arrivals: readonly number[]): Tally {
  const tally = new Tally();
  for (let count = 0; count < sent; count++) tally.next();
  for (const id of arrivals) tally.arrived(id);
  return tally;
}

test.each([
  [3, [1, 2, 3], { received: 3, lost: 0, duplicated: 0, outOfOrder: 0 }, true],
  [3, [1, 3], { received: 2, lost: 1, duplicated: 0, outOfOrder: 0 }, false],
  [3, [1, 3, 2], { received: 3, lost: 0, duplicated: 0, outOfOrder: 1 }, false],
  [3, [1, 2, 1, 2, 3], { received: 3, lost: 0, duplicated: 2, outOfOrder: 0 }, true],
  [0, [], { received: 0, lost: 0, duplicated: 0, outOfOrder: 0 }, false],
])('of %i sent, %j came', (sent, arrivals, report, flawless) => {
  const tally = tallyOf(sent, arrivals);
  expect(tally.report).toEqual({ sent, queued: 0, ...report });
  expect(isFlawless(tally.report)).toBe(flawless);
});

test('waits for all, until it is told not to', async () => {
  const tally = tallyOf(2, [1]);
  const all = tally.whenArrived(new AbortController().signal);
  tally.arrived(2);
  await all;
  tally.next();
  await expect(tally.whenArrived(AbortSignal.abort())).rejects.toThrow('aborted');
});
