import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopicTrie } from '../../../src/protocol/topic-trie.ts';
import { matches } from '../../../src/protocol/topics.ts';
import { topicFilter, topicName } from './topic-arbitraries.ts';

describe('TopicTrie', () => {
  it('returns the values of every filter that matches', () => {
    const trie = trieOf('a/b', 'a/+', 'a/#', '+/b', '#', 'a', 'a/b/c', 'b/b');
    expect(trie.match('a/b').sort()).toEqual(['#', '+/b', 'a/#', 'a/+', 'a/b']);
  });

  it('returns nothing when it is empty or nothing matches', () => {
    expect(new TopicTrie<string>().match('a')).toEqual([]);
    expect(trieOf('a/b').match('a')).toEqual([]);
    expect(trieOf('a/b').match('a/b/c')).toEqual([]);
  });

  it('matches the level above # too (MQTT-4.7.1-2)', () => {
    expect(trieOf('sport/#', 'sport/+/#').match('sport')).toEqual(['sport/#']);
  });

  it('keeps wildcards in the first level away from $ topics (MQTT-4.7.2-1)', () => {
    const trie = trieOf('#', '+/x', '+/#', '$SYS/x', '$SYS/#', '$share/g/#');
    expect(trie.match('$SYS/x').sort()).toEqual(['$SYS/#', '$SYS/x']);
    expect(trieOf('a/+', 'a/#').match('a/$b').sort()).toEqual(['a/#', 'a/+']);
  });

  it('routes a shared filter by the filter in it (MQTT 5, 4.8.2)', () => {
    expect(trieOf('$share/g/a/+').match('a/b')).toEqual(['$share/g/a/+']);
    expect(trieOf('$share/g/a').match('$share/g/a')).toEqual([]);
  });

  it('leaves the neighbours of what is deleted, above, beside and below', () => {
    const trie = trieOf('a/b', 'a/c', 'a/+', 'a/#', 'a', 'a/b/c', '$share/g/a/b', '$share/h/a/b');
    for (const filter of ['a/b', '$share/g/a/b', 'a/+']) expect(trie.delete(filter, filter)).toBe(true);
    expect(trie.match('a/b').sort()).toEqual(['$share/h/a/b', 'a/#']);
    expect(trie.match('a/c').sort()).toEqual(['a/#', 'a/c']);
    expect(trie.match('a/b/c').sort()).toEqual(['a/#', 'a/b/c']);
    expect(trie.match('a').sort()).toEqual(['a', 'a/#']);
  });

  it('returns a value once for each filter that it is under, also for those that share a route', () => {
    const trie = new TopicTrie<string>();
    for (const filter of ['a', 'a', '+', '$share/g/a', '$share/h/a']) trie.add(filter, 'v');
    expect(trie.match('a')).toEqual(['v', 'v', 'v', 'v']);
    expect(trie.delete('$share/g/a', 'v')).toBe(true);
    expect(trie.match('a')).toHaveLength(3);
  });

  it('says whether a pair was new and whether it was there, and counts pairs', () => {
    const trie = new TopicTrie<number>();
    expect([trie.add('a', 1), trie.add('a', 1), trie.add('a', 2), trie.size]).toEqual([true, false, true, 2]);
    expect([
      trie.delete('a', 3),
      trie.delete('b', 1),
      trie.delete('a/b', 1),
      trie.delete('$share/g/a', 1),
    ]).toEqual([false, false, false, false]);
    expect([trie.delete('a', 1), trie.delete('a', 1), trie.size, trie.match('a')]).toEqual([
      true,
      false,
      1,
      [2],
    ]);
  });

  it('may be changed while a match of it is being used', () => {
    const trie = trieOf('a', '+', '#');
    for (const filter of trie.match('a')) trie.delete(filter, filter);
    expect(trie.size).toBe(0);
  });

  it('keeps values that are equal to nothing, such as undefined and NaN', () => {
    const trie = new TopicTrie<unknown>();
    trie.add('a', undefined);
    trie.add('a', Number.NaN);
    expect(trie.match('a')).toEqual([undefined, Number.NaN]);
    expect(trie.delete('a', Number.NaN)).toBe(true);
  });

  it('does not take the wildcards of a topic that is none for those of a filter', () => {
    const trie = trieOf('+', '#', 'a/#');
    expect(trie.match('+').sort()).toEqual(['#', '+']);
    expect(trie.match('#').sort()).toEqual(['#', '+']);
    expect(trie.match('a/#')).toHaveLength(2);
  });

  it('holds filters of 65,535 levels without a deep stack', () => {
    const deepest = '/'.repeat(65_534);
    const filters = [deepest, `${'+/'.repeat(32_767)}#`];
    const trie = trieOf(...filters);
    expect(trie.match(deepest)).toHaveLength(2);
    for (const filter of filters) trie.delete(filter, filter);
    expect(trie.match(deepest)).toEqual([]);
  });

  it('removes empty branches: a device that subscribes to ever new topics does not grow', () => {
    const trie = trieOf('site/#');
    const before = heapBytes();
    for (let i = 0; i < 15_000; i++) {
      for (const filter of [`site/${i}/a/b`, `site/${i}/+/#`, `$share/g${i}/site/+/${i}`]) {
        trie.add(filter, filter);
        trie.delete(filter, filter);
      }
    }
    expect(heapBytes() - before).toBeLessThan(2_000_000);
    expect(trie.match('site/1/a/b')).toEqual(['site/#']);
  });

  it('agrees with the naive matcher through any adds and deletes', () => {
    const step = fc.record({
      op: fc.constantFrom('add', 'add', 'delete'),
      filter: topicFilter,
      value: fc.nat(2),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(topicName, { maxLength: 8 }),
        (steps, topics) => {
          const trie = new TopicTrie<number>();
          const model = new Map<string, { filter: string; value: number }>();
          for (const { op, filter, value } of steps) {
            const key = `${value} ${filter}`;
            const was = model.has(key);
            if (op === 'add') {
              expect(trie.add(filter, value)).toBe(!was);
              model.set(key, { filter, value });
            } else {
              expect(trie.delete(filter, value)).toBe(was);
              model.delete(key);
            }
          }
          expect(trie.size).toBe(model.size);
          for (const topic of topics) {
            const expected = [...model.values()].filter(({ filter }) => matches(filter, topic));
            expect(trie.match(topic).sort()).toEqual(expected.map(({ value }) => value).sort());
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('looks at the levels of a topic and not at the number of filters', () => {
    const trie = new TopicTrie<number>();
    for (let i = 0; i < 10_000; i++) trie.add(`site/plant-${i}/+`, i);
    let found = 0;
    // Filter by filter, these would be a thousand million comparisons: the test would time out.
    for (let i = 0; i < 100_000; i++) found += trie.match(`site/plant-${i % 10_000}/x`).length;
    expect(found).toBe(100_000);
  });
});

/** A trie that has each filter as its own value. */
function trieOf(...filters: string[]): TopicTrie<string> {
  const trie = new TopicTrie<string>();
  for (const filter of filters) trie.add(filter, filter);
  return trie;
}

/** What the heap holds once all garbage is gone. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
