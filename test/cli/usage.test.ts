import { describe, expect, test } from 'vitest';
import { runProgram } from '../support/run-program.ts';

const demo = (...parameters: string[]) => runProgram('dist/cli/main.js', ['demo', ...parameters]);

test('--help is a page to read', async () => {
  const { stdout, exitCode } = await demo('--help');
  expect(exitCode).toBe(0);
  await expect(stdout).toMatchFileSnapshot('help.txt');
});

test('sec:S-28 no flag takes a secret', async () => {
  const { stdout } = await demo('--help');
  expect(stdout).not.toMatch(/--(pass|secret|token)/i);
});

test('--version is that of the package', async () => {
  const { stdout } = await runProgram('dist/cli/main.js', ['--version']);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

describe('what is wrong is said in one line, and nothing is started', () => {
  test.each([
    [['--endpoint', 'localhost'], '--endpoint needs --cert (or IOT_CERT): a certificate'],
    [['--endpoint', 'localhost', '--cert', 'a.pem'], '--endpoint needs --key (or IOT_KEY): its private key'],
    [['--cert', 'a.pem'], '--cert (or IOT_CERT) needs --endpoint (or IOT_ENDPOINT)'],
    [['--port', '8883'], '--port needs --endpoint (or IOT_ENDPOINT)'],
    [['--endpont', 'localhost'], "unknown option '--endpont' (Did you mean --endpoint?)"],
    [
      ['--port', '0'],
      "option '-p, --port <number>' argument '0' is invalid. It must be a whole number from 1 to 65535.",
    ],
    [
      ['--topic', 'all/#'],
      'INVALID_ARGUMENT: topic must be a topic without the wildcards + and #; given: "all/#"',
    ],
    [['now'], "too many arguments for 'demo'. Expected 0 arguments but got 1."],
  ])('%j', async (parameters, message) => {
    expect(await demo(...parameters)).toEqual({
      exitCode: 1,
      signal: null,
      stdout: '',
      stderr: `error: ${message}\n`,
    });
  });

  test('an unknown command', async () => {
    const { exitCode, stderr } = await runProgram('dist/cli/main.js', ['dmo']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: "error: unknown command 'dmo' (Did you mean demo?)\n",
    });
  });
});
