import { utf8Bytes } from './utf8.ts';

/** What JSON can say. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
/** An object of JSON, to be read only. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** The names of the two states of a shadow. */
export const SHADOW_SECTIONS = ['desired', 'reported'] as const;

/** The two states of a shadow. A section that is empty is not there. */
export interface ShadowSections {
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
}

/** What an update changes: objects are merged, `null` removes. `state: null` removes both sections. */
export type SectionsChange = {
  readonly desired?: JsonObject | null;
  readonly reported?: JsonObject | null;
} | null;

export interface Merged {
  readonly sections: ShadowSections;
  /**
   * False when the documented rules leave open what AWS makes of it: a nested object that `null`s have left without a key.
   * Here it is not stored, as in AWS IoT Greengrass.
   */
  readonly isCertain: boolean;
}

/**
 * Merges an update as AWS does: objects deeply, arrays and scalars whole, `null` removes, a `null` for what is not there stores
 * nothing, an empty object that is given is kept, and an empty section is not there. Changes neither argument; keys such as
 * `__proto__` are plain data.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html
 */
export function mergeSections(sections: ShadowSections, change: SectionsChange): Merged {
  if (change === null) return { sections: {}, isCertain: true };
  const merged: { desired?: JsonObject; reported?: JsonObject } = {};
  let isCertain = true;
  for (const name of SHADOW_SECTIONS) {
    const section = mergeSection(sections[name], change[name], () => {
      isCertain = false;
    });
    if (section !== undefined && !isEmpty(section)) merged[name] = section;
  }
  return { sections: merged, isCertain };
}

/**
 * What is desired and not reported: of nested objects only the leaves that differ, of arrays the whole; undefined when there is
 * nothing. What is only reported is never in it.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html#delta-state
 */
export function deltaOf({ desired = {}, reported = {} }: ShadowSections): JsonObject | undefined {
  const delta: [string, JsonValue][] = [];
  for (const [key, wanted] of Object.entries(desired)) {
    const missing = missingOf(wanted, ownValue(reported, key));
    if (missing !== undefined) delta.push([key, missing]);
  }
  return delta.length === 0 ? undefined : Object.fromEntries(delta);
}

/** Whether two values say the same; the order of keys says nothing, numbers compare by value. */
export function isSameJson(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (isList(a)) return isList(b) && a.length === b.length && a.every((one, at) => isSameJson(one, b[at]));
  if (!isJsonObject(a) || !isJsonObject(b)) return a === b;
  const entries = Object.entries(a);
  return (
    entries.length === Object.keys(b).length &&
    entries.every(([key, value]) => isSameJson(value, ownValue(b, key)))
  );
}

/** How many objects and arrays are inside of one another: 0 for a scalar, 1 for `{ a: 1 }`. */
export function levelsOf(value: JsonValue): number {
  // Level by level: whoever asks how deep it is does not know yet whether recursion would end well.
  let level = [value].filter(isNested);
  let levels = 0;
  while (level.length > 0) {
    levels++;
    level = level.flatMap((nested) => Object.values<JsonValue>(nested).filter(isNested));
  }
  return levels;
}

/** Bytes of desired and reported state as JSON, which is what AWS's limit counts. */
export function sectionsBytes({ desired, reported }: ShadowSections): number {
  const present = [desired, reported].filter((section) => section !== undefined);
  return present.reduce((bytes, section) => bytes + utf8Bytes(JSON.stringify(section)), 0);
}

/** Whether it is an object as JSON means it: neither null nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is told when `null`s have left a nested object without a key. */
type OnEmptied = () => void;

function mergeSection(
  stored: JsonObject | undefined,
  change: JsonObject | null | undefined,
  onEmptied: OnEmptied,
): JsonObject | undefined {
  if (change === undefined) return stored;
  return change === null ? undefined : mergeObjects(stored ?? {}, change, onEmptied);
}

function mergeObjects(stored: JsonObject, change: JsonObject, onEmptied: OnEmptied): JsonObject {
  // A map, and then `fromEntries`: an assignment to `__proto__` would set a prototype.
  const merged = new Map(Object.entries(stored));
  for (const [key, wanted] of Object.entries(change)) {
    const value = mergeValue(merged.get(key), wanted, onEmptied);
    if (value === undefined) merged.delete(key);
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

/** What is stored; undefined when that is nothing. */
function mergeValue(
  stored: JsonValue | undefined,
  wanted: JsonValue,
  onEmptied: OnEmptied,
): JsonValue | undefined {
  if (wanted === null) return undefined;
  if (!isJsonObject(wanted)) return wanted;
  const merged = mergeObjects(isJsonObject(stored) ? stored : {}, wanted, onEmptied);
  if (!isEmpty(merged) || isEmpty(wanted)) return merged;
  onEmptied();
  return undefined;
}

function missingOf(wanted: JsonValue, reported: JsonValue | undefined): JsonValue | undefined {
  if (isJsonObject(wanted) && isJsonObject(reported)) return deltaOf({ desired: wanted, reported });
  return isSameJson(wanted, reported) ? undefined : wanted;
}

function ownValue(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isEmpty(object: JsonObject): boolean {
  return Object.keys(object).length === 0;
}

// `Array.isArray` alone does not narrow to a readonly array.
function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isNested(value: JsonValue): value is JsonObject | readonly JsonValue[] {
  return typeof value === 'object' && value !== null;
}
