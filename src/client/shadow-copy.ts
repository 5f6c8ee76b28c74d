import type { IotError } from '../protocol/errors.ts';
import {
  deltaOf,
  isSameJson,
  type JsonObject,
  type JsonValue,
  mergeSections,
  type SectionsChange,
  type ShadowSections,
} from '../protocol/shadow-state.ts';
import type { ShadowPart, ShadowState } from './shadow.ts';

/** What the machine knows of the copy. */
export interface CopyFacts {
  readonly version: number | undefined;
  readonly synced: boolean;
}

type Section = keyof ShadowSections;

/** The local copy of a document: what AWS has, and of that what the schema lets through. */
export class ShadowCopy<T> {
  readonly #facts: () => CopyFacts;
  readonly #check: (section: Section, value: JsonObject | undefined) => IotError | undefined;
  readonly #invalid: (error: IotError) => void;
  #sections: ShadowSections = {};
  /** A section that the schema refuses stays as it was. */
  #shown: ShadowSections = {};
  #state: ShadowState<T> | undefined;

  constructor(ports: {
    readonly facts: () => CopyFacts;
    readonly check: (section: Section, value: JsonObject | undefined) => IotError | undefined;
    readonly invalid: (error: IotError) => void;
  }) {
    this.#facts = ports.facts;
    this.#check = ports.check;
    this.#invalid = ports.invalid;
  }

  /** Whether something is desired that is not reported, whatever the schema says of it. */
  get hasDelta(): boolean {
    return deltaOf(this.#sections) !== undefined;
  }

  get state(): ShadowState<T> {
    const { version, synced } = this.#facts();
    const known = this.#state;
    if (known !== undefined && known.version === version && known.synced === synced) return known;
    const { desired, reported } = this.#shown;
    this.#state = Object.freeze({
      desired: desired as T | undefined,
      reported: reported as T | undefined,
      delta: frozen(deltaOf(this.#shown)) as ShadowPart<T> | undefined,
      version,
      synced,
    });
    return this.#state;
  }

  replace(sections: ShadowSections): void {
    this.#become(sections);
  }

  /** @returns whether AWS makes the same of it for certain */
  merge(change: SectionsChange): boolean {
    const { sections, isCertain } = mergeSections(this.#sections, change);
    this.#become(sections);
    return isCertain;
  }

  clear(): void {
    this.#become({});
  }

  #become(sections: ShadowSections): void {
    const before = this.#sections;
    this.#sections = sections;
    this.#state = undefined;
    this.#shown = {
      ...this.#section('desired', before),
      ...this.#section('reported', before),
    };
  }

  #section(name: Section, before: ShadowSections): ShadowSections {
    const shown = this.#shown[name];
    const next = isSameJson(this.#sections[name], before[name]) ? shown : this.#checked(name, shown);
    return next === undefined ? {} : { [name]: next };
  }

  #checked(name: Section, shown: JsonObject | undefined): JsonObject | undefined {
    const value = this.#sections[name];
    const error = this.#check(name, value);
    if (error === undefined) return isSameJson(value, shown) ? shown : frozen(value);
    this.#invalid(error);
    return shown;
  }
}

/** The same value, which nobody can change any more. */
export function frozen<V extends JsonValue | undefined>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const one of Object.values(value)) frozen(one);
  return Object.freeze(value);
}
