import type { JsonValue } from './shadow-state.ts';

/** What is wrong with a text that should be JSON. */
export type JsonFault = 'tooLarge' | 'tooDeep' | 'notUtf8' | 'notJson';

export interface JsonBounds {
  readonly maxBytes: number;
  /** Objects and arrays inside of one another. */
  readonly maxLevels: number;
}

export type JsonReading = { readonly value: JsonValue } | { readonly fault: JsonFault };

/**
 * Reads JSON from a stranger. Size and depth are looked at before anything is parsed, in one pass and without recursion.
 * Keys such as `__proto__` are plain data in what it returns.
 */
export declare function readJson(payload: Uint8Array, bounds: JsonBounds): JsonReading;
