import { describe, expect, it } from 'vitest';
import { Journal } from '../../src/local/journal.ts';

describe('a journal', () => {
  it('keeps at least the newest, as many as its capacity', () => {
    const journal = new Journal<number>(10);
    for (let n = 1; n <= 5_000; n++) {
      journal.push(n);
      expect(journal.entries.length).toBeGreaterThanOrEqual(Math.min(n, 10));
      expect(journal.entries.length).toBeLessThan(1_010);
      expect(journal.entries.at(-1)).toBe(n);
    }
  });

  it('keeps no more bytes than it has room for, counting those that are gone no longer', () => {
    const journal = new Journal<string>(2_000, 10, ({ length }) => length);
    for (const entry of ['aaaa', 'bbb', 'cc', 'd']) journal.push(entry);
    expect(journal.entries).toEqual(['aaaa', 'bbb', 'cc', 'd']);
    journal.push('e');
    expect(journal.entries).toEqual(['bbb', 'cc', 'd', 'e']);
    journal.push('ffffff');
    expect(journal.entries).toEqual(['cc', 'd', 'e', 'ffffff']);
    journal.push('');
    expect(journal.entries).toHaveLength(5);
  });

  it('keeps the newest, however large it is', () => {
    const journal = new Journal<string>(2_000, 10, ({ length }) => length);
    for (const entry of ['a', 'b'.repeat(100)]) journal.push(entry);
    expect(journal.entries).toEqual(['b'.repeat(100)]);
    journal.push('c');
    expect(journal.entries).toEqual(['c']);
  });
});
