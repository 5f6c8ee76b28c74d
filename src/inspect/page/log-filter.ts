import type { ActorView } from '../feed.ts';
import type { KeptEntry } from './feed-store.ts';

export interface LogFilter {
  /** Words that must all be found, in any of an entry's names or in its event. */
  readonly text: string;
  /** Only what these actors got; undefined: all. */
  readonly actors: ReadonlySet<string> | undefined;
}

/** An event is searched as text only when somebody searches, and then once. */
const texts = new WeakMap<KeptEntry, string>();

export function filtered(log: readonly KeptEntry[], { text, actors }: LogFilter): readonly KeptEntry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && actors === undefined) return log;
  return log.filter(
    (kept) =>
      (actors === undefined || actors.has(kept.entry.actor)) &&
      (words.length === 0 || words.every((word) => textOf(kept).includes(word))),
  );
}

/** An actor and all below it. */
export function family(actors: ReadonlyMap<string, ActorView>, key: string): ReadonlySet<string> {
  const found = new Set([key]);
  // A parent is seen before its children, so once through is enough.
  for (const actor of actors.values()) {
    if (actor.parent !== null && found.has(actor.parent)) found.add(actor.key);
  }
  return found;
}

function textOf(kept: KeptEntry): string {
  const known = texts.get(kept);
  if (known !== undefined) return known;
  const { entry, actor, source } = kept;
  const text = [entry.type, ...actor, ...(source ?? []), JSON.stringify(entry.event)]
    .join('\n')
    .toLowerCase();
  texts.set(kept, text);
  return text;
}
