import { describe, expect, it } from 'vitest';
import { BoundedLog } from '../../src/local/bounded-log.ts';

describe('a bounded log', () => {
  it('keeps at least the newest, as many as its capacity', () => {
    const log = new BoundedLog<number>(10);
    const wrong: number[] = [];
    for (let n = 1; n <= 5_000; n++) {
      log.push(n);
      const { length } = log.entries;
      if (length < Math.min(n, 10) || length >= 1_010 || log.entries.at(-1) !== n) wrong.push(n);
    }
    expect(wrong).toEqual([]);
  });

  it('keeps no more bytes than it has room for, counting those that are gone no longer', () => {
    const log = new BoundedLog<string>(2_000, 10, ({ length }) => length);
    for (const entry of ['aaaa', 'bbb', 'cc', 'd']) log.push(entry);
    expect(log.entries).toEqual(['aaaa', 'bbb', 'cc', 'd']);
    log.push('e');
    expect(log.entries).toEqual(['bbb', 'cc', 'd', 'e']);
    log.push('ffffff');
    expect(log.entries).toEqual(['cc', 'd', 'e', 'ffffff']);
    log.push('');
    expect(log.entries).toHaveLength(5);
  });

  it('keeps the newest, however large it is', () => {
    const log = new BoundedLog<string>(2_000, 10, ({ length }) => length);
    for (const entry of ['a', 'b'.repeat(100)]) log.push(entry);
    expect(log.entries).toEqual(['b'.repeat(100)]);
    log.push('c');
    expect(log.entries).toEqual(['c']);
  });
});
