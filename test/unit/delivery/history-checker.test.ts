import { describe, expect, it } from 'vitest';
import {
  checkHistory,
  cleanHistory,
  type HistoryLine,
  type HistoryReport,
} from '../../../src/testing/history-checker.ts';

/** `accepted a`, `rejected b unknown`, `accepted c qos0`: one line each. */
function history(text: string): HistoryLine[] {
  return text.split(',').map((line, t) => {
    const [op, id, extra] = line.trim().split(' ');
    const flag = extra === 'qos0' ? { qos: 0 } : extra === 'unknown' ? { outcomeUnknown: true } : {};
    return { t, op, id, ...flag } as HistoryLine;
  });
}

const GOOD: Record<string, string> = {
  'nothing at all': '',
  'one message, acknowledged': 'accepted a, written a, received a, acknowledged a, delivered a',
  'QoS 0 that got lost on its way': 'accepted a qos0, written a, delivered a',
  'QoS 0 overtaken by QoS 1': 'accepted a qos0, accepted b, received b, delivered b, received a, delivered a',
  'an answer that comes before the receipt is seen': 'accepted a, delivered a, received a',
  'queued, then refused': 'accepted a, queued a, written a, rejected a',
  'aborted on the wire, and received': 'accepted a, written a, rejected a unknown, received a',
  'aborted on the wire, and not received': 'accepted a, written a, rejected a unknown',
};

const CLEAN = Object.entries(GOOD);

const BAD: [string, string, Partial<HistoryReport>][] = [
  ['delivered, never received', 'accepted a, written a, delivered a', { lost: ['a'] }],
  ['acknowledged, never received', 'accepted a, acknowledged a, rejected a', { lost: ['a'] }],
  [
    'received twice',
    'accepted a, written a, received a, received a, delivered a',
    { duplicated: [{ id: 'a', received: 2, written: 1 }] },
  ],
  [
    'received in the wrong order',
    'accepted a, accepted b, accepted c, received c, received a, received b, delivered a, delivered b, delivered c',
    {
      reordered: [
        { id: 'a', behind: 'c' },
        { id: 'b', behind: 'c' },
      ],
    },
  ],
  ['received out of nothing', 'received a', { phantom: ['a'] }],
  ['received before it was accepted', 'received a, accepted a, delivered a', { phantom: ['a'] }],
  ['never answered', 'accepted a, queued a, written a, received a', { stranded: ['a'] }],
  ['delivered twice', 'accepted a, received a, delivered a, delivered a', { toldTwice: ['a'] }],
  ['delivered and rejected', 'accepted a, received a, delivered a, rejected a unknown', { toldTwice: ['a'] }],
  ['queued twice', 'accepted a, queued a, queued a, rejected a', { toldTwice: ['a'] }],
  ['queued after its end', 'accepted a, rejected a, queued a', { toldTwice: ['a'] }],
  ['rejected as unsent, but received', 'accepted a, rejected a, received a', { misreported: ['a'] }],
  ['written after its end', 'accepted a, rejected a unknown, written a', { revived: ['a'] }],
];

describe('the history checker', () => {
  it.each(CLEAN)('has nothing to say about %s', (_, text) => {
    expect(checkHistory(text === '' ? [] : history(text))).toEqual(cleanHistory);
  });

  it.each(BAD)('finds a message that was %s', (_, text, report) => {
    expect(checkHistory(history(text))).toEqual({ ...cleanHistory, ...report });
  });

  it('finds all that is wrong in one history, and leaves the good ones out', () => {
    const report = checkHistory(
      history(
        'accepted a, accepted b, accepted c, received b, received b, delivered b, delivered a, received x',
      ),
    );
    expect(report).toEqual({
      ...cleanHistory,
      lost: ['a'],
      duplicated: [{ id: 'b', received: 2, written: 0 }],
      phantom: ['x'],
      stranded: ['c'],
    });
  });

  it('compares with the first receipt: a resend does not reorder', () => {
    const lines = history(
      'accepted a, accepted b, received a, received b, received a, received b, delivered a, delivered b',
    );
    expect(checkHistory(lines).reordered).toEqual([]);
  });

  it('allows resends: as many receipts as writes, and for QoS 0 one', () => {
    const twice = 'written a, received a, written a, received a, delivered a';
    const rules = { allowResends: true };
    expect(checkHistory(history(`accepted a, ${twice}`), rules)).toEqual(cleanHistory);
    expect(checkHistory(history(`accepted a, ${twice}, received a`), rules).duplicated.length).toBe(1);
    expect(checkHistory(history(`accepted a qos0, ${twice}`), rules).duplicated.length).toBe(1);
  });

  it('allows so many resends in all, of QoS 1 only, and reports all of them when there were more', () => {
    const lines = history('accepted a, received a, received a, received a, delivered a');
    const more = history('accepted b, received b, received b, delivered b');
    expect(checkHistory([...lines, ...more], { allowResends: 3 })).toEqual(cleanHistory);
    expect(checkHistory([...lines, ...more], { allowResends: 2 }).duplicated).toEqual([
      { id: 'a', received: 3, written: 0 },
      { id: 'b', received: 2, written: 0 },
    ]);
    const qos0 = history('accepted c qos0, received c, received c, delivered c');
    expect(checkHistory([...lines, ...qos0], { allowResends: 3 }).duplicated).toEqual([
      { id: 'c', received: 2, written: 0 },
    ]);
  });
});
