import { type ShadowAddress, shadowTitle } from '../protocol/shadow-topics.ts';
import type { ShadowDocument } from './shadow-document.ts';

/** A shadow, or what is left of one that was deleted. */
export interface StoredShadow {
  readonly address: ShadowAddress;
  /** Undefined once it is deleted. */
  readonly document: ShadowDocument | undefined;
  /** Where the counter of its versions stands. */
  readonly lastVersion: number;
  /** Milliseconds since the epoch; undefined while it is there. */
  readonly deletedAt: number | undefined;
}

/** Where shadows outlive the process. */
export interface ShadowKeeper {
  /** What an earlier process kept. Throws when it cannot. */
  open(): Iterable<StoredShadow>;
  /** Throws when it cannot. */
  keep(shadow: StoredShadow): void;
  close(): void;
}

/** The shadows of one core. */
export class ShadowStore {
  readonly #keeper: ShadowKeeper | undefined;
  readonly #shadows = new Map<string, StoredShadow>();

  constructor(keeper?: ShadowKeeper) {
    this.#keeper = keeper;
  }

  /** Throws when what is kept cannot be had. */
  open(): void {
    for (const shadow of this.#keeper?.open() ?? []) this.#shadows.set(shadowTitle(shadow.address), shadow);
  }

  close(): void {
    this.#keeper?.close();
  }

  get(address: ShadowAddress): StoredShadow | undefined {
    return this.#shadows.get(shadowTitle(address));
  }

  /** Throws when it cannot be kept; then nothing has changed. */
  set(shadow: StoredShadow): void {
    this.#keeper?.keep(shadow);
    this.#shadows.set(shadowTitle(shadow.address), shadow);
  }

  /** The named shadows of a thing, sorted. */
  names(thingName: string): string[] {
    const names: string[] = [];
    for (const { address, document } of this.#shadows.values()) {
      if (document === undefined || address.thingName !== thingName) continue;
      if (address.shadowName !== undefined) names.push(address.shadowName);
    }
    return names.sort();
  }
}
