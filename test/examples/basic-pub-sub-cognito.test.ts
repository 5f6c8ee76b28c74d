import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProgram, startProgram } from '../support/run-program.ts';

const MAIN = 'examples/basic-pub-sub-cognito/main.mjs';

/** The AWS SDK says on standard error that it will not run on old versions of Node for ever. */
const QUIET = { NODE_NO_WARNINGS: '1' };

/** Hides a package from a program that imports it. */
const HIDE = `import { register } from 'node:module';
register(\`data:text/javascript,\${encodeURIComponent(\`
  export async function resolve(name, context, next) {
    if (name !== '@aws-sdk/credential-providers') return next(name, context);
    throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: 'ERR_MODULE_NOT_FOUND' });
  }\`)}\`);`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-example-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('--local needs no account', async () => {
  const parameters = ['--local', '--count', '1', '-id', 'lamp', '-t', 'a/b'];
  const { exitCode, stdout, stderr } = await runProgram(MAIN, parameters, QUIET);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toContain('received {"message":"Hello from Cognito!","sequence":0} from a/b\n');
});

test('Ctrl-C ends it cleanly', async () => {
  const program = startProgram(MAIN, ['--local'], QUIET);
  await program.shows('received');
  program.kill('SIGINT');
  expect(await program.end).toMatchObject({ exitCode: 130, signal: null, stderr: '' });
});

test('without the package that it needs it names the command that installs it', async () => {
  const hide = join(folder, 'hide.mjs');
  await writeFile(hide, HIDE);
  const env = { ...QUIET, NODE_OPTIONS: `--import ${hide}` };
  const { exitCode, stderr } = await runProgram(MAIN, ['--local'], env);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /^error: MISSING_PACKAGE: .*@aws-sdk\/credential-providers.*npm install @aws-sdk\/credential-providers\n$/,
  );
});

test.each<[string[], string]>([
  [['-e', 'x'], 'Missing credentials for authentication. Give -C <identityPoolId>'],
  [['-C', 'eu-west-1:12'], '-e <endpoint> is missing (or use --local, which needs no account)'],
  [['--local', '-C', 'eu-west-1:12'], '--local starts its own broker: leave --identity-pool out'],
  [
    ['-e', 'x-ats.iot.eu-west-1.amazonaws.com', '-C', '12'],
    'INVALID_ARGUMENT: identityPoolId must be a region, a colon and the id of the pool in it; given: "12"',
  ],
  [['--local', '-w'], "unknown option '-w'"],
])('what is wrong is said in one line: %j', async (parameters, message) => {
  expect(await runProgram(MAIN, parameters)).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr: `error: ${message}\n`,
  });
});
