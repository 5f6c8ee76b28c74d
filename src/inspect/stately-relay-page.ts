/** Where the page gets its messages. */
export const RELAY_PAGE_FEED = '/feed';

interface RelayFile {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

const STYLE = `
html, body { margin: 0; height: 100%; font: 16px/1.5 system-ui, sans-serif; }
body { display: flex; flex-direction: column; }
iframe { flex: 1; border: 0; width: 100%; }
p { margin: 0; padding: 4px 12px; background: #20242c; color: #fff; }
`;

/**
 * The viewer says when it listens, also after it was loaded anew. Then the feed is opened anew, and begins with what a viewer must know.
 */
const SCRIPT = `
const frame = document.querySelector('iframe');
const state = document.querySelector('p');
const viewer = new URL(frame.dataset.viewer).origin;
let feed;

function listen() {
  feed?.close();
  const mine = new WebSocket('ws://' + location.host + '${RELAY_PAGE_FEED}');
  feed = mine;
  mine.onopen = () => {
    state.textContent = 'Connected to the program, and to the viewer at ' + viewer + '.';
  };
  mine.onmessage = ({ data }) => frame.contentWindow.postMessage(JSON.parse(data), viewer);
  mine.onclose = () => {
    if (mine !== feed) return;
    state.textContent = 'The program has ended, or was closed. Trying again.';
    setTimeout(() => mine === feed && listen(), 1000);
  };
}

addEventListener('message', ({ source, origin, data }) => {
  if (source !== frame.contentWindow || origin !== viewer) return;
  if (data?.type === '@statelyai.connected') listen();
});
// Not before: it says only once that it listens.
frame.src = frame.dataset.viewer;
`;

/** Another page may neither frame it nor read it, and it loads nothing but itself and the viewer. */
function headersOf(viewer: string): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    `frame-src ${new URL(viewer).origin}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return {
    'Content-Security-Policy': policy.join('; '),
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
  };
}

/** All that the relay serves, by path. */
export function relayFiles(viewer: string): ReadonlyMap<string, RelayFile> {
  const address = new URL(viewer).href.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Machines in Stately's viewer</title>
<link rel="stylesheet" href="/relay.css">
</head>
<body>
<p role="status">Waiting for the viewer.</p>
<iframe title="Stately's viewer" data-viewer="${address}"></iframe>
<script src="/relay.js"></script>
</body>
</html>
`;
  const common = headersOf(viewer);
  const file = (type: string, text: string): RelayFile => ({
    headers: { ...common, 'Content-Type': `${type}; charset=utf-8` },
    text,
  });
  return new Map([
    ['/', file('text/html', page)],
    ['/relay.css', file('text/css', STYLE)],
    ['/relay.js', file('text/javascript', SCRIPT)],
  ]);
}
