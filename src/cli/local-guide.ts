import type { LocalIotCore } from '../local/index.ts';
import type { DeviceFiles } from './local-files.ts';
import type { LocalTarget } from './local-options.ts';
import { type ConnectionFacts, WAYS } from './local-ways.ts';
import type { Terminal } from './terminal.ts';

const NAME_WIDTH = 14;

/** Says where the core is, and how to connect to it with whatever the user has at hand. */
export function printGuide(
  terminal: Terminal,
  core: LocalIotCore,
  { target, files }: { readonly target: LocalTarget; readonly files: DeviceFiles },
): void {
  const { endpoint: host, port, httpUrl } = core;
  const facts: ConnectionFacts = { thing: target.thing, host, port, httpUrl, files };
  terminal.line();
  terminal.line(
    `  ${terminal.style('bold', 'A local AWS IoT Core')}, for this computer only. Ctrl-C ends it.`,
  );
  for (const { title, note, text } of WAYS) {
    printHeading(terminal, title, note);
    // At the left edge: what is copied runs as it is, in Python too.
    terminal.line(text(facts));
  }
  // Last, so that a small screen shows it together with the log.
  printHeading(terminal, 'Places', 'where it listens, and its files');
  printPlaces(terminal, core, { target, files });
  printHeading(terminal, 'Log', 'who comes and goes, and what AWS would refuse');
}

/** A rule across the screen: without colours, too, it shows where a text to copy begins. */
function printHeading(terminal: Terminal, title: string, note: string): void {
  const rest = '─'.repeat(Math.max(terminal.width - `── ${title} · ${note} `.length, 2));
  const cells = [
    terminal.style('dim', '──'),
    terminal.style(['bold', 'cyan'], title),
    terminal.style('dim', `· ${note} ${rest}`),
  ];
  terminal.line();
  terminal.line(cells.join(' '));
}

function printPlaces(
  terminal: Terminal,
  core: LocalIotCore,
  { target: { directory, thing }, files }: { readonly target: LocalTarget; readonly files: DeviceFiles },
): void {
  const { endpoint, port, webSocketPort, httpUrl, cognito } = core;
  const row = (name: string, text: string): void =>
    terminal.line(`${terminal.style('bold', name.padEnd(NAME_WIDTH))}${text}`);
  row('MQTT', `${endpoint}:${port}, with a certificate`);
  row('WebSocket', `${endpoint}:${webSocketPort}, signed with AWS keys of its Cognito`);
  row('Cognito', `${cognito.endpoint}, region ${cognito.region},`);
  row('', `identity pool ${cognito.identityPoolId}`);
  row('Shadows', `${httpUrl}/things/${thing}/shadow`);
  row('CA', files.ca);
  row('Certificate', files.cert);
  row('Key', files.key);
  row('Kept', directory ?? 'nothing; --directory <path> would keep certificates and shadows');
}
