import type { MachineDescription, StateDescription } from './describe.ts';
import { type Box, headerSize, type Picture, rowsOf, SIZE, toBox } from './picture.ts';

/** No arrow may cross even a single border: every transition is a row in its box. */
const NO_ARROWS = -1;
const GAP = 12;
const MARGIN = 12;

/** The picture of who has no `elkjs`: boxes in boxes, one below the other, and where they lead as text. */
export function plainLayout(description: MachineDescription): Picture {
  const [root] = description.states;
  if (!root) throw new Error(`machine ${description.machine} has no states`);
  const { boxes, width, height } = stack(root, description, MARGIN, MARGIN);
  const sized = { width: width + 2 * MARGIN, height: height + 2 * MARGIN };
  return { machine: description.machine, ...sized, boxes, dots: [], edges: [] };
}

interface Stack {
  readonly boxes: readonly Box[];
  readonly width: number;
  readonly height: number;
}

function stack(state: StateDescription, description: MachineDescription, x: number, y: number): Stack {
  const header = headerSize(state, rowsOf(state, description, NO_ARROWS));
  const children = description.states.filter(({ parent }) => parent === state.id);
  let bottom = y + header.height + (children.length === 0 ? 0 : SIZE.padding);
  let width = header.width;
  const inside = children.flatMap((child) => {
    const below = stack(child, description, x + GAP, bottom);
    bottom += below.height + GAP;
    width = Math.max(width, below.width + 2 * GAP);
    return below.boxes;
  });
  const size = { width, height: bottom - y };
  return { boxes: [toBox(state, description, NO_ARROWS, { x, y, ...size }), ...inside], ...size };
}
