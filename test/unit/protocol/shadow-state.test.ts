import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  deltaOf,
  isJsonObject,
  isSameJson,
  type JsonObject,
  type JsonValue,
  levelsOf,
  mergeSections,
  type SectionsChange,
  type ShadowSections,
  sectionsBytes,
} from '../../../src/protocol/shadow-state.ts';
import { jsonValue, sectionsChange, storedSection, storedSections } from './shadow-arbitraries.ts';
import {
  canonical,
  deltaLeaves,
  leavesNothingEmpty,
  leavesOf,
  mergedLeaves,
  shown,
} from './shadow-reference.ts';

interface Fixture {
  readonly getStateAfter: readonly {
    readonly name: string;
    readonly updates: readonly SectionsChange[];
    readonly state: JsonObject;
  }[];
}

const { getStateAfter } = JSON.parse(
  readFileSync(new URL('../../fixtures/shadow-state.json', import.meta.url), 'utf8'),
) as Fixture;

const everyPrototypeKey = Object.getOwnPropertyNames(Object.prototype).sort();

afterEach(() => {
  // fault:H-17, sec:S-10: whatever a test merged.
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(everyPrototypeKey);
});

/** What merging does to the desired section alone. */
function merged(desired: JsonObject | undefined, change: JsonObject): JsonObject | undefined {
  return mergeSections(desired === undefined ? {} : { desired }, { desired: change }).sections.desired;
}

/** The state that a get shows. */
function stateOf(sections: ShadowSections): object {
  const delta = deltaOf(sections);
  return delta === undefined ? sections : { ...sections, delta };
}

function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

/** Every object in it, itself too. */
function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

/** Both sections as text: a matcher would take a key `constructor` for a class. */
function shownBoth({ desired, reported }: ShadowSections): string[][] {
  return [desired, reported].map((section) => shown(leavesOf(section)));
}

/** A document that only text can write: a literal sets a prototype by `__proto__`. */
function parsed(text: string): JsonObject {
  return JSON.parse(text) as JsonObject;
}

describe('what AWS has been seen to do', () => {
  it.each(getStateAfter)('$name', ({ updates, state }) => {
    let sections: ShadowSections = {};
    for (const update of updates) {
      const result = mergeSections(sections, update);
      expect(result.isCertain).toBe(true);
      sections = result.sections;
    }
    expect(stateOf(sections)).toStrictEqual(state);
  });
});

