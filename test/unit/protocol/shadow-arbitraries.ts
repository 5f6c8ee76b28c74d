import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../../src/protocol/shadow-state.ts';

// Few different keys, so that two documents meet often; among them names of Object.prototype, and those that sort as numbers.
const key = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.constantFrom('a', 'b', '', '1', 'é😀', '__proto__', 'constructor', 'prototype', 'toString'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 3 }) },
);
const scalar = fc.constantFrom(0, -0, 1, 1.5, -2, true, false, '', '1', 'on', 'é😀', '[{"');

/** Made of entries, so that `__proto__` is a key like any other. */
function objectOf(value: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonObject> {
  return fc.array(fc.tuple(key, value), { maxLength: 4 }).map((entries) => Object.fromEntries(entries));
}

function jsonWith(leaf: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> {
  return fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthSize: 'medium' },
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      objectOf(tie('value')),
    ),
  })).value;
}

const stored = jsonWith(scalar);
const change: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'medium' },
    scalar,
    fc.constant(null),
    fc.array(stored, { maxLength: 2 }),
    objectOf(tie('value')),
  ),
})).value;

/** Anything that JSON can say. */
export const jsonValue = jsonWith(fc.oneof(scalar, fc.constant(null)));

/** A section as a shadow stores it: without `null`, and not empty. */
export const storedSection = objectOf(stored).filter((section) => Object.keys(section).length > 0);

/** Both sections as a shadow stores them. */
export const storedSections = fc.record(
  { desired: storedSection, reported: storedSection },
  { requiredKeys: [] },
);

/** What an update of a section says. */
const sectionChange = objectOf(change);

/** What an update says; now and then that a section, or that all of it, goes. */
export const sectionsChange = fc.option(
  fc.record(
    {
      desired: fc.option(sectionChange, { freq: 9 }),
      reported: fc.option(sectionChange, { freq: 9 }),
    },
    { requiredKeys: [] },
  ),
  { freq: 19 },
);
