import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../support/run-program.ts';
import { emptyFolder } from './local-program.ts';

const MAIN = 'dist/cli/main.js';

describe('what keeps it from starting is said in one line, and nothing is left', () => {
  const failed = async (flags: readonly string[], env = {}): Promise<string> => {
    const temporary = await emptyFolder();
    const end = await runProgram(MAIN, ['local', ...flags], { TMPDIR: temporary, ...env });
    expect(end).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await readdir(temporary)).toEqual([]);
    return end.stderr;
  };

  test('a port that is taken', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as net.AddressInfo;
    const flags = ['--port', '--http-port', '--websocket-port'];
    const told = await Promise.all(
      flags.map((name) => failed([...(name === '--port' ? [] : ['--port', '0']), name, `${port}`])),
    );
    expect(told).toEqual(
      flags.map(
        (name) =>
          `error: port ${port} is taken: end the program that has it, or choose another with ${name} (0: any free one)\n`,
      ),
    );
    other.close();
  });

  test.each([
    [
      ['--port', '65536'],
      "option '-p, --port <number>' argument '65536' is invalid. It must be a whole number from 0 to 65535.",
    ],
    [['--port', '8883', '--http-port', '8883'], 'each port can be given once only'],
    [['--directory', ''], '--directory needs a path'],
    [
      ['--thing', 'a/b'],
      'INVALID_ARGUMENT: thingName must be 1 to 128 of a-z, A-Z, 0-9, :, _ and -; given: "a/b"',
    ],
    [['--host', '0.0.0.0'], "unknown option '--host' (Did you mean --port?)"],
  ])('%j', async (flags, message) => {
    expect(await failed(flags)).toBe(`error: ${message}\n`);
  });

  test('a directory that is a file', async () => {
    const file = join(await emptyFolder(), 'file');
    await writeFile(file, '');
    expect(await failed(['--port', '0', '--directory', file])).toMatch(/^error: STORE_FAILED: [^\n]*\n$/);
  });

  test('a package that is not installed', async () => {
    const hook = `export const resolve = (name, context, next) => {
      if (name !== 'selfsigned') return next(name, context);
      throw Object.assign(new Error("Cannot find package 'selfsigned'"), { code: 'ERR_MODULE_NOT_FOUND' });
    };`;
    const asUrl = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;
    const preload = `import { register } from 'node:module'; register(${JSON.stringify(asUrl(hook))});`;
    expect(await failed(['--port', '0'], { NODE_OPTIONS: `--import=${asUrl(preload)}` })).toBe(
      'error: MISSING_PACKAGE: the local IoT core needs the package selfsigned, which is not installed. ' +
        'run: npm install --save-dev aedes@1 selfsigned@5\n',
    );
  });
});

test('--help is a page to read', async () => {
  const { stdout, exitCode } = await runProgram(MAIN, ['local', '--help']);
  expect(exitCode).toBe(0);
  await expect(stdout).toMatchFileSnapshot('local-help.txt');
});

test('sec:S-28 no flag takes a secret, sec:S-19 and none takes an address', async () => {
  const { stdout } = await runProgram(MAIN, ['local', '--help']);
  expect(stdout).not.toMatch(/--\S*(pass|secret|token|host|listen|bind|address)/i);
});