describe('merging', () => {
  it.each([
    ['deeply in objects', { a: { b: 1, c: 2 } }, { a: { c: 3, d: 4 } }, { a: { b: 1, c: 3, d: 4 } }],
    ['arrays whole', { a: [1, { b: 1 }] }, { a: [{ c: 2 }] }, { a: [{ c: 2 }] }],
    ['an array over an object', { a: { b: 1 } }, { a: [] }, { a: [] }],
    ['an object over an array', { a: [1] }, { a: { 0: 2 } }, { a: { 0: 2 } }],
    ['a scalar over an object', { a: { b: 1 } }, { a: false }, { a: false }],
    ['an object over a scalar', { a: 1 }, { a: { b: 2 } }, { a: { b: 2 } }],
    ['null as the removal of a nested key', { a: { b: 1, c: 2 } }, { a: { b: null } }, { a: { c: 2 } }],
    ['null for what is not there as nothing', { a: 1 }, { b: null, c: null }, { a: 1 }],
    [
      'null for what is not in a nested object as nothing',
      { a: { b: 1 } },
      { a: { c: null } },
      { a: { b: 1 } },
    ],
    [
      'an object that replaces a scalar without its nulls',
      { a: 1 },
      { a: { b: null, c: 2 } },
      { a: { c: 2 } },
    ],
    ['a new object without its nulls', { a: 1 }, { b: { c: null, d: 2 } }, { a: 1, b: { d: 2 } }],
    ['an empty object that is given, as one', { a: 1 }, { e: {} }, { a: 1, e: {} }],
    ['an empty object over a scalar', { a: 1 }, { a: {} }, { a: {} }],
    ['an empty object into a filled one as nothing', { a: { b: 1 } }, { a: {} }, { a: { b: 1 } }],
    ['a key into an empty object', { a: {} }, { a: { b: 1 } }, { a: { b: 1 } }],
    ['nulls of an array as its values', {}, { a: [null] }, { a: [null] }],
    ['an empty change as nothing', { a: 1 }, {}, { a: 1 }],
  ])('takes %s', (_, stored, change, result) => {
    expect(merged(stored, change)).toStrictEqual(result);
    expect(mergeSections({ desired: stored }, { desired: change }).isCertain).toBe(true);
  });

  it('stores no section that is empty', () => {
    expect(merged(undefined, { a: null })).toBeUndefined();
    expect(merged({ a: 1, b: 2 }, { a: null, b: null })).toBeUndefined();
    expect(mergeSections({}, { desired: {}, reported: {} })).toStrictEqual({ sections: {}, isCertain: true });
    expect(mergeSections({ desired: {} }, {})).toStrictEqual({ sections: {}, isCertain: true });
    expect(mergeSections({ desired: { a: 1 } }, { desired: { a: null } }).isCertain).toBe(true);
  });

  it('removes a section by null, and both by a state of null', () => {
    const sections = { desired: { a: 1 }, reported: { b: 2 } };
    expect(mergeSections(sections, { desired: null })).toStrictEqual({
      sections: { reported: { b: 2 } },
      isCertain: true,
    });
    expect(mergeSections(sections, null)).toStrictEqual({ sections: {}, isCertain: true });
    expect(mergeSections({}, null)).toStrictEqual({ sections: {}, isCertain: true });
  });

  it('lets a section alone that an update does not name', () => {
    const reported = frozen({ b: { c: 2 } });
    expect(mergeSections({ reported }, { desired: { a: 1 } }).sections).toStrictEqual({
      desired: { a: 1 },
      reported: { b: { c: 2 } },
    });
  });

  it.each<[string, JsonObject, JsonObject, JsonObject | undefined]>([
    ['an object that was there', { a: { b: 1 }, c: 2 }, { a: { b: null } }, { c: 2 }],
    [
      'all objects around it that it was alone in',
      { a: { b: { c: 1 } } },
      { a: { b: { c: null } } },
      undefined,
    ],
    [
      'only as many as it was alone in',
      { a: { b: { c: 1 }, d: 2 } },
      { a: { b: { c: null } } },
      { a: { d: 2 } },
    ],
    ['an object that was not there', { c: 2 }, { a: { b: null } }, { c: 2 }],
    ['an object over a scalar', { a: 1, c: 2 }, { a: { b: null } }, { c: 2 }],
  ])('stores no nested object that nulls leave empty, and says that it is not certain: %s', (...row) => {
    const [, desired, change, result] = row;
    const { sections, isCertain } = mergeSections({ desired }, { desired: change });
    expect(sections.desired).toStrictEqual(result);
    expect(isCertain).toBe(false);
  });

  it('takes apart what each section makes uncertain', () => {
    const sections = { desired: { a: { b: 1 } }, reported: { a: { b: 1 } } };
    const change = { a: { b: null } };
    expect(mergeSections(sections, { desired: change, reported: { c: 1 } }).isCertain).toBe(false);
    expect(mergeSections(sections, { desired: { c: 1 }, reported: change }).isCertain).toBe(false);
  });

  it('fault:H-17 sec:S-10 keeps names of Object.prototype as plain data', () => {
    const names = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"prototype":2}';
    for (const stored of [undefined, parsed('{"__proto__":{"x":1},"constructor":3}')]) {
      const result = merged(stored, parsed(names))!;
      expect(Object.hasOwn(result, '__proto__')).toBe(true);
      expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
      const own = Object.getOwnPropertyDescriptor(result, '__proto__')?.value as unknown;
      expect(Object.getPrototypeOf(own)).toBe(Object.prototype);
      expect('polluted' in result).toBe(false);
    }
    expect(canonical(merged(undefined, parsed(names))!)).toBe(canonical(parsed(names)));
    expect(
      merged(parsed(names), parsed('{"__proto__":null,"constructor":null,"prototype":null}')),
    ).toBeUndefined();
    // Not there, although every object has them: nothing to merge into.
    expect(merged(undefined, { constructor: { name: null }, toString: null, a: 1 })).toStrictEqual({ a: 1 });
  });

  it('does what the rules make of lists of leaves', () => {
    fc.assert(
      fc.property(storedSections, sectionsChange, (sections, change) => {
        const result = mergeSections(frozen(sections), frozen(change));
        let isCertain = true;
        for (const name of ['desired', 'reported'] as const) {
          const changed = change === null ? null : change[name];
          const leaves = changed === null ? [] : mergedLeaves(sections[name], changed ?? {});
          expect(shown(leavesOf(result.sections[name]))).toEqual(shown(leaves));
          expect(Object.hasOwn(result.sections, name)).toBe(leaves.length > 0);
          isCertain &&= leavesNothingEmpty(leaves, changed ?? {});
        }
        expect(result.isCertain).toBe(isCertain);
      }),
      { numRuns: 2_000 },
    );
  });

  it('sec:S-10 makes nothing but ordinary objects', () => {
    fc.assert(
      fc.property(storedSections, sectionsChange, (sections, change) => {
        const result = mergeSections(sections, change).sections;
        for (const object of objectsIn([result, deltaOf(result)])) {
          expect([Object.prototype, Array.prototype]).toContain(Object.getPrototypeOf(object));
        }
      }),
    );
  });

  it('does the same once and twice', () => {
    fc.assert(
      fc.property(storedSections, sectionsChange, (sections, change) => {
        const once = mergeSections(sections, change).sections;
        expect(shownBoth(mergeSections(once, change).sections)).toEqual(shownBoth(once));
      }),
    );
  });

  it('makes of nothing and a stored section that section', () => {
    fc.assert(
      fc.property(storedSection, (section) => {
        expect(shown(leavesOf(merged(undefined, section)))).toEqual(shown(leavesOf(section)));
      }),
    );
  });
});

