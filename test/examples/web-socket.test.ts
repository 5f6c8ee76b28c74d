// -w of the examples: MQTT over WebSocket, signed with AWS credentials.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LocalIotCore, startLocalIotCore } from '../../src/local/index.ts';
import { runProgram } from '../support/run-program.ts';

const BASIC = 'examples/basic-pub-sub/main.mjs';

/** As on a computer that nobody has set up for AWS, and without the service that EC2 has. */
let home: Readonly<Record<string, string>>;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-example-'));
  home = { HOME: folder, USERPROFILE: folder, AWS_EC2_METADATA_DISABLED: 'true' };
});
afterAll(() => rm(folder, { recursive: true }));

/** Makes a program tell of each upgrade that it asks for. */
const TELL = `import { subscribe } from 'node:diagnostics_channel';
subscribe('http.client.request.start', ({ request }) => console.log('asks for', request.path.split('?')[0]));`;

describe('-w --local needs no account', () => {
  let env: Readonly<Record<string, string>>;
  beforeAll(async () => {
    const tell = join(folder, 'tell.mjs');
    await writeFile(tell, TELL);
    env = { ...home, NODE_OPTIONS: `--import ${tell}` };
  });

  test.each<[string, string[], string]>([
    ['basic-pub-sub', ['--count', '1'], 'received {"message":"Hello World!","sequence":0} from sdk/test/js'],
    ['offline-queue', ['--per-second', '100'], 'pub_req5  delivered after'],
    ['durable-queue', [], ', lost 0, in order'],
    ['basic-shadow-updater', ['--count', '1'], 'accepted  {"property":0}  version 1'],
    ['thing-shadow-echo', ['--count', '1'], 'reported  {"color":"red"}  version 2'],
  ])('%s', async (example, more, expected) => {
    const parameters = ['--local', '-w', ...more];
    const { exitCode, stdout, stderr } = await runProgram(`examples/${example}/main.mjs`, parameters, env);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('asks for /mqtt\n');
    expect(stdout).toContain(expected);
  });
});

describe('the command line of the Python SDK, with keys of this computer', () => {
  let core: LocalIotCore;
  let flags: readonly string[];

  beforeAll(async () => {
    core = await startLocalIotCore({ onWarning: () => {} });
    const ca = join(folder, 'ca');
    await writeFile(ca, core.ca);
    // Only the port and the region would not be there with AWS.
    flags = ['-e', core.endpoint, '-r', ca, '-w', '-p', `${core.webSocketPort}`, '--region', core.region];
  });
  afterAll(() => core.stop());

  const received = () => core.received.map(({ clientId, topic }) => `${clientId} ${topic}`);

  test('from the environment', async () => {
    const { accessKeyId, secretAccessKey, sessionToken = '' } = core.issueCredentials();
    const keys = {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    };
    const parameters = [...flags, '-id', 'lamp', '-t', 'a/b', '--count', '1'];
    const end = await runProgram(BASIC, parameters, { ...home, ...keys });
    expect(end).toMatchObject({ exitCode: 0, stderr: '' });
    expect(received()).toContain('lamp a/b');
    for (const secret of Object.values(keys)) expect(end.stdout).not.toContain(secret);
  });

  test('from the shared file', async () => {
    const { accessKeyId, secretAccessKey } = core.issueCredentials({ sessionToken: false });
    const file = join(folder, 'keys');
    const text = `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
    await writeFile(file, text, { mode: 0o600 });
    const env = { ...home, AWS_SHARED_CREDENTIALS_FILE: file };
    const end = await runProgram(BASIC, [...flags, '-id', 'filed', '--count', '1'], env);
    expect(end).toMatchObject({ exitCode: 0, stderr: '' });
    expect(received()).toContain('filed sdk/test/js');
  });

  test('that the broker refuses', async () => {
    const keys = { AWS_ACCESS_KEY_ID: 'AKIACANARY', AWS_SECRET_ACCESS_KEY: 'canary-secret' };
    const { exitCode, stdout, stderr } = await runProgram(BASIC, flags, { ...home, ...keys });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error: BAD_CREDENTIALS: .*HTTP status 403.*\n$/);
    expect(stdout + stderr).not.toMatch(/canary/i);
  });

  test('of which there are none: that ends it at once, and says what to do', async () => {
    const { exitCode, stderr } = await runProgram(BASIC, flags, home);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error: CREDENTIALS_NOT_FOUND: .*\n$/);
    expect(stderr).toContain('set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  });
});

describe('what is wrong is said in one line', () => {
  const BOTH =
    'X.509 cert authentication and WebSocket are mutual exclusive. Please pick one: -w, or -c <cert> and -k <key>';

  test.each<[string[], string]>([
    [['-e', 'x', '-w', '-c', 'y', '-k', 'z'], BOTH],
    [['-e', 'x', '-w', '-k', 'z'], BOTH],
    [['-w'], '-e <endpoint> is missing (or use --local, which needs no account)'],
    [['--local', '-w', '--region', 'us-east-1'], '--local starts its own broker: leave --region out'],
    [
      ['-e', 'x', '-c', 'y', '-k', 'z', '--region', 'us-east-1'],
      '--region is for -w: certificates know no region',
    ],
    [
      ['-e', 'mqtt.example.com', '-w'],
      'INVALID_ARGUMENT: region must be given to sigV4(), such as "eu-west-1", because the endpoint "mqtt.example.com" names none; given: undefined',
    ],
  ])('%j', async (parameters, message) => {
    expect(await runProgram(BASIC, parameters, home)).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: `error: ${message}\n`,
    });
  });
});
