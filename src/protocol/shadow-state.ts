/** What JSON can say. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

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
   * False when the documented rules leave open what AWS makes of it: a nested object of which `null`s have taken the last
   * key. Here it is removed, as AWS IoT Greengrass does.
   */
  readonly isCertain: boolean;
}

/**
 * Merges an update as AWS does: objects deeply, arrays and scalars whole, `null` removes, a `null` for what is not there stores
 * nothing, an empty object that is given is kept, and an empty section is not there. Changes neither argument; keys such as
 * `__proto__` are plain data.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html
 */
export declare function mergeSections(sections: ShadowSections, change: SectionsChange): Merged;

/**
 * What is desired and not reported: of nested objects only the leaves that differ, of arrays the whole; undefined when there is
 * nothing. What is only reported is never in it.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html#delta-state
 */
export declare function deltaOf({ desired, reported }: ShadowSections): JsonObject | undefined;

/** Whether two values say the same; the order of keys says nothing, numbers compare by value. */
export declare function isSameJson(a: JsonValue | undefined, b: JsonValue | undefined): boolean;

/** How many objects and arrays are inside of one another: 0 for a scalar, 1 for `{ a: 1 }`. */
export declare function levelsOf(value: JsonValue): number;

/** Bytes of desired and reported state as JSON, which is what AWS's limit counts. */
export declare function sectionsBytes(sections: ShadowSections): number;

/** Whether it is an object as JSON means it: neither null nor an array. */
export declare function isJsonObject(value: unknown): value is JsonObject;
