import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IotError } from '../../../src/protocol/errors.ts';
import {
  matches,
  parseSharedFilter,
  validateAwsTopic,
  validateTopicFilter,
  validateTopicName,
} from '../../../src/protocol/topics.ts';
import { anyText } from '../../support/any-text.ts';
import { errorOf } from './error-of.ts';
import { topicFilter, topicName } from './topic-arbitraries.ts';

const LONGEST = 65_535;

/** Text that is often nearly a filter. */
const roughText = fc.string({
  unit: fc.oneof(fc.constantFrom('/', '+', '#', '$share/', 'g', '\0', '\ud800'), fc.string({ maxLength: 1 })),
});

/** Whether a check passes; anything that it throws but an IotError INVALID_ARGUMENT is a failure. */
function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (IotError.is(error) && error.code === 'INVALID_ARGUMENT') return false;
    throw error;
  }
}

describe('a topic name and a topic filter', () => {
  const both = [
    ['validateTopicName', validateTopicName],
    ['validateTopicFilter', validateTopicFilter],
  ] as const;

  describe.each(both)('%s', (_, validate) => {
    it.each([
      'a',
      '/',
      '//',
      'plants/basil',
      'a b',
      '$SYS/x',
      '$aws/things/t/shadow/get',
      'größe/😀',
      '\ufeffa',
    ])('takes %j', (text) => {
      expect(() => validate(text, 'x')).not.toThrow();
    });

    it.each([undefined, null, 7, {}, ['a'], Symbol('s'), new String('a')])(
      'refuses %s, which is no string',
      (value) => {
        expect(errorOf(() => validate(value, 'x')).message).toMatch(
          /^x must be a string that is not empty; given: /,
        );
      },
    );

    it('refuses the empty string (MQTT-4.7.3-1)', () => {
      expect(errorOf(() => validate('', 'x')).message).toBe(
        'x must be a string that is not empty; given: ""',
      );
    });

    it('refuses NUL (MQTT-4.7.3-2)', () => {
      const { message } = errorOf(() => validate('a\0b', 'x'));
      expect(message).toBe('x must be a string without the NUL character; given: "a\\u0000b"');
    });

    it.each(['\ud83d', '\ude00', 'a\ud83d/b', '\ude00\ud83d', '😀\ude00'])(
      'refuses %j with a lone surrogate (MQTT-1.5.4-1)',
      (text) => {
        expect(errorOf(() => validate(text, 'x')).message).toMatch(
          'x must be a string without lone surrogates',
        );
      },
    );

    it('takes 65,535 bytes and refuses one more, in any script (MQTT-4.7.3-3)', () => {
      const longest = ['a'.repeat(LONGEST), 'é'.repeat((LONGEST - 1) / 2), '€'.repeat(LONGEST / 3)];
      for (const text of longest) {
        expect(() => validate(text, 'x')).not.toThrow();
        expect(errorOf(() => validate(`${text}é`, 'x')).message).toMatch(
          'x must be at most 65535 bytes of UTF-8',
        );
      }
    });

    it('shows only the beginning of a long text', () => {
      expect(errorOf(() => validate('a'.repeat(1e6), 'x')).message.length).toBeLessThan(200);
    });

    it('throws nothing but IotError INVALID_ARGUMENT, whatever it is given', () => {
      const anything = fc.oneof(fc.anything(), roughText, anyText());
      fc.assert(fc.property(anything, (value) => typeof passes(() => validate(value)) === 'boolean'));
    });

    it('takes linear time: a hundred texts of 100 kB each are over at once', () => {
      for (const unit of ['/', '+', '+/', '#', '#/', '$share/', '/+', '\ud83d', '😀', 'a', '€']) {
        const text = unit.repeat(100_000 / unit.length);
        for (let i = 0; i < 10; i++) {
          passes(() => validate(text));
          passes(() => validate(text.slice(0, 21_845)));
        }
      }
    });
  });
});

describe('validateTopicName', () => {
  it.each(['+', '#', 'a/+', 'a/#', 'a+b', 'a#', '$share/g/+'])(
    'refuses %j with a wildcard (MQTT-4.7.1-1)',
    (topic) => {
      const { code, message } = errorOf(() => validateTopicName(topic));
      expect(code).toBe('INVALID_ARGUMENT');
      expect(message).toBe(`topic must be a topic without the wildcards + and #; given: "${topic}"`);
    },
  );

  it('takes every generated topic', () => {
    fc.assert(fc.property(topicName, (topic) => passes(() => validateTopicName(topic))));
  });

  it('names the field that it was told', () => {
    expect(errorOf(() => validateTopicName('#', 'will.topic')).message).toMatch(/^will\.topic must be/);
  });
});

