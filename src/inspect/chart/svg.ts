import {
  AGAIN,
  type Box,
  type Edge,
  headerEnd,
  indentOf,
  type Picture,
  type Point,
  type Row,
  SIZE,
  tagWidth,
  titleWidth,
} from './picture.ts';
import { CHART_STYLE } from './style.ts';
import { textWidth } from './text.ts';

/** @param note a line below the picture */
export function toSvg(picture: Picture, note = ''): string {
  const legend = drawLegend(picture);
  const width = Math.max(legend.width, 2 * LEGEND.margin + textWidth(note, SIZE.text));
  const noteBaseline = picture.height + legend.height + 8;
  const height = note === '' ? picture.height + legend.height : noteBaseline + 14;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" class="chart" role="img">`,
    `<title>${escapeXml(picture.machine)}: states and transitions</title>`,
    `<style>${CHART_STYLE}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    ...picture.boxes.map(drawBox),
    ...picture.edges.map(drawEdge),
    ...picture.boxes.map(drawBoxText),
    ...picture.dots.map(({ x, y }) => `<circle class="dot" cx="${x}" cy="${y}" r="${SIZE.dot / 2}"/>`),
    ...picture.edges.map(drawPill),
    legend.svg,
    note === ''
      ? ''
      : `<text class="note" x="${LEGEND.margin}" y="${noteBaseline}">${escapeXml(note)}</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function drawBox({ x, y, width, height, type, rows, ...box }: Box): string {
  const double = { x: x + 4, y: y + 4, width: width - 8, height: height - 8 };
  const rule = headerEnd({ y, rows });
  return [
    `<g class="${boxClass(box)}" data-state="${escapeXml(box.id)}">`,
    `<rect ${at({ x, y, width, height })} rx="9"/>`,
    type === 'final' ? `<rect ${at(double)} rx="6"/>` : '',
    type === 'compound' || type === 'parallel'
      ? `<line class="rule" x1="${x}" y1="${rule}" x2="${x + width}" y2="${rule}"/>`
      : '',
    '</g>',
  ].join('');
}

/** Painted after the edges, with a rim in the colour of the box: an edge that enters from above does not cross it out. */
function drawBoxText({ x, y, title, tags, rows, ...box }: Box): string {
  const left = x + SIZE.padding;
  const baseline = y + SIZE.titleLine;
  return [
    `<g class="${boxClass(box)}">`,
    `<text class="title" x="${left}" y="${baseline}">${escapeXml(title)}</text>`,
    drawTags(tags, left + titleWidth(title) + 8, baseline),
    drawRows(rows, left, baseline + SIZE.line),
    '</g>',
  ].join('');
}

function boxClass({ depth, isRegion }: Pick<Box, 'depth' | 'isRegion'>): string {
  return ['state', depth % 2 === 1 ? 'odd' : '', isRegion ? 'region' : ''].filter(Boolean).join(' ');
}

function at({ x, y, width, height }: Pick<Box, 'x' | 'y' | 'width' | 'height'>): string {
  return `x="${x}" y="${y}" width="${width}" height="${height}"`;
}

function drawTags(tags: readonly string[], x: number, baseline: number): string {
  let left = x;
  const drawn = tags.map((tag) => {
    const width = tagWidth(tag);
    const svg =
      `<g class="tag"><rect x="${left}" y="${baseline - 12}" width="${width}" height="16" rx="8"/>` +
      `<text class="muted" x="${left + width / 2}" y="${baseline}" text-anchor="middle">${escapeXml(tag)}</text></g>`;
    left += width + 6;
    return svg;
  });
  return drawn.join('');
}

/** The lines of a transition are one group: it is shown once, however long it is. */
function drawRows(rows: readonly Row[], left: number, top: number): string {
  return rows
    .map((row, index) => {
      const { transition } = row;
      const text = drawRow(row, left, top + index * SIZE.line);
      if (transition === null) return text;
      const begins = rows[index - 1]?.transition !== transition;
      const ends = rows[index + 1]?.transition !== transition;
      return `${begins ? `<g data-transition="${escapeXml(transition)}">` : ''}${text}${ends ? '</g>' : ''}`;
    })
    .join('');
}

function drawRow(row: Row, left: number, y: number): string {
  const { head, text, kind } = row;
  const x = left + indentOf(row);
  const first =
    head === '' ? '' : `<tspan class="${kind}">${escapeXml(head)}</tspan>${text === '' ? '' : ' '}`;
  const rest = text === '' ? '' : `<tspan class="muted">${escapeXml(text)}</tspan>`;
  return `<text x="${x}" y="${y}">${first}${rest}</text>`;
}

function drawEdge({ from, to, kind, transitions, points }: Edge): string {
  const data = Object.entries({ from, to, transitions: transitions.join(' ') })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ` data-${name}="${escapeXml(value)}"`);
  return `<g class="edge ${kind}"${data.join('')}><path d="${roundedPath(points)}"/>${arrowHead(points)}</g>`;
}

