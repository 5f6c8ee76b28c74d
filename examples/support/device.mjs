// @ts-check
// What all examples share: the flags that say which broker and who the device is, the client made of them, Ctrl-C, and
// errors in one line. An example adds what it does with the client.

import { createIotClient, IotError } from 'aws-iot-machines';
import { Command, InvalidArgumentError, Option } from 'commander';
import { certificateOrKeys } from './sign-in.mjs';

/**
 * @typedef {import('./sign-in.mjs').SignInFlags & { topic: string, thingName: string, local?: boolean }} DeviceFlags
 * @typedef {import('./sign-in.mjs').SignIn} SignIn
 */

/** Flags as the AWS IoT Device SDK for Python writes them, where commander needs another form. */
const PYTHON_FLAGS = new Map([
  ['-id', '--client-id'],
  ['--clientId', '--client-id'],
  ['--rootCA', '--root-ca'],
  ['--thingName', '--thing-name'],
]);

const topicOption = () => new Option('-t, --topic <topic>', 'the topic').default('sdk/test/js');

/** For examples that are about a shadow. */
export const thingOption = () =>
  new Option('-n, --thing-name <name>', 'the thing whose shadow it is').default('Bot');

/**
 * A command with the flags that every example has; add your own with `.option()`.
 *
 * @param {string} name the folder of the example
 * @param {string} clientId the default of `-id`
 * @param {object} [more]
 * @param {string} [more.needed] what its command line needs with AWS beside the usual
 * @param {SignIn} [more.signIn] how it signs in
 * @param {() => Option} [more.about] what it is about, when that is no topic
 */
