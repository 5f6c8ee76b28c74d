import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { runProgram, startProgram } from '../support/run-program.ts';

const MAIN = 'dist/cli/main.js';

/** Reads what comes from there, until it contains this. */
async function readUntil(url: string, text: string): Promise<void> {
  const request = get(url, { agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let read = '';
  for await (const part of response) {
    read += String(part);
    if (read.includes(text)) break;
  }
  request.destroy();
  expect(read).toContain(text);
}

test('demo --inspect serves a page that knows the client, before the story begins; Ctrl-C ends both', async () => {
  const program = startProgram(MAIN, ['demo', '--inspect']);
  const shown = await program.shows('the story begins');
  const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(shown)?.[0] ?? '';
  await readUntil(url, '<!doctype html>');
  await readUntil(`${url}feed`, '"clientId":"kitchen-lamp"');
  program.kill('SIGINT');
  expect(await program.end).toMatchObject({ exitCode: 130, stderr: '' });
});

test('--inspect is for the story on this computer', async () => {
  const { exitCode, stderr } = await runProgram(MAIN, ['demo', '--inspect', '--endpoint', 'localhost']);
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 1,
    stderr: 'error: --inspect shows the story on the local core: leave --endpoint out\n',
  });
});