function drawPill({ kind, label }: Edge): string {
  if (!label) return '';
  const { x, y, width, height, rows } = label;
  const texts = drawRows(rows, x + SIZE.pill, y + 2 + 0.75 * SIZE.line);
  return `<g class="pill ${kind}"><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>${texts}</g>`;
}

const CORNER = 6;

/** A line through the points whose corners are round. */
function roundedPath(points: readonly Point[]): string {
  const [start, ...rest] = points;
  if (!start) return '';
  const parts = [`M${start.x} ${start.y}`];
  rest.forEach((point, index) => {
    const before = index === 0 ? start : rest[index - 1];
    const after = rest[index + 1];
    if (!before || !after) {
      parts.push(`L${point.x} ${point.y}`);
      return;
    }
    const radius = Math.min(CORNER, distance(before, point) / 2, distance(point, after) / 2);
    const into = towards(point, before, radius);
    const outOf = towards(point, after, radius);
    parts.push(`L${into.x} ${into.y}Q${point.x} ${point.y} ${outOf.x} ${outOf.y}`);
  });
  return parts.join('');
}

function arrowHead(points: readonly Point[]): string {
  const tip = points.at(-1);
  const before = points.at(-2);
  if (!tip || !before) return '';
  const base = towards(tip, before, 8);
  const sideways = {
    x: ((tip.y - before.y) * 4) / distance(tip, before),
    y: ((tip.x - before.x) * 4) / distance(tip, before),
  };
  const corner = (sign: number) => `${base.x + sign * sideways.x},${base.y - sign * sideways.y}`;
  return `<polygon points="${tip.x},${tip.y} ${corner(1)} ${corner(-1)}"/>`;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y) || 1;
}

function towards(from: Point, to: Point, length: number): Point {
  const share = length / distance(from, to);
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

/** The signs that this picture uses and that do not explain themselves. */
function drawLegend({ boxes, edges, width, height }: Picture): {
  svg: string;
  width: number;
  height: number;
} {
  const kinds = new Set(
    edges.flatMap(({ kind, label }) => [kind, ...(label?.rows ?? []).map((row) => row.kind)]),
  );
  const line = (kind: string) =>
    `<g class="edge ${kind}"><path d="M0 8H26"/><polygon points="30,8 22,4 22,12"/></g>`;
  const box = (shape: string) =>
    `<g class="state ${shape}"><rect x="0.5" y="1" width="26" height="14" rx="4"/></g>`;
  const inner = '<g class="state"><rect x="3.5" y="4" width="20" height="8" rx="2"/></g>';
  const signs = [
    {
      used: kinds.has('initial'),
      sign: `<circle class="dot" cx="20" cy="8" r="${SIZE.dot / 2}"/>`,
      text: 'starts here',
    },
    { used: kinds.has('delayed'), sign: line('delayed'), text: 'after a delay' },
    { used: kinds.has('error'), sign: line('error'), text: 'an actor failed' },
    {
      used: boxes.some(({ rows }) => rows.some(({ head }) => head.startsWith(AGAIN))),
      sign: `<text x="19" y="12">${AGAIN}</text>`,
      text: 'enters again',
    },
    { used: boxes.some(({ isRegion }) => isRegion), sign: box('region'), text: 'at the same time' },
    { used: boxes.some(({ type }) => type === 'final'), sign: box('') + inner, text: 'final' },
  ];
  let x: number = LEGEND.margin;
  let y = height + 2;
  const drawn: string[] = [];
  for (const { sign, text } of signs.filter(({ used }) => used)) {
    const advance = 38 + textWidth(text, SIZE.text) + 18;
    if (x > LEGEND.margin && x + advance > Math.max(width, LEGEND.minimum)) {
      x = LEGEND.margin;
      y += 20;
    }
    const label = `<text class="muted" x="38" y="12">${text}</text>`;
    drawn.push(`<g transform="translate(${x} ${y})">${sign}${label}</g>`);
    x += advance;
  }
  return { svg: drawn.join('\n'), width: Math.max(width, LEGEND.minimum), height: y - height + 28 };
}

const LEGEND = { margin: 14, minimum: 300 } as const;

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
