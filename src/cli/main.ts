#!/usr/bin/env node
import { readFileSync } from 'node:fs';

import { Command } from 'commander';
import { IotError } from '../index.ts';
import { runLocalDemo } from './demo.ts';
import { runEndpointDemo } from './endpoint-demo.ts';
import { runLocalCore } from './local.ts';
import { type LocalFlags, localOptions, localTargetOf } from './local-options.ts';
import { type DemoFlags, demoOptions, targetOf, UsageError } from './options.ts';
import { untilInterrupted } from './signals.ts';
import { Terminal } from './terminal.ts';

const DEMO_HELP = `
Examples:
  $ aws-iot-machines demo
      the whole story on this computer: no account, nothing leaves the loopback

  $ aws-iot-machines demo --inspect
      the same with a live page of its statecharts, and buttons that break the line

  $ aws-iot-machines demo --endpoint abc123-ats.iot.eu-west-1.amazonaws.com \\
      --cert device.pem.crt --key private.pem.key
      ten messages to your own AWS IoT endpoint and back

Exit codes: 0 nothing lost and all in order, 1 otherwise, 130 after Ctrl-C.
`;

const LOCAL_HELP = `
It prints how to connect to it with this package, mosquitto, curl and AWS's own
SDKs. Then it tells who comes and goes, and what AWS would refuse. It listens on
the loopback only.

Examples:
  $ aws-iot-machines local
      nothing is kept; its certificates are removed when it ends

  $ aws-iot-machines local --directory .iot --thing greenhouse-1
      found again at the next start: certificates, so that devices still trust it,
      and shadows

  $ aws-iot-machines local --port 0 --http-port 8080
      another one beside it

Exit codes: 0 after Ctrl-C or SIGTERM, 1 when it cannot start, 130 or 143 after a
second one, which ends it at once.
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
    .addHelpText('after', DEMO_HELP)
    .action(async (flags: DemoFlags) => {
      process.exitCode = await runDemo(flags);
    });
  for (const option of demoOptions()) demo.addOption(option);
  const local = command
    .command('local')
    .description('Start a local AWS IoT Core, and say how to connect to it.')
    .addHelpText('after', LOCAL_HELP)
    .action(runLocal);
  for (const option of localOptions()) local.addOption(option);
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

async function runLocal(flags: LocalFlags): Promise<void> {
  const target = localTargetOf(flags);
  const terminal = new Terminal(process.stdout);
  // The exit code is dropped: to be interrupted is how a server ends well.
  await untilInterrupted(
    async (signal) => {
      await runLocalCore(target, terminal, signal);
      return 0;
    },
    (signal) => {
      if (!target.isQuiet) terminal.line(`\n  ${signal}: closing; once more to quit at once`);
    },
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
