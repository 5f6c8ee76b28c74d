import type { ELK, ElkExtendedEdge, ElkNode, LayoutOptions } from 'elkjs/lib/elk.bundled.js';
import { loadOptionalPeer } from '../../protocol/optional-peer.ts';
import type { MachineDescription, StateDescription } from './describe.ts';
import {
  type Box,
  type Edge,
  headerEnd,
  headerSize,
  type Line,
  labelSize,
  linesOf,
  type Picture,
  type Point,
  type Rectangle,
  rowsOf,
  SIZE,
  toBox,
} from './picture.ts';

/** The width of a README: what is wider is shrunk there, and its text with it. */
const READABLE_WIDTH = 900;

/** Options for every compound node: ELK does not hand them down. */
const LAYERED: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  // Not by model order: ELK 0.12 crashes on it in graphs with nested nodes.
  'elk.layered.considerModelOrder.strategy': 'NONE',
  // Depth first from the start: the picture is read from the top, in the order in which a machine lives.
  'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
  'elk.layered.layering.strategy': 'LONGEST_PATH_SOURCE',
  'elk.layered.spacing.nodeNodeBetweenLayers': '18',
  'elk.layered.spacing.edgeNodeBetweenLayers': '12',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '10',
  'elk.spacing.nodeNode': '12',
  'elk.spacing.edgeNode': '9',
  'elk.spacing.edgeEdge': '8',
};

/** Which of these is best differs from machine to machine, so that all are tried and the easiest to read is taken. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'elk.layered.nodePlacement.strategy': ['LINEAR_SEGMENTS', 'NETWORK_SIMPLEX'],
  'elk.randomSeed': ['1', '2', '3', '5', '6', '7'],
};

const PEER = {
  name: 'elkjs',
  neededBy: 'a picture with arrows',
  install: 'npm install --save-dev elkjs@0.12',
};

/** How many borders an arrow may cross. What leads further is a row in its box: few at first, if the picture gets too wide more. */
const REACHES = [Number.POSITIVE_INFINITY, 3, 2, 1];

/** The easiest to read of all variants: seconds of work for a machine of fifty states. */
export async function bestLayout(description: MachineDescription): Promise<Picture> {
  let best: Picture | undefined;
  for (const reach of REACHES) {
    for await (const picture of layouts(description, reach)) {
      if (!best || effort(picture) < effort(best)) best = picture;
    }
    if (best && best.width <= READABLE_WIDTH) break;
  }
  if (!best) throw new Error(`no layout for machine ${description.machine}`);
  return best;
}

/** The first variant that works: for who draws while a device is running, in the same process. */
export async function quickLayout(description: MachineDescription): Promise<Picture | undefined> {
  for await (const picture of layouts(description, QUICK_REACH)) return picture;
  return undefined;
}

const QUICK_REACH = 3;

async function* layouts(description: MachineDescription, reach: number): AsyncGenerator<Picture> {
  const elk = await loadElk();
  for (const variant of combinations(VARIANTS)) {
    try {
      yield await place(elk, description, reach, { ...LAYERED, ...variant });
    } catch {
      // ELK's strategies have bugs of their own on some graphs; one that works is enough.
    }
  }
}

async function loadElk(): Promise<ELK> {
  const { default: elk } = await loadOptionalPeer(PEER, () => import('elkjs/lib/elk.bundled.js'));
  return new elk.default();
}

function combinations(variants: typeof VARIANTS): LayoutOptions[] {
  return Object.entries(variants).reduce<LayoutOptions[]>(
    (found, [name, values]) =>
      found.flatMap((options) => values.map((value) => ({ ...options, [name]: value }))),
    [{}],
  );
}