describe('validateTopicFilter', () => {
  it.each(['#', '+', '/#', '+/+', 'a/+/b', 'a/#', '+/a/#', '/+', '+/', '$SYS/#', '$share', '$shared/a'])(
    'takes %j',
    (filter) => {
      expect(() => validateTopicFilter(filter)).not.toThrow();
    },
  );

  it.each(['a#', '#a', '#/', '#/a', 'a/#/b', 'a/b#', '##', '#/#', '+#'])(
    'refuses %j: # is the whole last level (MQTT-4.7.1-2)',
    (filter) => {
      const { message } = errorOf(() => validateTopicFilter(filter));
      expect(message).toBe(`filter must be a filter with # only as its whole last level; given: "${filter}"`);
    },
  );

  it.each(['a+', '+a', '++', 'a/b+/c', 'a/+b', '+/+a/#'])(
    'refuses %j: + is a whole level (MQTT-4.7.1-3)',
    (filter) => {
      const { message } = errorOf(() => validateTopicFilter(filter));
      expect(message).toBe(`filter must be a filter with + only as a whole level; given: "${filter}"`);
    },
  );

  it.each([
    '$share/g/a',
    '$share/g/#',
    '$share/g/+/b',
    '$share/g//',
    '$share/$g/$SYS/x',
    '$share/g/$share/h/a',
  ])('takes the shared filter %j', (filter) => {
    expect(() => validateTopicFilter(filter)).not.toThrow();
  });

  it.each(['$share/', '$share/g', '$share/g/', '$share//', '$share//a', '$share/#'])(
    'refuses %j: a shared filter has a group and a filter (MQTT-4.8.2-1)',
    (filter) => {
      const { message } = errorOf(() => validateTopicFilter(filter));
      expect(message).toBe(`filter must be a shared filter $share/<group>/<filter>; given: "${filter}"`);
    },
  );

  it.each(['$share/+/a', '$share/#/a', '$share/a+b/a'])(
    'refuses %j: a group has no wildcard (MQTT-4.8.2-2)',
    (filter) => {
      const { message } = errorOf(() => validateTopicFilter(filter));
      expect(message).toBe(`filter must be a shared filter whose group has no wildcard; given: "${filter}"`);
    },
  );

  it('refuses wrong wildcards in the filter that is shared', () => {
    expect(errorOf(() => validateTopicFilter('$share/g/a/#/b')).message).toMatch(
      '# only as its whole last level',
    );
    expect(errorOf(() => validateTopicFilter('$share/g/a+')).message).toMatch('+ only as a whole level');
  });

  it('takes every generated filter', () => {
    fc.assert(fc.property(topicFilter, (filter) => passes(() => validateTopicFilter(filter))));
  });

  it('takes what the grammar of MQTT 4.7.1 and 4.8.2 takes, and nothing else', () => {
    const grammar = /^(?!\$share\/)([^+#/]*|\+)(\/([^+#/]*|\+))*(\/#)?$|^#$/;
    const isFilter = (text: string) => text !== '' && grammar.test(text);
    const unit = fc.constantFrom('/', '+', '#', 'a', '$share/', 'g');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 8 }), (text) => {
        const shared = /^\$share\/[^+#/]+\/(.+)$/.exec(text);
        // What is shared may itself begin with "$share/": it is then no more than a level of that name.
        const expected = shared === null ? isFilter(text) : isFilter(`x/${shared[1]}`);
        expect([text, passes(() => validateTopicFilter(text))]).toEqual([text, expected]);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('validateAwsTopic (fault:C-5)', () => {
  const levels = (count: number) => Array.from({ length: count }, () => 'l').join('/');

  it('takes 256 bytes and 7 slashes', () => {
    expect(() => validateAwsTopic('a'.repeat(256))).not.toThrow();
    expect(() => validateAwsTopic('é'.repeat(128))).not.toThrow();
    expect(() => validateAwsTopic(levels(8))).not.toThrow();
  });

  it.each(['a'.repeat(257), 'é'.repeat(129), `$aws/things/${'a'.repeat(245)}`])(
    'refuses 257 or more bytes',
    (topic) => {
      const { code, message } = errorOf(() => validateAwsTopic(topic));
      expect(code).toBe('INVALID_ARGUMENT');
      expect(message).toMatch('topic must be at most 256 bytes long for AWS IoT Core; given: ');
    },
  );

  it('refuses 8 slashes', () => {
    expect(errorOf(() => validateAwsTopic(levels(9), 'filter')).message).toBe(
      'filter must be at most 8 levels (7 slashes) deep for AWS IoT Core; given: "l/l/l/l/l/l/l/l/l"',
    );
  });

  it.each(['$aws/rules/a-rule-of-mine/', '$share/a-group-of-mine/', '$share/g/$aws/rules/r/'])(
    'does not count the prefix %s',
    (prefix) => {
      expect(() => validateAwsTopic(prefix + levels(8))).not.toThrow();
      expect(() => validateAwsTopic(prefix + 'a'.repeat(256))).not.toThrow();
      expect(errorOf(() => validateAwsTopic(prefix + levels(9))).message).toMatch('7 slashes');
      expect(errorOf(() => validateAwsTopic(prefix + 'a'.repeat(257))).message).toMatch('256 bytes');
    },
  );

  it('counts all of a topic that only begins like such a prefix', () => {
    expect(errorOf(() => validateAwsTopic(`$aws/rules/${'r'.repeat(246)}`)).message).toMatch('256 bytes');
    expect(errorOf(() => validateAwsTopic(`$shared/${levels(8)}`)).message).toMatch('7 slashes');
    expect(errorOf(() => validateAwsTopic(`x$aws/rules/r/${levels(6)}`)).message).toMatch('7 slashes');
  });

  it('takes the topics of AWS itself that have more slashes than it allows to others', () => {
    expect(() =>
      validateAwsTopic('$aws/commands/things/t/executions/+/response/accepted/json'),
    ).not.toThrow();
  });
});

describe('parseSharedFilter', () => {
  it.each([
    ['$share/g/a', { group: 'g', filter: 'a' }],
    ['$share/g/a/+/#', { group: 'g', filter: 'a/+/#' }],
    ['$share/g//', { group: 'g', filter: '/' }],
    ['$share/g/$share/h/a', { group: 'g', filter: '$share/h/a' }],
    ['a/b', undefined],
    ['$share', undefined],
    ['$share/g', undefined],
    ['$share/g/', undefined],
    ['$share//a', undefined],
    ['x/$share/g/a', undefined],
  ])('%j → %j', (filter, parts) => {
    expect(parseSharedFilter(filter)).toEqual(parts);
  });
});

describe('matches', () => {
  it.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', 'MQTT-4.7.1-2'],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', 'MQTT-4.7.1-2'],
    ['sport/#', 'sport', 'MQTT-4.7.1-2'],
    ['sport/#', 'sport/', 'MQTT-4.7.1-2'],
    ['#', 'a', 'MQTT-4.7.1-2'],
    ['#', '/', 'MQTT-4.7.1-2'],
    ['sport/tennis/+', 'sport/tennis/player1', 'MQTT-4.7.1-3'],
    ['sport/+', 'sport/', 'MQTT-4.7.1-3'],
    ['+/+', '/finance', 'MQTT-4.7.1-3'],
    ['/+', '/finance', 'MQTT-4.7.1-3'],
    ['a/+/b', 'a//b', 'MQTT-4.7.1-3'],
    ['+/#', 'a', 'MQTT-4.7.1-3'],
    ['$SYS/#', '$SYS', 'MQTT-4.7.2-1'],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', 'MQTT-4.7.2-1'],
    ['a/+', 'a/$b', 'MQTT-4.7.2-1'],
    ['a/#', 'a/$b', 'MQTT-4.7.2-1'],
    ['a', 'a', 'MQTT-4.7.3-4'],
    ['$share/g/a/+', 'a/b', 'MQTT 5, 4.8.2'],
    ['$share/g/$SYS/#', '$SYS/x', 'MQTT 5, 4.8.2'],
  ])('%s matches %s (%s)', (filter, topic) => {
    expect(matches(filter, topic)).toBe(true);
  });

  it.each([
    ['sport/tennis/+', 'sport/tennis/player1/ranking', 'MQTT-4.7.1-3'],
    ['sport/+', 'sport', 'MQTT-4.7.1-3'],
    ['+', '/finance', 'MQTT-4.7.1-3'],
    ['+/#', '$SYS', 'MQTT-4.7.2-1'],
    ['sport/#', 'sports', 'MQTT-4.7.1-2'],
    ['a/b/#', 'a', 'MQTT-4.7.1-2'],
    ['#', '$SYS', 'MQTT-4.7.2-1'],
    ['#', '$SYS/x', 'MQTT-4.7.2-1'],
    ['+/monitor/Clients', '$SYS/monitor/Clients', 'MQTT-4.7.2-1'],
    ['$share/g/#', '$SYS/x', 'MQTT-4.7.2-1'],
    ['accounts', 'Accounts', 'MQTT-4.7.3-4'],
    ['/a', 'a', 'MQTT-4.7.3-4'],
    ['a/', 'a', 'MQTT-4.7.3-4'],
    ['a', 'a/', 'MQTT-4.7.3-4'],
    ['$share/g/a', '$share/g/a', 'MQTT 5, 4.8.2'],
    ['$share/g/a', 'g/a', 'MQTT 5, 4.8.2'],
  ])('%s does not match %s (%s)', (filter, topic) => {
    expect(matches(filter, topic)).toBe(false);
  });

  it('agrees with the filter written as a regular expression', () => {
    fc.assert(
      fc.property(topicFilter, topicName, (filter, topic) => {
        expect([filter, topic, matches(filter, topic)]).toEqual([
          filter,
          topic,
          patternOf(filter).test(topic),
        ]);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** MQTT 4.7 said once more, in another language. */
function patternOf(filter: string): RegExp {
  const plain = filter.replace(/^\$share\/[^/]+\//, '');
  const body = plain
    .replaceAll('$', '\\$')
    .replaceAll('+', '[^/]*')
    .replace(/(^|\/)#$/, (_, slash) => (slash === '' ? '.*' : '(/.*)?'));
  return new RegExp(`^${/^[+#]/.test(plain) ? '(?!\\$)' : ''}${body}$`, 's');
}
