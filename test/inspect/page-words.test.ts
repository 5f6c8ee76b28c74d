import { describe, expect, it } from 'vitest';
import { STATES } from '../../src/client/status.ts';
import { hint, isBranch, lookOf, outline, wordOf } from '../../src/inspect/page/shown-words.ts';
import { attemptWords, leaves, shortState, summary, wordsOf } from '../../src/inspect/page/state-words.ts';
import { ago, countdown, duration } from '../../src/inspect/page/time-words.ts';
import { scaleOf, zoomed } from '../../src/inspect/page/zoom.ts';

describe('the words of the live page', () => {
  it.each([
    [0, '0 ms'],
    [3.14, '3.1 ms'],
    [412, '412 ms'],
    [1_240, '1.24 s'],
    [42_000, '42 s'],
    [59_949, '59.9 s'],
    [59_951, '1 min'],
    [303_000, '5 min 3 s'],
    [7_800_000, '2 h 10 min'],
    [86_400_000, '1 d'],
    [274_000_000, '3 d 4 h'],
  ])('a duration of %d ms is %s', (ms, words) => expect(duration(ms)).toBe(words));

  it.each([
    [-5, '0.0 s'],
    [40, '0.1 s'],
    [4_150, '4.2 s'],
    [9_999, '10.0 s'],
    [10_001, '0:11'],
    [65_000, '1:05'],
    [3_723_000, '1:02:03'],
  ])('of a wait are left %d ms: %s', (ms, words) => expect(countdown(ms)).toBe(words));

  it.each([
    [900, 'now'],
    [8_400, '8 s ago'],
    [200_000, '3 min ago'],
    [8_000_000, '2 h ago'],
    [180_000_000, '2 d ago'],
  ])('%d ms are %s', (ms, words) => expect(ago(ms)).toBe(words));

  it('has words for every status of a client', () => {
    for (const state of STATES) expect(wordsOf({ state }).sentence).not.toBe('');
    expect(wordsOf({ state: 'of a later version' })).toMatchObject({ title: 'of a later version' });
  });

  it('says which attempt is made, and how many have failed', () => {
    expect(attemptWords({ state: 'connecting', attempt: 3 })).toBe('attempt 3');
    expect(attemptWords({ state: 'backingOff', attempt: 1 })).toBe('1 attempt failed');
    expect(attemptWords({ state: 'live', attempt: null })).toBe('');
  });

  it('names the innermost of active states', () => {
    expect(leaves(['a', 'a.b', 'a.b.c', 'a.bc'])).toEqual(['a.b.c', 'a.bc']);
    expect(shortState('connection.line.connecting')).toBe('line.connecting');
    expect(shortState('connection')).toBe('connection');
  });

  it('sums up where an actor stands', () => {
    const at = (...states: string[]) => summary({ kind: 'machine', status: 'active', states });
    expect(at('c', 'c.waiting', 'c.waiting.long')).toBe('waiting.long');
    expect(at('c', 'c.a', 'c.a.live', 'c.b', 'c.b.stable')).toBe('live · stable');
    expect(at('c')).toBe('c');
    expect(summary({ kind: 'promise', status: 'active', states: [] })).toBe('promise');
    expect(summary({ kind: 'machine', status: 'error', states: ['c'] })).toBe('failed');
  });

  it('tells text from numbers, and from what was hidden', () => {
    expect([lookOf('a'), lookOf(1), lookOf(null), lookOf('[redacted]')]).toEqual([
      ...['text', 'number', 'word', 'hidden'],
    ]);
    expect([wordOf('a'), wordOf('[payload: 3 bytes]'), wordOf([]), wordOf({}), wordOf(true)]).toEqual([
      ...['“a”', '[payload: 3 bytes]', '[ ]', '{ }', 'true'],
    ]);
    expect([isBranch({}), isBranch({ a: 1 }), isBranch([1]), isBranch(null)]).toEqual([
      ...[false, true, true, false],
    ]);
    expect(outline({ a: 1, b: 1, c: 1, d: 1, e: 1 })).toBe('{ a, b, c, d, … }');
  });

  it('says what a number means by its name', () => {
    expect(hint('retryDelayMs', 4_200)).toBe('4.2 s');
    expect(hint('retryAt', Date.UTC(2026, 10, 23))).toMatch(/^\d\d:\d\d:\d\d\.000$/);
    expect([hint('count', 4_200), hint('retryAt', 'x'), hint('startAt', 3)]).toEqual(['', '', '']);
  });

  it('zooms so that a chart can be read, or is seen as a whole', () => {
    const frame = { width: 600, height: 800 };
    expect(scaleOf('whole', { width: 1_200, height: 3_200 }, frame)).toBe(0.25);
    expect(scaleOf('comfortable', { width: 1_200, height: 3_200 }, frame)).toBe(0.75);
    expect(scaleOf('comfortable', { width: 300, height: 300 }, frame)).toBe(1);
    expect(scaleOf(2, { width: 300, height: 300 }, frame)).toBe(2);
    expect([zoomed(1, 1), zoomed(0.1, -1)]).toEqual([1.25, 0.1]);
  });
});