/** What it costs the eye: arrows to follow, corners, crossings, names to look up, width that shrinks the text. */
function effort({ width, edges, boxes }: Picture): number {
  const names = boxes.flatMap(({ rows }) => rows.filter(({ text }) => text.includes('→ ')));
  const segments = edges.flatMap(({ points }, edge) =>
    points.slice(1).map((to, index) => ({ edge, from: points[index] ?? to, to })),
  );
  const length = segments.reduce(
    (sum, { from, to }) => sum + Math.abs(from.x - to.x) + Math.abs(from.y - to.y),
    0,
  );
  const crossings = segments.flatMap((one, at) =>
    segments.slice(at + 1).filter((other) => cross(one, other)),
  );
  return (
    length +
    30 * segments.length +
    500 * crossings.length +
    600 * names.length +
    30 * Math.max(0, width - READABLE_WIDTH)
  );
}

interface Segment {
  readonly edge: number;
  readonly from: Point;
  readonly to: Point;
}

function cross(one: Segment, other: Segment): boolean {
  const isHorizontal = ({ from, to }: Segment) => from.y === to.y;
  if (one.edge === other.edge || isHorizontal(one) === isHorizontal(other)) return false;
  const [horizontal, vertical] = isHorizontal(one) ? [one, other] : [other, one];
  const between = (value: number, a: number, b: number) => value > Math.min(a, b) && value < Math.max(a, b);
  return (
    between(vertical.from.x, horizontal.from.x, horizontal.to.x) &&
    between(horizontal.from.y, vertical.from.y, vertical.to.y)
  );
}

async function place(
  elk: ELK,
  description: MachineDescription,
  reach: number,
  options: LayoutOptions,
): Promise<Picture> {
  const lines: Line[] = [...initialLines(description), ...linesOf(description, reach)];
  const result = await elk.layout(toElk(description, reach, lines, options));
  const nodes = allNodes(result);
  const edges = new Map((result.edges ?? []).map((edge) => [edge.id, edge]));
  const dots = [...nodes.values()].filter(({ id }) => id.endsWith(INITIAL)).map(rectangle);
  const boxes = description.states.map((state) =>
    toBox(state, description, reach, rectangle(nodes.get(state.id))),
  );
  return {
    machine: description.machine,
    width: Math.ceil(result.width ?? 0),
    height: Math.ceil(result.height ?? 0),
    boxes,
    dots: dots.map(({ x, y }) => ({ x: x + SIZE.dot / 2, y: y + SIZE.dot / 2 })),
    edges: lines.map((line) => straighten(trim(toEdge(line, edges.get(line.id)), boxes), boxes)),
  };
}

const INITIAL = '(initial)';

function initialLines({ states }: MachineDescription): Line[] {
  return states.flatMap(({ id, initial }) =>
    initial === null
      ? []
      : [{ id: id + INITIAL, from: id + INITIAL, to: initial, kind: 'initial', transitions: [], rows: [] }],
  );
}

function toElk(
  description: MachineDescription,
  reach: number,
  lines: readonly Line[],
  options: LayoutOptions,
): ElkNode {
  const [root] = description.states;
  if (!root) throw new Error(`machine ${description.machine} has no states`);
  const toNode = (state: StateDescription): ElkNode => {
    const { width, height } = headerSize(state, rowsOf(state, description, reach));
    const children = description.states.filter(({ parent }) => parent === state.id).map(toNode);
    if (children.length === 0) return { id: state.id, width, height };
    const start = { id: state.id + INITIAL, width: SIZE.dot, height: SIZE.dot };
    return {
      id: state.id,
      layoutOptions: {
        ...options,
        'elk.padding': `[top=${height + 8},left=14,bottom=14,right=14]`,
        'elk.nodeSize.constraints': 'MINIMUM_SIZE',
        // Height before width: in nested nodes ELK takes them so when it lays out downwards.
        'elk.nodeSize.minimum': `(${height},${width})`,
      },
      children: state.initial === null ? children : [start, ...children],
    };
  };
  return {
    id: '(picture)',
    layoutOptions: { ...options, 'elk.padding': '[top=12,left=12,bottom=12,right=12]' },
    children: [toNode(root)],
    edges: [...lines.map(toElkEdge), ...stacks(description, lines)],
  };
}

/**
 * What no arrow touches would stand at the top, side by side: edges that are not drawn put leaves into columns, and a box with
 * children below the one before it.
 */
