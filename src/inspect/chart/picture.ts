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
  readonly points: readonly Point[];
  readonly label: (Rectangle & { readonly rows: readonly Row[] }) | undefined;
}

type EdgeKind = 'initial' | 'plain' | 'delayed' | 'error';

/** One line of text; the head (`entry`, `invoke`, an event) is set off from the rest. */
export interface Row {
  readonly head: string;
  readonly text: string;
  readonly kind: EdgeKind;
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
const LABEL_WIDTH = 150;
const BOX_WIDTH = 230;

/** The edges before they are placed, in document order. */
export type Line = Pick<Edge, 'from' | 'to' | 'kind'> & {
  readonly id: string;
  readonly rows: readonly Row[];
};

/** One line for all transitions between the same two states: three reasons to leave are one arrow to follow. */
export function linesOf({ transitions }: MachineDescription): Line[] {
  const lines = new Map<string, Line>();
  for (const transition of transitions) {
    const { from, targets } = transition;
    const kind = kindOf(transition);
    for (const to of targets.filter((target) => target !== from)) {
      const id = `${from} -> ${to}`;
      const known = lines.get(id);
      const rows = [...(known?.rows ?? []), ...transitionRows(transition, LABEL_WIDTH)];
      lines.set(id, { id, from, to, kind: known && known.kind !== kind ? 'plain' : kind, rows });
    }
  }
  return [...lines.values()];
}

/** Stands before a transition from a state to itself, which needs no arrow. */
export const AGAIN = '↻';

/** What stands in the box of a state below its name, also the transitions that do not leave it. */
export function rowsOf(state: StateDescription, { transitions }: MachineDescription): Row[] {
  const own = transitions.filter(({ from }) => from === state.id);
  const staying = own.filter(({ targets }) => targets.length === 0 || targets.includes(state.id));
  return [
    ...namedRows('entry', state.entry),
    ...namedRows('exit', state.exit),
    ...state.invokes.flatMap((invoke) => namedRows('invoke', [invokeName(invoke)])),
    ...staying.flatMap((transition) => {
      // Without `reenter` a state that targets itself restarts its children; one that has none just stays.
      const again = transition.reenter || (transition.targets.length > 0 && state.type !== 'atomic');
      const event = again ? `${AGAIN} ${transition.event}` : transition.event;
      return transitionRows({ ...transition, event }, BOX_WIDTH);
    }),
  ];
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
function transitionRows(transition: TransitionDescription, width: number): Row[] {
  const { event, guard, actions } = transition;
  const kind = kindOf(transition);
  const parts = [
    ...(guard === null ? [] : [`[${guard}]`]),
    ...wrap(actions, SIZE.text, width).map((text, line) => (line === 0 ? `/ ${text}` : text)),
  ];
  const rows: Row[] = [{ head: event, text: '', kind }];
  for (const text of parts) {
    const last = rows.at(-1);
    const joined = last && { ...last, text: last.text === '' ? text : `${last.text} ${text}` };
    if (joined && rowWidth(joined) <= width) rows[rows.length - 1] = joined;
    else rows.push({ head: '', text, kind });
  }
  return rows;
}

function namedRows(name: string, words: readonly string[]): Row[] {
  const lines = wrap(words, SIZE.text, BOX_WIDTH);
  return lines.map((text, line) => ({ head: line === 0 ? name : '', text, kind: 'plain' }));
}

/** Lines that go on are set in. */
export function indentOf({ head }: Row): number {
  return head === '' ? 10 : 0;
}

function rowWidth(row: Row): number {
  return indentOf(row) + textWidth([row.head, row.text].filter(Boolean).join(' '), SIZE.text);
}
