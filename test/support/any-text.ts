import fc from 'fast-check';

/** Of each length in UTF-8 as often; no halves of pairs, which UTF-8 has not. */
const codePoint = fc
  .oneof(
    fc.nat(0x7f),
    fc.integer({ min: 0x80, max: 0x7ff }),
    fc.integer({ min: 0x800, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0xffff }),
    fc.integer({ min: 0x1_0000, max: 0x10_ffff }),
  )
  .map((point) => String.fromCodePoint(point));

/** What objects have by themselves. */
const inherited = fc.constantFrom('__proto__', 'constructor', 'toString', 'valueOf');

/** As the unit `binary` of fast-check, which first makes a table of all code points: that takes a second. */
export function anyText(constraints: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 30, arbitrary: fc.string({ unit: codePoint, ...constraints }) },
    { weight: 1, arbitrary: inherited },
  );
}
