import type { LiveNode } from './live-actor.ts';

/** So many events are remembered. */
const MAX_LOGGED = 2_000;

/** One event, and what it made its actor do, as far as that is known. */
export interface LoggedEvent {
  readonly sequence: number;
  readonly at: number;
  readonly actor: string;
  readonly source: string | null;
  readonly event: { readonly type: string };
  transitions: readonly object[];
  /** The active states after it; undefined when they are the ones before. */
  nodes: readonly LiveNode[] | undefined;
}

const NONE: readonly never[] = [];

/** The newest events, in a ring. */
export class EventLog {
  readonly #ring: LoggedEvent[] = [];
  #logged = 0;

  /** How many there have been in all. */
  get logged(): number {
    return this.#logged;
  }

  add(at: number, actor: string, source: string | null, event: { readonly type: string }): LoggedEvent {
    const index = this.#logged % MAX_LOGGED;
    this.#logged += 1;
    const sequence = this.#logged;
    const entry = { sequence, at, actor, source, event, transitions: NONE, nodes: undefined };
    this.#ring[index] = entry;
    return entry;
  }

  /** Those that came after the one of this number, oldest first; of more than `most` the newest. */
  after(sequence: number, most = MAX_LOGGED): LoggedEvent[] {
    const count = Math.min(this.#logged - sequence, most, this.#ring.length);
    const entries: LoggedEvent[] = [];
    for (let i = this.#logged - count; i < this.#logged; i++) {
      const entry = this.#ring[i % MAX_LOGGED];
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }
}
