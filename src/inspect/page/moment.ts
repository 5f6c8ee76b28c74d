import type { ActorView } from '../feed.ts';
import type { KeptEntry } from './feed-store.ts';

/** Where a machine stands, or stood, and by which transitions it came there. */
export interface Moment {
  readonly states: readonly string[];
  readonly transitions: readonly string[];
  /** When those transitions were taken. */
  readonly at: number;
  readonly isPast: boolean;
}

export function presentOf({ states, last, since }: ActorView): Moment {
  return { states, transitions: last?.transitions ?? [], at: last?.at ?? since, isPast: false };
}

/** How its actor stood right after an entry of the log; undefined when the page was never told. */
export function momentOf(log: readonly KeptEntry[], kept: KeptEntry): Moment | undefined {
  const { actor, sequence, transitions, at } = kept.entry;
  const states = log.findLast(
    ({ entry }) => entry.actor === actor && entry.sequence <= sequence && entry.states !== null,
  )?.entry.states;
  return states === undefined || states === null ? undefined : { states, transitions, at, isPast: true };
}