export function deviceCommand(
  name,
  clientId,
  { needed, signIn = certificateOrKeys, about = topicOption } = {},
) {
  const start = `node examples/${name}/main.mjs`;
  const withAws = signIn.usage.map((usage) =>
    ['-e <endpoint> -r <rootCA>', usage, ...(needed ? [needed] : [])].join(' '),
  );
  const command = new Command(start)
    .addHelpText(
      'after',
      `\nExamples:\n${['--local', ...withAws].map((line) => `  $ ${start} ${line}\n`).join('')}`,
    )
    .option('-e, --endpoint <host>', 'your AWS IoT endpoint: …-ats.iot.<region>.amazonaws.com')
    .option(
      '-r, --root-ca <path>',
      "the root CA of the broker, PEM (default: Node's list, which has Amazon's)",
    )
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replaceAll('\n', ' ')}\n`) });
  for (const option of signIn.options()) command.addOption(option);
  return command
    .option(
      '-p, --port <number>',
      `the port of the endpoint (default: ${signIn.port})`,
      wholeNumber(1, 65_535),
    )
    .option('--client-id <id>', 'the name of the device, unique in the account; also -id', named, clientId)
    .addOption(about())
    .option('--local', 'start a broker on this computer and use that: no account is needed');
}

/**
 * Parses the command line and runs the example with a client that is not connected yet.
 *
 * @template {DeviceFlags} Flags
 * @param {Command} command
 * @param {(device: Stage<Flags> & { client: import('aws-iot-machines').IotClient }) => Promise<void>} run
 * @param {SignIn} [signIn] as for the command
 */
export async function runDevice(command, run, signIn = certificateOrKeys) {
  await runExample(
    command,
    async (/** @type {Stage<Flags>} */ stage) =>
      await withClient(
        clientOptions(stage.flags, stage.core, signIn),
        async (client) => await run({ ...stage, client }),
      ),
    signIn,
  );
}

/**
 * @template {DeviceFlags} Flags
 * @typedef {object} Stage
 * @property {Flags} flags
 * @property {import('aws-iot-machines/local').LocalIotCore} [core] the broker of --local
 * @property {AbortSignal} signal
 */

/**
 * Parses the command line and runs the example. However it ends (by itself, by an error, by Ctrl-C), the broker of --local
 * is stopped; a second Ctrl-C ends at once.
 *
 * @template {DeviceFlags} Flags
 * @param {Command} command
 * @param {(stage: Stage<Flags>) => Promise<void>} run
 * @param {SignIn} [signIn] as for the command
 */
export async function runExample(command, run, signIn = certificateOrKeys) {
  command.parse(process.argv.map((word) => PYTHON_FLAGS.get(word) ?? word));
  const flags = /** @type {Flags} */ (command.opts());
  const stop = stopOnSignals();
  try {
    const wrong = wrongWith(flags, signIn);
    if (wrong) command.error(`error: ${wrong}`);
    const core = flags.local ? await startCore() : undefined;
    try {
      await run({ flags, signal: stop.signal, ...(core && { core }) });
    } finally {
      await core?.stop();
    }
  } catch (error) {
    if (!stop.signal.aborted) fail(error);
  } finally {
    stop.free();
  }
}

/**
 * Runs something with a client that shows its states, and closes it however that ends.
 *
 * @param {import('aws-iot-machines').IotClientOptions} options
 * @param {(client: import('aws-iot-machines').IotClient) => Promise<void>} run
 */
export async function withClient(options, run) {
  const client = createIotClient(options);
  showStates(client);
  try {
    await run(client);
  } finally {
    await client.close();
  }
}

/**
 * Resolves when somebody has pressed Ctrl-C.
 *
 * @param {AbortSignal} signal
 */
export async function aborted(signal) {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/**
 * Parses the name of a device: the client would take none for "any name".
 *
 * @param {string} text
 */
function named(text) {
  if (text === '') throw new InvalidArgumentError('A device has a name of its own.');
  return text;
}

/**
 * Parses an option that is a whole number.
 *
 * @param {number} min
 * @param {number} max
 */
export function wholeNumber(min, max) {
  return (/** @type {string} */ text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/**
 * @param {DeviceFlags} flags
 * @param {SignIn} signIn
 */
function wrongWith(flags, signIn) {
  const { local, endpoint, rootCa, cert, key, port, region, identityPool } = flags;
  if (!local && !endpoint) return '-e <endpoint> is missing (or use --local, which needs no account)';
  const account = { endpoint, 'root-ca': rootCa, cert, key, port, region, 'identity-pool': identityPool };
  const [other] = Object.entries(account).find(([, value]) => local && value) ?? [];
  return other ? `--local starts its own broker: leave --${other} out` : signIn.wrongWith(flags);
}

/** The local broker is for development: the packages it needs are loaded only when it is wanted. */
async function startCore() {
  const { startLocalIotCore } = await import('aws-iot-machines/local');
  return startLocalIotCore({ onWarning: ({ message }) => console.log(`! ${message}`) });
}

/**
 * The options of a client, as the flags say them.
 *
 * @param {DeviceFlags} flags
 * @param {import('aws-iot-machines/local').LocalIotCore} [core]
 * @param {SignIn} [signIn]
 * @returns {import('aws-iot-machines').IotClientOptions}
 */
export function clientOptions(flags, core, signIn = certificateOrKeys) {
  // Any number may wait, and two a second are let go: what the samples of the Python SDK configure.
  const offlineQueue = { maxMessages: Number.POSITIVE_INFINITY };
  if (core) return { ...signIn.localOptions(flags, core), offlineQueue };
  const { endpoint = '', rootCa, port, clientId } = flags;
  const place = { endpoint, ...(port && { port }), ...(rootCa && { ca: rootCa }) };
  return { ...place, clientId, auth: signIn.auth(flags), offlineQueue };
}

/** @param {import('aws-iot-machines').IotClient} client */
function showStates(client) {
  let shown = client.status.state;
  let hasBeenLive = false;
  client.on('status', (status) => {
    if (status.state === shown) return;
    shown = status.state;
    hasBeenLive ||= shown === 'live';
    const reason = status.state === 'backingOff' ? status.reason : undefined;
    console.log(`● ${shown}${reason ? ` (${why(reason, hasBeenLive)})` : ''}`);
  });
}

/**
 * @param {IotError} reason
 * @param {boolean} hasBeenLive
 */
function why(reason, hasBeenLive) {
  // A line that was there and will come back by itself needs no advice.
  return hasBeenLive && reason.recovery === 'retry' ? reason.code : explain(reason);
}

const EXIT_CODES = new Map([
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGPIPE', 141],
  ['SIGTERM', 143],
]);

function stopOnSignals() {
  const controller = new AbortController();
  let since = 0;
  const stop = (/** @type {string} */ name) => {
    const exitCode = EXIT_CODES.get(name);
    // npm passes Ctrl-C on to a child that had it from the terminal already: that is one, not two.
    if (controller.signal.aborted && performance.now() - since > 300) process.exit(exitCode);
    if (controller.signal.aborted) return;
    since = performance.now();
    process.exitCode = exitCode;
    controller.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  // `| head` closes the pipe: there is nobody left to tell, and all the same something to tidy up.
  process.stdout.on('error', () => controller.signal.aborted || stop('SIGPIPE'));
  // A terminal that is closed; where there is none, `nohup` may have asked to go on.
  if (process.stdout.isTTY) process.on('SIGHUP', stop);
  return {
    signal: controller.signal,
    free: () => process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', stop),
  };
}

/** @param {unknown} error */
function fail(error) {
  process.exitCode = 1;
  console.error(`error: ${explain(error)}`);
}

/**
 * An error in one line.
 *
 * @param {unknown} error
 */
export function explain(error) {
  if (!IotError.is(error)) return error instanceof Error ? error.message : String(error);
  const { code, message, remediation } = error;
  return `${code}: ${message}${remediation ? `. ${remediation}` : ''}`;
}