describe('the delta', () => {
  it.each<[string, JsonObject, JsonObject | undefined]>([
    ['is all of desired when nothing is reported', { desired: { a: { b: 1 } } }, { a: { b: 1 } }],
    ['is nothing when nothing is desired', { reported: { a: 1 } }, undefined],
    ['is nothing of nothing', {}, undefined],
    [
      'has only the leaves that differ, with their path',
      {
        desired: { a: { b: 1, c: { d: 2, e: 3 } }, f: 4 },
        reported: { a: { b: 1, c: { d: 0, e: 3 } }, f: 4, g: 5 },
      },
      { a: { c: { d: 2 } } },
    ],
    ['has arrays whole', { desired: { a: [1, 2] }, reported: { a: [1, 3] } }, { a: [1, 2] }],
    [
      'has no array that is the same',
      { desired: { a: [1, { b: 2, c: 3 }] }, reported: { a: [1, { c: 3, b: 2 }] } },
      undefined,
    ],
    ['has an object over a scalar', { desired: { a: { b: 1 } }, reported: { a: 1 } }, { a: { b: 1 } }],
    ['has a scalar over an object', { desired: { a: 1 }, reported: { a: { b: 1 } } }, { a: 1 }],
    ['has an object over an array', { desired: { a: { 0: 1 } }, reported: { a: [1] } }, { a: { 0: 1 } }],
    ['has an empty object', { desired: { a: 1, e: {} }, reported: { b: 1 } }, { a: 1, e: {} }],
    ['has no empty object that is reported', { desired: { e: {} }, reported: { e: {} } }, undefined],
    [
      'has no empty object that is reported with more in it',
      { desired: { e: {} }, reported: { e: { f: 1 } } },
      undefined,
    ],
    ['tells a number from its text', { desired: { a: 1 }, reported: { a: '1' } }, { a: 1 }],
    ['tells false from nothing', { desired: { a: false }, reported: { b: 1 } }, { a: false }],
    [
      'compares numbers by value',
      { desired: parsed('{"a":1.0,"b":1e2}'), reported: { a: 1, b: 100 } },
      undefined,
    ],
  ])('%s', (_, sections, delta) => {
    expect(deltaOf(sections as ShadowSections)).toStrictEqual(delta);
  });

  it('fault:H-17 takes what every object has for reported only when it is', () => {
    const desired = parsed('{"__proto__":{"a":1},"constructor":{},"toString":"x"}');
    expect(JSON.stringify(deltaOf({ desired, reported: { b: 1 } }))).toBe(JSON.stringify(desired));
    expect(JSON.stringify(deltaOf({ desired, reported: parsed('{"__proto__":{"a":2}}') }))).toBe(
      JSON.stringify(desired),
    );
    expect(deltaOf({ desired, reported: desired })).toBeUndefined();
  });

  it('has what the rules make of lists of leaves', () => {
    fc.assert(
      fc.property(storedSections, (sections) => {
        const delta = deltaOf(frozen(sections));
        expect(shown(leavesOf(delta))).toEqual(shown(deltaLeaves(sections.desired, sections.reported)));
        expect(delta === undefined || Object.keys(delta).length > 0).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is empty once it is reported', () => {
    fc.assert(
      fc.property(storedSections, (sections) => {
        const after = mergeSections(sections, { reported: deltaOf(sections) ?? {} });
        expect(deltaOf(after.sections)).toBeUndefined();
        expect(after.isCertain).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('comparing JSON', () => {
  it.each<[JsonValue | undefined, JsonValue | undefined, boolean]>([
    [{ a: 1, b: [2] }, { b: [2], a: 1 }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [{ a: 1, b: 2 }, { a: 1 }, false],
    [{ a: 1 }, { b: 1 }, false],
    [[1, 2], [2, 1], false],
    [[1], [1, 2], false],
    [[], {}, false],
    [{}, [], false],
    [[1], { 0: 1 }, false],
    [{ 0: 1 }, [1], false],
    [null, {}, false],
    [{}, null, false],
    [null, undefined, false],
    [undefined, undefined, true],
    [0, -0, true],
    [0, false, false],
    [0, '', false],
    [{ toString: 1 }, { a: 1 }, false],
    [parsed('{"__proto__":1}'), { a: 1 }, false],
    [parsed('{"__proto__":1}'), parsed('{"__proto__":1}'), true],
  ])('%j and %j: %j', (a, b, same) => {
    expect(isSameJson(a, b)).toBe(same);
  });

  it('says of any two values what their text with sorted keys says', () => {
    fc.assert(
      fc.property(jsonValue, jsonValue, (a, b) => {
        expect(isSameJson(a, b)).toBe(canonical(a) === canonical(b));
        expect(isSameJson(a, parsed(JSON.stringify(a)))).toBe(true);
      }),
    );
  });
});

describe('counting levels', () => {
  it.each<[JsonValue, number]>([
    [1, 0],
    [null, 0],
    ['[{', 0],
    [{}, 1],
    [[], 1],
    [{ a: 1 }, 1],
    [{ a: { b: 1 }, c: 2 }, 2],
    [{ a: 1, b: [{ c: [] }] }, 4],
    [parsed('{"__proto__":{"a":1}}'), 2],
  ])('%j has %i', (value, levels) => {
    expect(levelsOf(value)).toBe(levels);
  });

  it('sec:S-11 counts more of them than a stack has room for', () => {
    let value: JsonValue = 1;
    for (let level = 0; level < 200_000; level++) value = level % 2 === 0 ? [value] : { a: value };
    expect(levelsOf(value)).toBe(200_000);
  });
});

describe('counting bytes', () => {
  it('counts UTF-8 of desired and reported state together, and nothing else', () => {
    expect(sectionsBytes({})).toBe(0);
    expect(sectionsBytes({ desired: { a: 'é😀' } })).toBe(Buffer.byteLength('{"a":"é😀"}'));
    expect(sectionsBytes({ desired: { a: 1 }, reported: { b: [] } })).toBe(7 + 8);
    expect(sectionsBytes({ desired: { a: 1 }, delta: { a: 1 } } as ShadowSections)).toBe(7);
    expect(sectionsBytes({ reported: { a: 'x'.repeat(8_192 - 8) } })).toBe(8_192);
  });
});

describe('an object of JSON', () => {
  it.each([
    [{}, true],
    [{ a: 1 }, true],
    [[], false],
    [null, false],
    ['{}', false],
    [1, false],
    [undefined, false],
  ])('%j: %j', (value, is) => {
    expect(isJsonObject(value)).toBe(is);
  });
});
