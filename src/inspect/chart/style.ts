import { SIZE } from './picture.ts';

/** Colours for light and for dark, by what they mean. The background is solid: a page behind may be either. */
export const CHART_STYLE = `
  .chart { --ground: #ffffff; --ink: #1f2328; --muted: #656d76; --line: #6e7781; --border: #afb8c1; --box: #f6f8fa;
    --nested: #ffffff; --pill: #ddf4ff; --pill-ink: #0a3069; --error: #cf222e; --error-pill: #ffebe9; --delay: #9a6700;
    --delay-pill: #fff8c5; --tag: #eaeef2; }
  @media (prefers-color-scheme: dark) {
    .chart { --ground: #0d1117; --ink: #e6edf3; --muted: #8b949e; --line: #7d8590; --border: #484f58; --box: #161b22;
      --nested: #0d1117; --pill: #12263f; --pill-ink: #a5d6ff; --error: #ff7b72; --error-pill: #3c1618; --delay: #d29922;
      --delay-pill: #2e2511; --tag: #30363d; }
  }
  .chart text { font: ${SIZE.text}px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
    fill: var(--ink); }
  .chart .ground { fill: var(--ground); }
  .chart .state > rect { fill: var(--nested); stroke: var(--border); stroke-width: 1.5; }
  .chart .odd > rect { fill: var(--box); }
  .chart .region > rect { stroke-dasharray: 6 4; }
  .chart .title { font-size: ${SIZE.title}px; font-weight: 600; }
  .chart .muted { fill: var(--muted); }
  .chart .rule { stroke: var(--border); }
  .chart .tag rect { fill: var(--tag); }
  .chart .dot { fill: var(--ink); }
  .chart .edge path { fill: none; stroke: var(--line); stroke-width: 1.4; }
  .chart .edge polygon { fill: var(--line); }
  .chart .delayed path { stroke: var(--delay); stroke-dasharray: 5 4; }
  .chart .delayed polygon { fill: var(--delay); }
  .chart .error path { stroke: var(--error); }
  .chart .error polygon { fill: var(--error); }
  .chart .pill rect { fill: var(--pill); }
  .chart .pill .plain { fill: var(--pill-ink); }
  .chart .pill.delayed rect { fill: var(--delay-pill); }
  .chart tspan.delayed { fill: var(--delay); }
  .chart .pill.error rect { fill: var(--error-pill); }
  .chart tspan.error { fill: var(--error); }
  .chart .state text { paint-order: stroke; stroke-width: 4px; stroke-linejoin: round; stroke: var(--nested); }
  .chart .odd text { stroke: var(--box); }
`;
