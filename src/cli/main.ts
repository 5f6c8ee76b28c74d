#!/usr/bin/env node
import { readFileSync } from 'node:fs';

import { Command } from 'commander';
import { IotError } from '../index.ts';
import { runLocalDemo } from './demo.ts';
import { runEndpointDemo } from './endpoint-demo.ts';
import { type DemoFlags, demoOptions, targetOf, UsageError } from './options.ts';
import { untilInterrupted } from './signals.ts';
import { Terminal } from './terminal.ts';

const EXAMPLES = `
Examples:
  $ aws-iot-machines demo
      the whole story on this computer: no account, nothing leaves the loopback

  $ aws-iot-machines demo --endpoint abc123-ats.iot.eu-west-1.amazonaws.com \\
      --cert device.pem.crt --key private.pem.key
      ten messages to your own AWS IoT endpoint and back

Exit codes: 0 nothing lost and all in order, 1 otherwise, 130 after Ctrl-C.
`;

function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const command = new Command('aws-iot-machines')
    .description('An AWS IoT device whose behaviour is a set of statecharts.')
    .version(version)
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll('\n', ' ')}\n`) });
  const demo = command
    .command('demo')
    .description('Connect a device, cut its line, and watch it come back with nothing lost.')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: DemoFlags) => {
      process.exitCode = await runDemo(flags);
    });
  for (const option of demoOptions()) demo.addOption(option);
  return command;
}

async function runDemo(flags: DemoFlags): Promise<number> {
  const target = targetOf(flags);
  const terminal = new Terminal(process.stdout);
  return untilInterrupted(
    (signal) =>
      target.place === 'local'
        ? runLocalDemo(target, terminal, signal)
        : runEndpointDemo(target, terminal, signal),
    (signal) => terminal.line(`\n  ${signal}: closing; once more to quit at once`),
  );
}

function fail(error: unknown): void {
  process.exitCode = 1;
  process.stderr.write(`error: ${explain(error)}\n`);
}

function explain(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  if (IotError.is(error)) {
    const { code, message, remediation } = error;
    return [`${code}: ${message}`, ...(remediation === undefined ? [] : [remediation])].join('. ');
  }
  // A fault of ours: whoever mends it needs the stack.
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// `npm start | head` closes the pipe: there is nobody left to tell.
process.stdout.on('error', () => process.exit(141));

await program().parseAsync().catch(fail);
