import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalIotCore, startLocalIotCore } from '../../src/local/index.ts';
import { runProgram } from '../support/run-program.ts';

let core: LocalIotCore;
let folder: string;
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  core = await startLocalIotCore();
  folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-cli-'));
  const { ca, cert, key } = await core.deviceCredentials('lamp');
  const stranger = await startLocalIotCore();
  await stranger.stop();
  const files = { ca, cert, key, 'other-ca': stranger.ca };
  for (const [name, text] of Object.entries(files)) await writeFile(path(name), text, { mode: 0o600 });
});

afterAll(async () => {
  await core.stop();
  await rm(folder, { recursive: true });
});

function demo(changed: Record<string, string> = {}) {
  const flags = {
    endpoint: core.endpoint,
    port: String(core.port),
    ca: path('ca'),
    cert: path('cert'),
    key: path('key'),
    ...changed,
  };
  return runProgram(
    'dist/cli/main.js',
    ['demo', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])],
    { IOT_CLIENT_ID: 'lamp' },
  );
}

test('runs against an endpoint of the user, and nothing cuts its line', async () => {
  const { exitCode, stdout, stderr } = await demo({ topic: 'here/and/back' });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^ {2}received +10 /m);
  expect(stdout).not.toContain('backingOff');
  const published = core.received.filter(({ topic }) => topic === 'here/and/back');
  expect(published.map(({ clientId }) => clientId)).toEqual(Array(10).fill('lamp'));
});

test.each([
  [{ cert: 'missing.pem' }, 'CREDENTIAL_UNREADABLE', 'Check that the file exists'],
  [{ key: 'missing.pem' }, 'CREDENTIAL_UNREADABLE', 'missing.pem'],
  [{ ca: 'other-ca' }, 'SERVER_CERTIFICATE_UNTRUSTED', 'Set `ca` to the certificate of the authority'],
  [{ key: 'ca' }, 'CREDENTIAL_UNREADABLE', 'key'],
])('%j is one line with its code and what to do', async (wrong, code, hint) => {
  const [[field, file]] = Object.entries(wrong) as [[string, string]];
  const { exitCode, stderr } = await demo({ [field]: path(file) });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(new RegExp(`^error: ${code}: [^\\n]*\\n$`));
  expect(stderr).toContain(hint);
});
