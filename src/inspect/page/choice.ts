import type { ActorView } from '../feed.ts';
import { pathOf, type View } from './feed-store.ts';

/** The names of an actor as a link to it: what is chosen outlives a reload, and keys do not outlive the server. */
export function linkOf(actors: ReadonlyMap<string, ActorView>, key: string): string {
  return `#${pathOf(actors, key).map(encodeURIComponent).join('/')}`;
}

/** The newest actor of these names. */
export function linked(actors: ReadonlyMap<string, ActorView>, link: string): string | undefined {
  return [...actors.keys()].findLast((key) => linkOf(actors, key) === link);
}

/** What a reader wants to see who has chosen nothing: the line of the first client, or the first root. */
export function firstChoice({ actors, clients }: View): string | undefined {
  const client = [...clients.keys()][0];
  return (
    connectionOf(actors, client) ?? client ?? [...actors.values()].find(({ parent }) => parent === null)?.key
  );
}

/** The connection of a client. */
export function connectionOf(
  actors: ReadonlyMap<string, ActorView>,
  client: string | undefined,
): string | undefined {
  if (client === undefined) return undefined;
  return [...actors.values()].find(({ parent, name }) => parent === client && name === 'connection')?.key;
}
