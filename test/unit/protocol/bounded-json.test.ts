import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonBounds, type JsonReading, readJson } from '../../../src/protocol/bounded-json.ts';
import { levelsOf } from '../../../src/protocol/shadow-state.ts';
import { jsonValue } from './shadow-arbitraries.ts';

const encoder = new TextEncoder();
const WIDE: JsonBounds = { maxBytes: 131_072, maxLevels: 32 };

function read(text: string, bounds: Partial<JsonBounds> = {}): JsonReading {
  return readJson(encoder.encode(text), { ...WIDE, ...bounds });
}

describe('reading JSON within bounds', () => {
  it.each(['null', '1', '"a"', '[]', ' {"a":[1,{"b":null}]}\n', '"\\ud800"'])('reads %j', (text) => {
    expect(read(text)).toEqual({ value: JSON.parse(text) as unknown });
  });

  it.each([
    '',
    ' ',
    'ThisIsGarbagePayload!',
    '{"a":1',
    '{"a":1}}',
    "{'a':1}",
    '[1,]',
    'NaN',
    '"a',
    '"\\',
    '][',
  ])('py:H4 refuses %j, which is not JSON', (text) => {
    expect(read(text)).toEqual({ fault: 'notJson' });
  });

  it('refuses a byte order mark', () => {
    expect(read('\ufeff{}')).toEqual({ fault: 'notJson' });
    expect(read('"\ufeff"')).toEqual({ value: '\ufeff' });
  });

  it.each([
    ['a byte that begins nothing', [0x22, 0xff, 0x22]],
    ['half of a character', [0x22, 0xc3, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['half of a surrogate pair', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['an end within a character', [0x22, 0x22, 0xe2, 0x82]],
  ])('fault:H-8 refuses %s, which is not UTF-8, and reads on', (_, bytes) => {
    expect(readJson(new Uint8Array(bytes), WIDE)).toEqual({ fault: 'notUtf8' });
    expect(read('"é"')).toEqual({ value: 'é' });
  });

  it('takes as many bytes as allowed, and not one more', () => {
    expect(read('"éé"', { maxBytes: 6 })).toEqual({ value: 'éé' });
    expect(read('"éé"', { maxBytes: 5 })).toEqual({ fault: 'tooLarge' });
  });

  it('reads only the bytes of a view', () => {
    expect(readJson(encoder.encode('[[{"a":1}]]').subarray(2, 9), WIDE)).toEqual({ value: { a: 1 } });
  });

  it.each([
    ['[[1]]', 2],
    ['{"a":[{}]}', 3],
    ['[[],[],[[]],[]]', 3],
    ['{"[[[[":"{{{{]]]]"}', 1],
    ['["\\"[[[[",[]]', 2],
    ['["\\\\",[]]', 2],
    ['["\\\\\\"[[[",1]', 1],
  ])('takes as many levels as allowed, and not one more: %s has %i', (text, levels) => {
    expect(read(text, { maxLevels: levels })).toEqual({ value: JSON.parse(text) as unknown });
    expect(read(text, { maxLevels: levels - 1 })).toEqual({ fault: 'tooDeep' });
  });

  it('reads what JSON.parse reads, as deep as levels go', () => {
    fc.assert(
      fc.property(jsonValue, fc.constantFrom(undefined, 1), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const levels = levelsOf(value);
        // As text: a matcher would take a key `constructor` for a class.
        expect(JSON.stringify(read(text, { maxLevels: levels }))).toBe(`{"value":${JSON.stringify(value)}}`);
        if (levels > 0) expect(read(text, { maxLevels: levels - 1 })).toEqual({ fault: 'tooDeep' });
      }),
      { numRuns: 500 },
    );
  });

  it('fault:H-17 keeps names of Object.prototype as plain data', () => {
    const { value } = read('{"__proto__":{"polluted":1},"constructor":2}') as { value: object };
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('fault:H-8 never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(4), (bytes, maxBytes, maxLevels) => {
        const reading = readJson(bytes, { maxBytes, maxLevels });
        expect('value' in reading).not.toBe('fault' in reading);
      }),
    );
  });

  it('sec:S-11 refuses 10 MB of brackets by their number alone, without reading one', () => {
    const unreadable = { byteLength: 10_000_000 } as Uint8Array;
    expect(readJson(unreadable, WIDE)).toEqual({ fault: 'tooLarge' });
    expect(readJson(new Uint8Array(10_000_000).fill(0x5b), WIDE)).toEqual({ fault: 'tooLarge' });
  });

  it.each([
    ['brackets', '[', 'tooDeep'],
    ['keys', '{"a":', 'tooDeep'],
    ['backslashes in a string that never ends', '\\\\', 'notJson'],
    ['strings', '"",', 'notJson'],
  ])('sec:S-11 copes with as many %s as there may be', (_, part, fault) => {
    const text = `"${part}`.slice(part.startsWith('\\') ? 0 : 1);
    const bytes = encoder.encode(text + part.repeat(131_000 / part.length));
    expect(readJson(bytes, WIDE)).toEqual({ fault });
  });

  it('sec:S-11 needs no stack for levels', () => {
    const levels = 60_000;
    expect(read('['.repeat(levels), { maxLevels: levels })).toEqual({ fault: 'notJson' });
    expect(read('['.repeat(levels) + ']'.repeat(levels), { maxLevels: levels - 1 })).toEqual({
      fault: 'tooDeep',
    });
  });
});
