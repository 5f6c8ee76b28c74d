// @ts-check

/**
 * @typedef {object} Panel
 * @property {string} title what it shows, with its unit
 * @property {readonly { name: string, points: readonly (readonly [x: number, y: number])[] }[]} lines at most two
 */

const WIDTH = 960;
const LEFT = 64;
const RIGHT = 16;
const TOP = 56;
const PANEL = 120;
const GAP = 36;
const AXIS = 48;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;

const STYLE = `
  svg { background: #fff; font: 12px system-ui, sans-serif; }
  text { fill: #1b1f24; } .quiet { fill: #57606a; }
  .grid { stroke: #d0d7de; } .fault { stroke: #bc4c00; opacity: .5; }
  .line { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
  .a { stroke: #0550ae; } .b { stroke: #8250df; stroke-dasharray: 5 3; }
  text.a { fill: #0550ae; stroke: none; } text.b { fill: #8250df; stroke: none; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #9198a1; }
    .grid { stroke: #30363d; } .fault { stroke: #ffa657; }
    .a { stroke: #79c0ff; } .b { stroke: #d2a8ff; }
    text.a { fill: #79c0ff; } text.b { fill: #d2a8ff; }
  }`;

/**
 * Panels below each other over the same seconds, with a mark through all of them for each fault.
 *
 * @param {string} title
 * @param {number} seconds
 * @param {readonly Panel[]} panels
 * @param {readonly { at: number, name: string }[]} faults
 * @param {string} [meaning] of the marks
 */
export function plot(title, seconds, panels, faults, meaning = `a fault begins (${faults.length})`) {
  const height = TOP + panels.length * (PANEL + GAP) + AXIS - GAP;
  const bottom = height - AXIS;
  const x = (/** @type {number} */ at) => (LEFT + (at / seconds) * PLOT_WIDTH).toFixed(1);
  const marks = faults.map(
    ({ at, name }) =>
      `<line class="fault" x1="${x(at)}" x2="${x(at)}" y1="${TOP - 8}" y2="${bottom}"><title>${at.toFixed(1)} s: ${name}</title></line>`,
  );
  const times = ticks(seconds, 8).map(
    (at) => `<text class="quiet" x="${x(at)}" y="${bottom + 18}" text-anchor="middle">${at}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${title}</title><style>${STYLE}</style>`,
    `<text x="${LEFT}" y="20" font-weight="600">${title}</text>`,
    ...marks,
    ...panels.map((panel, index) => panelText(panel, TOP + index * (PANEL + GAP), x)),
    ...times,
    `<text class="quiet" x="${WIDTH - RIGHT}" y="${bottom + 38}" text-anchor="end">seconds since the start</text>`,
    `<line class="fault" x1="${LEFT}" x2="${LEFT}" y1="${bottom + 27}" y2="${bottom + 41}"/>`,
    `<text class="quiet" x="${LEFT + 8}" y="${bottom + 38}">${meaning}</text>`,
    '</svg>\n',
  ].join('\n');
}

/** @param {Panel} panel @param {number} top @param {(at: number) => string} x */
function panelText({ title, lines }, top, x) {
  const highest = Math.max(1, ...lines.flatMap(({ points }) => points.map(([, value]) => value)));
  const y = (/** @type {number} */ value) => (top + PANEL - (value / highest) * PANEL).toFixed(1);
  const grid = ticks(highest, 3).flatMap((value) => [
    `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>`,
    `<text class="quiet" x="${LEFT - 8}" y="${y(value)}" dy=".35em" text-anchor="end">${value}</text>`,
  ]);
  const drawn = lines.map(({ name, points }, index) => {
    const kind = index === 0 ? 'a' : 'b';
    const path = points.map(([at, value]) => `${x(at)},${y(value)}`).join(' ');
    const label = `<text class="${kind}" x="${WIDTH - RIGHT - index * 150}" y="${top - 8}" text-anchor="end">${name}</text>`;
    return `<polyline class="line ${kind}" points="${path}"/>${lines.length > 1 ? label : ''}`;
  });
  return [...grid, `<text x="${LEFT}" y="${top - 8}">${title}</text>`, ...drawn].join('\n');
}

/**
 * Round numbers from 0 to the highest, about as many as asked for.
 *
 * @param {number} highest
 * @param {number} count
 */
function ticks(highest, count) {
  const rough = highest / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  return Array.from({ length: Math.floor(highest / step) + 1 }, (_, index) =>
    Number((index * step).toFixed(6)),
  );
}
