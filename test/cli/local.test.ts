import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { startProgram } from '../support/run-program.ts';
import {
  ask,
  connectAs,
  emptyFolder,
  flag,
  type RunningCore,
  shellCalls,
  startLocal,
} from './local-program.ts';

const MAIN = 'dist/cli/main.js';

const mosquitto = async (
  core: RunningCore,
  command: 'mosquitto_sub' | 'mosquitto_pub',
): Promise<string[]> => {
  const other = command === 'mosquitto_sub' ? 'mosquitto_pub' : 'mosquitto_sub';
  const [call = []] = await shellCalls(`${other}() { :; }\n${core.section('mosquitto')}`, command);
  return call;
};

/** The paths of the three files, as the commands for mosquitto name them. */
async function filesOf(core: RunningCore) {
  const call = await mosquitto(core, 'mosquitto_pub');
  return { ca: flag(call, '--cafile'), cert: flag(call, '--cert'), key: flag(call, '--key') };
}

async function endedBy(core: RunningCore, signal: NodeJS.Signals) {
  core.program.kill(signal);
  return core.program.end;
}

describe('what it prints works as it stands', () => {
  test('for this package', async () => {
    const core = await startLocal();
    await writeFile(join(inject('builtPackage'), 'local-device.mjs'), core.section('aws-iot-machines'));
    const device = startProgram('local-device.mjs', []);
    await device.shows('plants/basil dry\n');
    await core.program.shows('→ kitchen-lamp connects\n');
    device.kill('SIGTERM');
    expect((await device.end).stderr).toBe('');
  });

  test('for mosquitto and curl', async () => {
    const core = await startLocal(['--thing', 'green:house-1']);
    const [sub, pub] = await Promise.all(
      (['mosquitto_sub', 'mosquitto_pub'] as const).map((command) => mosquitto(core, command)),
    );
    expect(sub).toEqual(expect.arrayContaining(['-t', 'plants/+', '-V', 'mqttv311']));
    const reader = await connectAs(sub ?? []);
    await reader.subscribeAsync(flag(sub ?? [], '-t'), { qos: 1 });
    const arrived = new Promise((resolve) => {
      reader.once('message', (topic, payload) => resolve([topic, payload.toString()]));
    });
    const writer = await connectAs(pub ?? []);
    await writer.publishAsync(flag(pub ?? [], '-t'), flag(pub ?? [], '-m'), { qos: 1 });
    expect(await arrived).toEqual(['plants/basil', 'dry']);

    expect(await pasteCurl(core)).toEqual([
      { state: { desired: { light: 'on' } }, version: 1 },
      { state: { desired: { light: 'on' }, delta: { light: 'on' } }, version: 1 },
      { version: 1 },
    ]);
  });

  test('is plain text in a pipe, none wider than 80 columns', async () => {
    const core = await startLocal([], { FORCE_COLOR: '' });
    const { stdout } = await endedBy(core, 'SIGTERM');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    // The folder of the tests may have any name.
    const rows = stdout.replaceAll(core.temporary, '/tmp').split('\n');
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(80);
  });
});

/** The answers to the requests, in order, without what differs from run to run. */
async function pasteCurl(core: RunningCore): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const call of await shellCalls(core.section('curl'), 'curl')) {
    const [url = ''] = call;
    const body = call.includes('-d') ? flag(call, '-d') : undefined;
    const method = body === undefined ? (call.includes('-X') ? flag(call, '-X') : 'GET') : 'POST';
    const { state, version } = await ask(url, method, body);
    answers.push(state === undefined ? { version } : { state, version });
  }
  return answers;
}

