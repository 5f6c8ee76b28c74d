import type { JsonObject, JsonValue } from '../../../src/protocol/shadow-state.ts';

/**
 * A section as a list of its leaves, each by its path: scalars, arrays, `null`, and objects that are empty. The rules of merging and
 * comparing are said over such lists a second time here, without recursion through two documents at once.
 */
type Leaf = readonly [path: readonly string[], value: JsonValue];

export function leavesOf(section: JsonObject | undefined): Leaf[] {
  return Object.entries(section ?? {}).flatMap(([key, value]) => leavesFrom([key], value));
}

function leavesFrom(path: readonly string[], value: JsonValue): Leaf[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  const inside = Object.entries(value).flatMap(([key, one]) => leavesFrom([...path, key], one));
  return inside.length === 0 ? [[path, value]] : inside;
}

/** Leaves as text, in one order whatever order keys had: what two equal sections have in common. */
export function shown(leaves: readonly Leaf[]): string[] {
  return leaves.map(([path, value]) => `${JSON.stringify(path)} ${canonical(value)}`).sort();
}

/** JSON with its keys in order. */
export function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_, one: JsonValue) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

/** The leaves of a section after a change of it. */
export function mergedLeaves(section: JsonObject | undefined, change: JsonObject): Leaf[] {
  let leaves = leavesOf(section);
  for (const [path, value] of leavesOf(change)) {
    const isEmptyObject = canonical(value) === '{}';
    if (isEmptyObject && leaves.some(([at]) => isBelow(at, path))) continue;
    leaves = leaves.filter(([at]) => !isWithin(at, path) && !isBelow(path, at));
    if (value !== null) leaves.push([path, value]);
  }
  return leaves;
}

/** Whether each object that a change names has something in it afterwards, or was given as an empty one. */
export function leavesNothingEmpty(merged: readonly Leaf[], change: JsonObject): boolean {
  return leavesOf(change).every(([path]) =>
    path.every((_, depth) => depth === 0 || merged.some(([at]) => isWithin(at, path.slice(0, depth)))),
  );
}

/** The leaves of desired that reported does not have. */
export function deltaLeaves(desired: JsonObject | undefined, reported: JsonObject | undefined): Leaf[] {
  const has = leavesOf(reported);
  return leavesOf(desired).filter(([path, value]) => {
    if (canonical(value) === '{}' && has.some(([at]) => isBelow(at, path))) return false;
    return !shown(has).includes(shown([[path, value]])[0]!);
  });
}

function isWithin(path: readonly string[], ancestor: readonly string[]): boolean {
  return ancestor.every((key, depth) => path[depth] === key);
}

function isBelow(path: readonly string[], ancestor: readonly string[]): boolean {
  return path.length > ancestor.length && isWithin(path, ancestor);
}
