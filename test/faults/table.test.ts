import { describe, expect, it } from 'vitest';
import { CANNOT_RUN_HERE, FAULTS, INVARIANTS } from './catalogue.ts';
import { drawn, judge } from './table.ts';

const ROWS = [
  { id: 'A-1', fault: 'nobody listens', expected: 'backs off' },
  { id: 'A-11', fault: 'it refuses', expected: 'told' },
];
const passed = (title: string) => ({ title, passed: true });
const results = (outcomes: Parameters<typeof judge>[1], reasons = {}) =>
  judge(ROWS, outcomes, reasons).verdicts.map(({ result }) => result);

describe('the catalogue of faults', () => {
  it('has each row once, in the order of its page, and each says something', () => {
    const counts = { A: 22, B: 20, C: 12, D: 14, E: 10, F: 16, G: 13, H: 22 };
    const ids = Object.entries(counts).flatMap(([section, count]) =>
      Array.from({ length: count }, (_, index) => `${section}-${index + 1}`),
    );
    expect(FAULTS.map(({ id }) => id)).toEqual(ids);
    expect(INVARIANTS.map(({ id }) => id)).toEqual(Array.from({ length: 12 }, (_, index) => `I${index + 1}`));
    for (const { fault, expected } of FAULTS) expect([fault.trim(), expected.trim()]).not.toContain('');
    expect(ids).toEqual(expect.arrayContaining(Object.keys(CANNOT_RUN_HERE)));
  });
});

describe('the judge of the rows', () => {
  it('takes a row with a test, and one with a reason', () => {
    const { verdicts, complaints } = judge(ROWS, [passed('x > fault:A-11 it refuses')], { 'A-1': 'no net' });
    expect(verdicts.map(({ result }) => result)).toEqual(['cannot run here: no net', 'passed, 1 test']);
    expect(complaints).toEqual([]);
  });

  it('counts a title for each row that it names, and once', () => {
    const titles = ['fault:A-1 fault:A-11 both', 'fault:A-1, again (fault:A-1)'];
    expect(results(titles.map(passed))).toEqual(['passed, 2 tests', 'passed, 1 test']);
  });

  it.each([
    ['no test and no reason', [passed('fault:A-1')], {}, 'A-11: has neither a test nor a reason'],
    [
      'a test, and a reason for none',
      [passed('fault:A-1'), passed('fault:A-11')],
      { 'A-1': 'no net' },
      'A-1: has a test, and a reason for none',
    ],
    [
      'a test that fails',
      [passed('fault:A-1'), { title: 'fault:A-11', passed: false }, passed('fault:A-11')],
      {},
      'A-11: FAILED, 1 of 2 tests',
    ],
    [
      'an id that no row has',
      [passed('fault:A-1 fault:A-11'), passed('fault:A-23')],
      {},
      'A-23: there is no such row',
    ],
  ])('complains of %s', (_what, outcomes, reasons, complaint) => {
    expect(judge(ROWS, outcomes, reasons).complaints).toEqual([complaint]);
  });
});

it('the table fits into 120 columns, whatever is in it', () => {
  const long = 'whatever was there before '.repeat(20);
  const rows = [{ id: 'H-22', fault: 'x'.repeat(300), expected: long }];
  const lines = drawn(judge(rows, [], { 'H-22': long }).verdicts).split('\n');
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(120);
  expect(lines.join(' ')).toContain('cannot run here:');
});
