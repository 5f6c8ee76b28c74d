import type { ActorView } from '../feed.ts';

/** How many ended actors of one parent are shown before somebody asks for all. */
const SHOWN_ENDED = 3;

/** One line of the tree. */
export type TreeRow = Placed &
  (
    | { readonly kind: 'actor'; readonly actor: ActorView; readonly isOpen: boolean | undefined }
    /** Stands for the earlier ones that have ended. */
    | { readonly kind: 'ended'; readonly count: number; readonly isOpen: boolean }
  );

interface Placed {
  /** Of the actor, or of the parent with `+ended`. */
  readonly key: string;
  readonly level: number;
  readonly position: number;
  readonly siblings: number;
  readonly parent: string | null;
}

/** The lines of the tree from top to bottom. `flipped` holds the keys of rows that are not open or closed as they are by default. */
export function treeRows(
  actors: ReadonlyMap<string, ActorView>,
  flipped: ReadonlySet<string>,
): readonly TreeRow[] {
  const children = byParent(actors);
  const below = (parent: string | null, level: number): TreeRow[] => {
    const all = children.get(parent) ?? [];
    const early = endedEarlier(all);
    const key = `${parent ?? ''}+ended`;
    const isOpen = flipped.has(key);
    const seen = runningFirst(isOpen ? all : all.filter((actor) => !early.has(actor)));
    const siblings = seen.length + Math.sign(early.size);
    const rows = seen.flatMap((actor, index): TreeRow[] => {
      // Who worked for an actor that has ended is of no interest at first.
      const isOpenFirst = actor.status === 'active';
      const isOpenActor = children.has(actor.key) ? isOpenFirst !== flipped.has(actor.key) : undefined;
      const place = { key: actor.key, level, position: index + 1, siblings, parent };
      const row: TreeRow = { kind: 'actor', ...place, actor, isOpen: isOpenActor };
      return isOpenActor === true ? [row, ...below(actor.key, level + 1)] : [row];
    });
    if (early.size === 0) return rows;
    const place = { key, level, position: siblings, siblings, parent };
    return [...rows, { kind: 'ended', ...place, count: early.size, isOpen }];
  };
  return below(null, 1);
}

function runningFirst(actors: readonly ActorView[]): readonly ActorView[] {
  const isRunning = ({ status }: ActorView): boolean => status === 'active';
  return [...actors.filter(isRunning), ...actors.filter((actor) => !isRunning(actor))];
}

/** Those that have ended, but for the last few machines. Of what a machine had begun and ended only a failure tells anything. */
function endedEarlier(actors: readonly ActorView[]): ReadonlySet<ActorView> {
  const ended = actors.filter(({ status }) => status !== 'active');
  const telling = ended.filter(({ kind, status }) => kind === 'machine' || status === 'error');
  const shown = new Set(telling.slice(-SHOWN_ENDED));
  return new Set(ended.filter((actor) => !shown.has(actor)));
}

/** Whose parent has been forgotten stands as a root. */
function byParent(actors: ReadonlyMap<string, ActorView>): ReadonlyMap<string | null, readonly ActorView[]> {
  const children = new Map<string | null, ActorView[]>();
  for (const actor of actors.values()) {
    const parent = actor.parent !== null && actors.has(actor.parent) ? actor.parent : null;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [actor]);
    else siblings.push(actor);
  }
  return children;
}

/** Where a key of the keyboard leads in the tree: to another row, or it opens or closes the one it stands on. */
export type TreeMove =
  | { readonly to: string }
  | { readonly flip: string }
  | { readonly choose: string }
  | undefined;

export function treeMove(rows: readonly TreeRow[], at: string, key: string): TreeMove {
  const index = rows.findIndex((row) => row.key === at);
  const row = rows[index];
  if (row === undefined) return undefined;
  switch (key) {
    case 'ArrowDown':
      return toRow(rows[index + 1]);
    case 'ArrowUp':
      return toRow(rows[index - 1]);
    case 'Home':
      return toRow(rows[0]);
    case 'End':
      return toRow(rows.at(-1));
    case 'ArrowRight':
      return row.isOpen === false ? { flip: row.key } : row.isOpen ? toRow(firstChild(rows, row)) : undefined;
    case 'ArrowLeft':
      return row.isOpen ? { flip: row.key } : row.parent === null ? undefined : { to: row.parent };
    case 'Enter':
    case ' ':
      return row.kind === 'ended' ? { flip: row.key } : { choose: row.key };
    default:
      return undefined;
  }
}

function toRow(row: TreeRow | undefined): TreeMove {
  return row === undefined ? undefined : { to: row.key };
}

function firstChild(rows: readonly TreeRow[], row: TreeRow): TreeRow | undefined {
  return rows.find(({ parent }) => parent === row.key);
}
