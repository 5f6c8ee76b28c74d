import type { AnyMachineSnapshot } from 'xstate';

/**
 * Where a machine is, as text: `line.connecting.dialing`; of parallel regions each, `a.b + a.c`.
 *
 * @param snapshot of any machine
 */
export function placeOf(snapshot: Pick<AnyMachineSnapshot, 'value'>): string {
  return leavesOf(snapshot.value).join(' + ');
}

function leavesOf(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value === 'string') return [[...path, value].join('.')];
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) =>
    leavesOf(inner, [...path, key]),
  );
}
