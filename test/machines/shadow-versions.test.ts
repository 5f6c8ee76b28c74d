import { describe, expect, test } from 'vitest';
import { type EarlyUpdate, Handle, type ShadowOutcome } from '../../src/machines/index.ts';
import { following, judge, keepEarly, takeVersion, UNKNOWN } from '../../src/machines/shadow-versions.ts';
import { ShadowRejectedError } from '../../src/protocol/shadow-rejection.ts';
import { error } from './support.ts';

const update = (version: number): EarlyUpdate => ({ version, document: new Handle({}) as never });
const keep = (...versions: number[]) =>
  versions.reduce<readonly EarlyUpdate[]>((early, version) => keepEarly(early, update(version)), []);
const updates = (...versions: number[]) => versions.map(update);
const versionsOf = (early: readonly EarlyUpdate[]) => early.map(({ version }) => version);

describe('updates that come early', () => {
  test('are kept by version, each once', () => {
    expect(versionsOf(keep(5, 3, 5, 4))).toEqual([3, 4, 5]);
  });

  test('are no more than 32: the oldest go', () => {
    const all = Array.from({ length: 40 }, (_, n) => n);
    expect(versionsOf(keep(...all))).toEqual(all.slice(8));
  });

  test.each([
    [[], 3, []],
    [[4, 5], 3, [4, 5]],
    [[4, 6], 3, [4]],
    [[5], 3, []],
    [[2, 3, 4], 3, [4]],
    [[1, 2], 3, []],
  ])('fault:H-6 of %j follow %i: %j', (early, version, expected) => {
    expect(versionsOf(following(updates(...early), version))).toEqual(expected);
  });

  test('a document takes what follows it, and leaves what is behind a gap', () => {
    const versions = { ...UNKNOWN, delta: 2 };
    const taken = takeVersion({ versions, early: updates(2, 4, 5, 7) }, 3);
    expect(taken.versions).toEqual({ copy: 5, delta: 2, documents: undefined });
    expect(versionsOf(taken.early)).toEqual([7]);
  });
});

describe('what the end of a get says', () => {
  const answered = (version?: number): ShadowOutcome => ({ type: 'accepted', version });
  const missing: ShadowOutcome = {
    type: 'rejected',
    error: new ShadowRejectedError('get', { code: 404, message: '' }),
  };
  const failed = (
    type: 'failed' | 'timedOut' | 'rejected',
    code: Parameters<typeof error>[0],
  ): ShadowOutcome => ({
    type,
    error: error(code),
  });
  const calm = { versions: UNKNOWN, early: [], seen: undefined, isDoubtful: false };
  const copy = (version: number, more = {}) => ({
    ...calm,
    versions: { ...UNKNOWN, copy: version, ...more },
  });

  test.each([
    ['the copy is the answer', { ...copy(5), seen: 5 }, answered(5), 'current'],
    ['what has come since is newer', { ...copy(6), seen: 6 }, answered(5), 'current'],
    ['an answer without a version', { ...copy(5), seen: 5 }, answered(), 'current'],
    ['the answer was not told', copy(4), answered(5), 'unclear'],
    ['no copy', calm, answered(5), 'unclear'],
    ['a gap', { ...copy(5), seen: 7, early: updates(7) }, answered(5), 'unclear'],
    ['a deletion meanwhile', { ...copy(5), seen: 5, isDoubtful: true }, answered(5), 'unclear'],
    ['fault:H-5 all that is known is newer', copy(9), answered(2), 'restarted'],
    ['a delta that was known is newer', { ...copy(2, { delta: 9 }), seen: 2 }, answered(2), 'restarted'],
    [
      'documents that were known are newer',
      { ...copy(2, { documents: 9 }), seen: 2 },
      answered(2),
      'restarted',
    ],
    ['none, and nothing has come since', copy(5), missing, 'current'],
    ['none, but something has come since', { ...calm, seen: 1 }, missing, 'unclear'],
    ['no answer', copy(5), failed('timedOut', 'TIMEOUT'), 'unclear'],
    ['refused by AWS', copy(5), failed('rejected', 'SHADOW_REJECTED'), 'unclear'],
    ['a fault', copy(5), failed('failed', 'INTERNAL'), 'unclear'],
    ['fault:H-15 its topics are refused', copy(5), failed('failed', 'SUBSCRIPTION_REFUSED'), 'refused'],
    ['too many topics', copy(5), failed('failed', 'TOO_MANY_SUBSCRIPTIONS'), 'refused'],
    ['AWS closes the line over its topics', copy(5), failed('failed', 'POISON_SUBSCRIPTION'), 'refused'],
    ['AWS closes the line over it', copy(5), failed('failed', 'POISON_PUBLISH'), 'refused'],
  ] as const)('%s', (_, knowledge, outcome, verdict) => {
    expect(judge(knowledge, outcome)).toBe(verdict);
  });
});
