// `aws-iot-machines local` as its users have it: what it printed is read as they would copy it.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import mqtt, { type MqttClient } from 'mqtt';
import { afterEach } from 'vitest';
import { type Program, startProgram } from '../support/run-program.ts';

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A folder that stands in for the system's one for temporary files, so that what is left there can be seen. */
export async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cli-'));
  cleanUps.push(() => rm(folder, { recursive: true }));
  return folder;
}

export interface RunningCore {
  readonly program: Program;
  /** What was printed below this heading so far. */
  section(title: string): string;
  /** What `Places` says under this name. */
  place(name: string): string;
  readonly temporary: string;
}

/** Starts it, on any free ports unless the flags say otherwise, and waits until it has printed how to connect. */
export async function startLocal(
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningCore> {
  const temporary = await emptyFolder();
  const ports = flags.includes('--port') ? [] : ['--port', '0'];
  const program = startProgram('dist/cli/main.js', ['local', ...ports, ...flags], {
    TMPDIR: temporary,
    ...env,
  });
  cleanUps.push(() => {
    program.kill('SIGKILL');
    return program.end;
  });
  const shown = await program.shows('── Log ·');
  const section = (title: string): string => sectionOf(shown, title);
  const place = (name: string): string =>
    new RegExp(`^${name} +(.*)$`, 'm').exec(section('Places'))?.[1] ?? '';
  return { program, section, place, temporary };
}

function sectionOf(shown: string, title: string): string {
  const [, below = ''] = shown.split(`── ${title} · `);
  const [text = ''] = below.slice(below.indexOf('\n') + 1).split('\n── ');
  return text.trim();
}

/** What a shell gives to a command of this name, call by call, when a text is pasted. */
export async function shellCalls(text: string, command: string): Promise<string[][]> {
  const stub = `${command}() { printf '%s\\036' "$@"; printf '\\035'; }`;
  const { stdout } = await promisify(execFile)('sh', ['-c', `${stub}\n${text}`]);
  return stdout
    .split('\x1d')
    .slice(0, -1)
    .map((call) => call.split('\x1e').slice(0, -1));
}

/** What follows a flag. */
export function flag(parameters: readonly string[], name: string): string {
  return parameters[parameters.indexOf(name) + 1] ?? '';
}

/** Connects as mosquitto's clients would with these parameters. */
export async function connectAs(parameters: readonly string[]): Promise<MqttClient> {
  const [ca, cert, key] = await Promise.all(
    ['--cafile', '--cert', '--key'].map((name) => readFile(flag(parameters, name))),
  );
  const client = await mqtt.connectAsync({
    ...{ protocol: 'mqtts', host: flag(parameters, '-h'), port: Number(flag(parameters, '-p')) },
    ...{ ca, cert, key, clientId: flag(parameters, '-i'), protocolVersion: 4, reconnectPeriod: 0 },
  } as mqtt.IClientOptions);
  cleanUps.push(() => client.endAsync(true));
  return client;
}

/** Asks for JSON, and keeps no connection open. */
export function ask(url: string, method: string, body = ''): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, agent: false }, (response) => {
      json(response).then((answer) => resolve(answer as Record<string, unknown>), reject);
    });
    request.on('error', reject).end(body);
  });
}
