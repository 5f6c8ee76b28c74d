import {
  invokeName,
  type MachineDescription,
  type StateDescription,
  type TransitionDescription,
} from './describe.ts';
import { textWidth, wrap } from './text.ts';

/** Everything that is drawn, with its place: plain data, in the order of the machine. */
export interface Picture {
  readonly machine: string;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly dots: readonly Point[];
  readonly edges: readonly Edge[];
}

export interface Box extends Rectangle {
  readonly id: string;
  readonly parent: string | null;
  readonly title: string;
  readonly type: StateDescription['type'];
  readonly depth: number;
  readonly isRegion: boolean;
  readonly tags: readonly string[];
  readonly rows: readonly Row[];
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly kind: EdgeKind;
  /** The ids of what it stands for; of an arrow to where a state starts none. */
  readonly transitions: readonly string[];
  readonly points: readonly Point[];
  readonly label: (Rectangle & { readonly rows: readonly Row[] }) | undefined;
}

type EdgeKind = 'initial' | 'plain' | 'delayed' | 'error';

/** One line of text; the head (`entry`, `invoke`, an event) is set off from the rest. */
export interface Row {
  readonly head: string;
  readonly text: string;
  readonly kind: EdgeKind;
  /** The id of the transition that it, with its neighbours of the same id, shows; a second mention has none. */
  readonly transition: string | null;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Rectangle extends Point {
  readonly width: number;
  readonly height: number;
}

/** Sizes that the layout reserves and the drawing fills. */
export const SIZE = {
  title: 14,
  titleLine: 20,
  text: 11.5,
  line: 16,
  padding: 10,
  pill: 8,
  dot: 10,
} as const;

/** A picture is read at the width of a README: text breaks early, so that the columns of arrows stay narrow. */
const LABEL_WIDTH = 130;
const BOX_WIDTH = 190;

/** The edges before they are placed, in document order. */
export type Line = Pick<Edge, 'from' | 'to' | 'kind' | 'transitions'> & {
  readonly id: string;
  readonly rows: readonly Row[];
};

/** One line for all transitions between the same two states: three reasons to leave are one arrow to follow. */
export function linesOf(description: MachineDescription, reach: number): Line[] {
  const lines = new Map<string, Line>();
  for (const transition of description.transitions) {
    const { from, targets } = transition;
    if (!isArrow(transition, description, reach)) continue;
    const kind = kindOf(transition);
    for (const to of targets) {
      const id = `${from} -> ${to}`;
      const known = lines.get(id);
      // The arrow to the first of several targets says it for all.
      const rows = transitionRows(transition, LABEL_WIDTH, to === targets[0] ? transition.id : null);
      lines.set(id, {
        id,
        from,
        to,
        kind: known && known.kind !== kind ? 'plain' : kind,
        transitions: [...(known?.transitions ?? []), transition.id],
        rows: [...(known?.rows ?? []), ...rows],
      });
    }
  }
  return [...lines.values()];
}

/** Stands before a transition from a state to itself, which needs no arrow. */
export const AGAIN = '↻';

/** What stands in the box of a state below its name, also the transitions that no arrow shows. */
export function rowsOf(state: StateDescription, description: MachineDescription, reach: number): Row[] {
  const own = description.transitions.filter(({ from }) => from === state.id);
  const shown = own.filter((transition) => !isArrow(transition, description, reach));
  return [
    ...namedRows('entry', state.entry),
    ...namedRows('exit', state.exit),
    ...state.invokes.flatMap((invoke) => namedRows('invoke', [invokeName(invoke)])),
    ...shown.flatMap((transition) => {
      const { targets, event } = transition;
      const away = targets.filter((target) => target !== state.id);
      // Without `reenter` a state that targets itself restarts its children; one that has none just stays.
      const again = targets.includes(state.id) && (transition.reenter || state.type !== 'atomic');
      const head = again || (targets.length === 0 && transition.reenter) ? `${AGAIN} ${event}` : event;
      const names = away.map((target) => shortId(target, description));
      const leads = names.length === 0 ? [] : [`→ ${names.join(', ')}`];
      return transitionRows({ ...transition, event: head }, BOX_WIDTH, transition.id, leads);
    }),
  ];
}

/** Whether an arrow shows it: it leads away, and not through more borders of boxes than `reach`. */
function isArrow(
  { from, targets }: TransitionDescription,
  description: MachineDescription,
  reach: number,
): boolean {
  if (targets.length === 0 || targets.includes(from)) return false;
  return targets.every((to) => bordersBetween(from, to, description) <= reach);
}

function bordersBetween(from: string, to: string, { states }: MachineDescription): number {
  const parents = new Map(states.map(({ id, parent }) => [id, parent]));
  const boxesAround = (id: string): string[] => {
    const parent = parents.get(id) ?? null;
    return parent === null ? [] : [...boxesAround(parent), parent];
  };
  const left = boxesAround(from);
  const entered = boxesAround(to);
  const common = left.filter((id) => entered.includes(id)).length;
  // An arrow between a box and what is in it does not cross the border of that box.
  const own = left.includes(to) || entered.includes(from) ? 1 : 0;
  return left.length + entered.length - 2 * common - own;
}

function shortId(id: string, { machine }: MachineDescription): string {
  return id.startsWith(`${machine}.`) ? id.slice(machine.length + 1) : id;
}

export function toBox(
  state: StateDescription,
  description: MachineDescription,
  reach: number,
  place: Rectangle,
): Box {
  const parentOf = ({ parent }: StateDescription) => description.states.find(({ id }) => id === parent);
  let depth = 0;
  for (let above = parentOf(state); above; above = parentOf(above)) depth += 1;
  return {
    ...place,
    id: state.id,
    parent: state.parent,
    title: state.key,
    type: state.type,
    depth,
    isRegion: parentOf(state)?.type === 'parallel',
    tags: state.tags,
    rows: rowsOf(state, description, reach),
  };
}

export function headerSize(state: StateDescription, rows: readonly Row[]): { width: number; height: number } {
  const tags = state.tags.reduce((sum, tag) => sum + tagWidth(tag) + 6, 8);
  return {
    width: Math.max(40, titleWidth(state.key) + tags, ...rows.map(rowWidth)) + 2 * SIZE.padding,
    height: SIZE.titleLine + rows.length * SIZE.line + SIZE.padding + 4,
  };
}

/** Where the header of a state with children ends. */
export function headerEnd({ y, rows }: Pick<Box, 'y' | 'rows'>): number {
  return y + SIZE.titleLine + rows.length * SIZE.line + 9;
}

export function labelSize(rows: readonly Row[]): { width: number; height: number } {
  return { width: Math.max(...rows.map(rowWidth)) + 2 * SIZE.pill, height: rows.length * SIZE.line + 4 };
}

export function titleWidth(title: string): number {
  return textWidth(title, SIZE.title, true);
}

export function tagWidth(tag: string): number {
  return textWidth(tag, SIZE.text) + 10;
}

function kindOf({ error, delayed }: TransitionDescription): EdgeKind {
  if (error) return 'error';
  return delayed ? 'delayed' : 'plain';
}

/** Event, guard and actions: on one line if they fit, else below each other. */
function transitionRows(
  transition: TransitionDescription,
  width: number,
  id: string | null,
  leads: readonly string[] = [],
): Row[] {
  const { event, guard, actions } = transition;
  const kind = kindOf(transition);
  const parts = [
    ...(guard === null ? [] : [`[${guard}]`]),
    ...wrap(actions, SIZE.text, width).map((text, line) => (line === 0 ? `/ ${text}` : text)),
    ...leads,
  ];
  const rows: Row[] = [{ head: event, text: '', kind, transition: id }];
  for (const text of parts) {
    const last = rows.at(-1);
    const joined = last && { ...last, text: last.text === '' ? text : `${last.text} ${text}` };
    if (joined && rowWidth(joined) <= width) rows[rows.length - 1] = joined;
    else rows.push({ head: '', text, kind, transition: id });
  }
  return rows;
}

function namedRows(name: string, words: readonly string[]): Row[] {
  const lines = wrap(words, SIZE.text, BOX_WIDTH);
  return lines.map((text, line) => ({ head: line === 0 ? name : '', text, kind: 'plain', transition: null }));
}

/** Lines that go on are set in. */
export function indentOf({ head }: Row): number {
  return head === '' ? 10 : 0;
}

function rowWidth(row: Row): number {
  return indentOf(row) + textWidth([row.head, row.text].filter(Boolean).join(' '), SIZE.text);
}
