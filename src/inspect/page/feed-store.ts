import type { ActorView, ClientView, FaultName, Feed, FeedChange, LogEntry } from '../feed.ts';

/** How many entries the page keeps: as many as it is told at most when it comes late. */
export const KEPT_ENTRIES = 2_000;

/** How far back the course of a queue is kept. */
export const DEPTHS_MS = 60_000;

/** An entry with what must be known of it when its actors have been forgotten. */
export interface KeptEntry {
  readonly entry: LogEntry;
  /** Names from the root on. */
  readonly actor: readonly string[];
  readonly source: readonly string[] | null;
  /** How many entries before this one the page was never told. */
  readonly missed: number;
}

/** From `at` on so many waited; null: nobody knows, the stream was lost. */
export interface Depth {
  readonly at: number;
  readonly queued: number | null;
}

/** Everything that the page knows. It is replaced, never changed, so what is the same object looks the same. */
export interface View {
  /** The time of the server at the last news. */
  readonly now: number;
  readonly payloads: Feed['payloads'];
  readonly actors: ReadonlyMap<string, ActorView>;
  readonly clients: ReadonlyMap<string, ClientView>;
  readonly depths: ReadonlyMap<string, readonly Depth[]>;
  readonly log: readonly KeptEntry[];
  readonly logged: number;
  readonly faults: readonly FaultName[];
}

/** What the first event of a stream says; `before` is what an earlier stream had said. */
export function started(feed: Feed, before: View | undefined): View {
  const actors = new Map(feed.actors.map((actor) => [actor.key, actor]));
  const clients = new Map(feed.clients.map((client) => [client.actor, client]));
  return {
    now: feed.now,
    payloads: feed.payloads,
    actors,
    clients,
    depths: deepened(interrupted(before?.depths ?? new Map(), before?.now ?? 0), clients, feed.now),
    log: kept([], feed.log, actors),
    logged: feed.logged,
    faults: feed.faults,
  };
}

export function changed(view: View, change: FeedChange): View {
  const actors = mended(
    view.actors,
    change.actors.map((actor) => [actor.key, actor]),
    change.forgotten,
  );
  const clients = mended(
    view.clients,
    change.clients.map((client) => [client.actor, client]),
    change.forgotten,
  );
  return {
    ...view,
    now: change.now,
    actors,
    clients,
    depths: deepened(view.depths, clients, change.now),
    log: change.log.length === 0 ? view.log : kept(view.log, change.log, actors),
    logged: change.logged,
  };
}

/** The names of an actor and of all above it, from the root on. */
export function pathOf(actors: ReadonlyMap<string, ActorView>, key: string): readonly string[] {
  const names: string[] = [];
  const seen = new Set<string>();
  for (let actor = actors.get(key); actor !== undefined && !seen.has(actor.key); ) {
    seen.add(actor.key);
    names.unshift(actor.name);
    actor = actor.parent === null ? undefined : actors.get(actor.parent);
  }
  return names.length === 0 ? [key] : names;
}

/** The same map when nothing is new. */
function mended<T>(
  map: ReadonlyMap<string, T>,
  news: readonly (readonly [string, T])[],
  forgotten: readonly string[],
): ReadonlyMap<string, T> {
  const gone = forgotten.filter((key) => map.has(key));
  if (news.length === 0 && gone.length === 0) return map;
  const copy = new Map(map);
  for (const [key, value] of news) copy.set(key, value);
  for (const key of gone) copy.delete(key);
  return copy;
}

function kept(
  log: readonly KeptEntry[],
  news: readonly LogEntry[],
  actors: ReadonlyMap<string, ActorView>,
): readonly KeptEntry[] {
  const paths = new Map<string, readonly string[]>();
  const path = (key: string): readonly string[] => {
    const known = paths.get(key) ?? pathOf(actors, key);
    paths.set(key, known);
    return known;
  };
  let last = log.at(-1)?.entry.sequence;
  const more = news.map((entry): KeptEntry => {
    const missed = last === undefined ? 0 : Math.max(0, entry.sequence - last - 1);
    last = entry.sequence;
    return {
      entry,
      actor: path(entry.actor),
      source: entry.source === null ? null : path(entry.source),
      missed,
    };
  });
  return [...log, ...more].slice(-KEPT_ENTRIES);
}

function interrupted(
  depths: ReadonlyMap<string, readonly Depth[]>,
  at: number,
): ReadonlyMap<string, readonly Depth[]> {
  return new Map([...depths].map(([key, course]) => [key, [...course, { at, queued: null }]]));
}

/** The courses with how many wait now; what is older than a minute is dropped, but for what held at its beginning. */
function deepened(
  depths: ReadonlyMap<string, readonly Depth[]>,
  clients: ReadonlyMap<string, ClientView>,
  now: number,
): ReadonlyMap<string, readonly Depth[]> {
  return new Map(
    [...clients].map(([key, { queued }]) => {
      const course = depths.get(key) ?? [];
      const next = course.at(-1)?.queued === queued ? course : [...course, { at: now, queued }];
      const first = next.findLastIndex(({ at }) => at <= now - DEPTHS_MS);
      return [key, first > 0 ? next.slice(first) : next];
    }),
  );
}