describe('sec:S-20 certificates that are not to be kept', () => {
  test('are for their own user only', async () => {
    const core = await startLocal();
    const { ca, cert, key } = await filesOf(core);
    const modes = await Promise.all(
      [dirname(key), ca, cert, key].map(async (path) => ((await stat(path)).mode & 0o777).toString(8)),
    );
    expect(modes).toEqual(['700', '600', '600', '600']);
    expect(dirname(dirname(key))).toBe(core.temporary);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('are removed at %s, which is a good end', async (signal) => {
    const core = await startLocal();
    expect(await readdir(core.temporary)).toHaveLength(1);
    const { exitCode, stdout, stderr } = await endedBy(core, signal);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain(`${signal}: closing`);
    expect(await readdir(core.temporary)).toEqual([]);
  });

  test('are removed when nobody reads any more', async () => {
    const core = await startLocal();
    const call = await mosquitto(core, 'mosquitto_pub');
    core.program.stopReading();
    await connectAs(call);
    expect(await core.program.end).toMatchObject({ exitCode: 141, stderr: '' });
    expect(await readdir(core.temporary)).toEqual([]);
  });
});

test('with a directory the next one has the same authority, devices and shadows, and keeps its keys closed', async () => {
  const directory = join(await emptyFolder(), 'kept');
  const first = await startLocal(['--directory', directory]);
  const files = await filesOf(first);
  const read = () => Promise.all(Object.values(files).map((path) => readFile(path, 'utf8')));
  const before = await read();
  const body = '{"state":{"reported":{"light":"off"}}}';
  await ask(first.place('Shadows'), 'POST', body);
  expect((await endedBy(first, 'SIGINT')).exitCode).toBe(0);
  expect(await readdir(first.temporary)).toEqual([]);

  const second = await startLocal(['--directory', directory]);
  expect(await filesOf(second)).toEqual(files);
  expect(await read()).toEqual(before);
  await connectAs(await mosquitto(second, 'mosquitto_pub'));
  expect(await ask(second.place('Shadows'), 'GET')).toMatchObject({
    state: { reported: { light: 'off' } },
    version: 1,
  });
  expect(((await stat(files.key)).mode & 0o777).toString(8)).toBe('600');
});

describe('the log', () => {
  const untimed = (text: string): string[] =>
    [...text.matchAll(/^\d\d:\d\d:\d\d {2}(.*)$/gm)].map(([, entry = '']) => entry);

  test('tells who comes and goes, and what AWS would refuse, a line each', async () => {
    const core = await startLocal();
    const call = await mosquitto(core, 'mosquitto_pub');
    const writer = await connectAs(call);
    await writer.publishAsync('plants/basil', 'dry', { qos: 1 });
    writer.publish('$aws/nonsense', '');
    await core.program.shows('leaves');
    const reader = await connectAs(await mosquitto(core, 'mosquitto_sub'));
    await reader.endAsync();
    await core.program.shows('goodbye');
    expect(untimed((await endedBy(core, 'SIGINT')).stdout)).toEqual([
      '→ writer connects',
      expect.stringMatching(/^! client "writer" used a reserved topic .* "\$aws\/nonsense"/),
      '← writer leaves: the core closed its line',
      '→ reader connects',
      '← reader leaves: it said goodbye',
    ]);
  });

  test('with --quiet has nothing but the warnings, and nothing else is printed', async () => {
    const directory = await emptyFolder();
    const loud = await startLocal(['--directory', directory]);
    const call = await mosquitto(loud, 'mosquitto_pub');
    await endedBy(loud, 'SIGINT');
    const quiet = startProgram(MAIN, [
      'local',
      '--quiet',
      '--directory',
      directory,
      '--port',
      flag(call, '-p'),
    ]);
    const writer = await connectWhenThere(call);
    writer.publish('$aws/nonsense', '');
    await quiet.shows('$aws/nonsense');
    quiet.kill('SIGINT');
    const { exitCode, stdout, stderr } = await quiet.end;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d {2}! client "writer" used a reserved topic [^\n]*\n$/);
  });
});

/** It says nothing when it is ready. */
async function connectWhenThere(call: readonly string[]): ReturnType<typeof connectAs> {
  for (;;) {
    const isThere = await new Promise((resolve) => {
      const socket = net.connect(Number(flag(call, '-p')), '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isThere) return connectAs(call);
  }
}
