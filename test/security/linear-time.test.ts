import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe as group, expect, it } from 'vitest';
import { withoutSecrets } from '../../src/inspect/secret-text.ts';
import { regionOf } from '../../src/protocol/aws-region.ts';
import { describe } from '../../src/protocol/errors.ts';
import { parseShadowTopic } from '../../src/protocol/shadow-topics.ts';
import { TopicTrie } from '../../src/protocol/topic-trie.ts';
import { excessOf, matches, parseSharedFilter, validateTopicFilter } from '../../src/protocol/topics.ts';

const sources = join(import.meta.dirname, '../../src');

/** A regular expression as it is written: after what can stand before one. */
const LITERAL = /(?<=[(=,:[!&|?]\s{0,40})\/(?![*/])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[dgimsuvy]*/g;

/** A group that repeats and has something in it that repeats: `(a+)*`. Escapes and classes are taken out before. */
const NESTED = /\((?:[^()]*[+*}])[^()]*\)(?:[+*]|\{\d+,)/;

const shapeOf = (literal: string): string =>
  literal
    .replaceAll(/\\./g, 'x')
    .replaceAll(/\[[^\]]*\]/g, 'x')
    .replaceAll(/\(\?(?:[:=!]|<[=!])/g, '(');

/** They say between two repetitions what cannot be in one, so that there is one way only to read a text. */
const UNAMBIGUOUS = [
  '/^[a-z]{2,}(?:-[a-z0-9]+)+$/',
  '/^(?:[a-z0-9-]+\\.)+iot',
  '/^[0-9a-f]*(:[0-9a-f]*){2,}(\\.\\d+)*(%\\w+)?$/i',
];

it('sec:S-12 no regular expression of the sources repeats what repeats, but where there is one way to read a text', () => {
  const names = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const literals = names.flatMap((name) => readFileSync(join(sources, name), 'utf8').match(LITERAL) ?? []);
  expect(literals.length).toBeGreaterThan(50);
  const nested = literals.filter((literal) => NESTED.test(shapeOf(literal)));
  expect(nested.filter((literal) => !UNAMBIGUOUS.some((known) => literal.startsWith(known)))).toEqual([]);
  expect(NESTED.test(shapeOf('/^(?:[a-z]+\\.?)*$/'))).toBe(true);
});

group('sec:S-12 100 KB of a stranger', () => {
  const LENGTH = 100_000;
  const trie = new TopicTrie<number>();
  for (const filter of ['#', '+/+/#', 'a/+/a/#', '$aws/things/+/shadow/#']) trie.add(filter, 1);

  it.each<[string, (text: string) => unknown]>([
    ['a topic among filters', (text) => trie.match(text)],
    ['a filter and a topic', (text) => [matches('a/+/#', text), matches(text, 'a/b/c')]],
    ['the limits of AWS', (text) => excessOf(text, { bytes: 256, slashes: 7 } as never)],
    ['a filter that is checked', (text) => validateTopicFilter(text.replaceAll('+', ''))],
    ['a shared filter', (text) => parseSharedFilter(`$share/${text}`)],
    ['a topic of a shadow', (text) => parseShadowTopic(`$aws/things/${text}`)],
    ['the name of an endpoint', regionOf],
    ['an error', describe],
    ['a text that an inspector shows', withoutSecrets],
  ])('as %s is read before a test takes too long, which the square of its length would', (_what, read) => {
    for (const part of [
      'a',
      '/',
      'a/',
      '+/',
      'a.',
      'a-',
      '$',
      '\\"',
      '=',
      'password=',
      '{"a":',
      ' ',
      '\u0000',
    ]) {
      const text = part.repeat(LENGTH / part.length);
      try {
        read(text);
      } catch {
        // It may be refused, but soon.
      }
    }
  });
});