function stacks({ states }: MachineDescription, lines: readonly Line[]): ElkExtendedEdge[] {
  const ends = new Set(lines.flatMap(({ from, to, kind }) => (kind === 'initial' ? [to] : [from, to])));
  const isLeaf = ({ id }: StateDescription) => states.every(({ parent }) => parent !== id);
  const below = (above: StateDescription | undefined, { id }: StateDescription) =>
    above ? [{ id: `${above.id} above ${id}`, sources: [above.id], targets: [id] }] : [];
  return states
    .filter(({ type }) => type === 'compound')
    .flatMap((state) => {
      const children = states.filter(({ parent }) => parent === state.id);
      const loose = children.filter(({ id }) => !ends.has(id));
      const leaves = loose.filter(isLeaf);
      return loose.flatMap((child) =>
        below(
          isLeaf(child) ? leaves[leaves.indexOf(child) - COLUMNS] : children[children.indexOf(child) - 1],
          child,
        ),
      );
    });
}

const COLUMNS = 3;

function toElkEdge({ id, from, to, rows }: Line): ElkExtendedEdge {
  const edge = { id, sources: [from], targets: [to] };
  if (rows.length === 0) return edge;
  const layoutOptions = { 'elk.edgeLabels.inline': 'true', 'elk.edgeLabels.placement': 'CENTER' };
  return { ...edge, labels: [{ text: id, ...labelSize(rows), layoutOptions }] };
}

function toEdge({ from, to, kind, transitions, rows }: Line, placed: ElkExtendedEdge | undefined): Edge {
  const section = placed?.sections?.[0];
  if (!placed || !section) throw new Error(`no way from ${from} to ${to}`);
  const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
  const label = placed.labels?.[0];
  return {
    from,
    to,
    kind,
    transitions,
    points: points.map(({ x, y }) => ({ x: round(x), y: round(y) })),
    label: label && { ...rectangle(label), rows },
  };
}

/** Between a state and one of those inside it an arrow runs from, or to, the end of the header, not through its text. */
function trim(edge: Edge, boxes: readonly Box[]): Edge {
  const points = [...edge.points];
  const shorten = (id: string, end: number, next: number) => {
    const box = boxes.find((candidate) => candidate.id === id);
    const point = points.at(end);
    const inside = points.at(next);
    if (!box || !point || !inside || point.y !== box.y || inside.x !== point.x) return;
    const y = headerEnd(box);
    if (inside.y > y) points.splice(end, 1, { x: point.x, y });
  };
  shorten(edge.from, 0, 1);
  shorten(edge.to, -1, -2);
  return { ...edge, points };
}

/** ELK leaves a step of a few pixels where an arrow could go straight down; the tip moves, if it stays on its box. */
function straighten(edge: Edge, boxes: readonly Box[]): Edge {
  const [tip, corner, step, ...before] = edge.points.toReversed();
  const box = boxes.find(({ id }) => id === edge.to);
  if (!tip || !corner || !step || !box || before.length === 0) return edge;
  const isSmallStep = corner.x === tip.x && step.y === corner.y && Math.abs(step.x - corner.x) <= SMALL_STEP;
  const staysOnBox = step.x > box.x + CORNER && step.x < box.x + box.width - CORNER;
  if (!isSmallStep || !staysOnBox) return edge;
  return { ...edge, points: [...before.toReversed(), { x: step.x, y: tip.y }] };
}

const SMALL_STEP = 6;
const CORNER = 9;

function allNodes(node: ElkNode): Map<string, ElkNode> {
  const below = (node.children ?? []).flatMap((child) => [...allNodes(child)]);
  return new Map([[node.id, node], ...below]);
}

function rectangle(shape: Partial<Rectangle> | undefined): Rectangle {
  const { x = 0, y = 0, width = 0, height = 0 } = shape ?? {};
  return { x: round(x), y: round(y), width: round(width), height: round(height) };
}

function round(value: number): number {
  return Math.round(value * 2) / 2;
}
