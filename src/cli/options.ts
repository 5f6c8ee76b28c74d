import { randomBytes } from 'node:crypto';

import { InvalidArgumentError, Option } from 'commander';
import { type IotClientOptions, mutualTls } from '../index.ts';
import { validateTopicName } from '../protocol/topics.ts';

/** The flags of `demo`, as commander hands them over. */
export interface DemoFlags {
  readonly endpoint?: string;
  readonly port?: number;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly clientId?: string;
  readonly topic?: string;
  /** True when no port was given. */
  readonly inspect?: number | true;
}

/** Where the demo runs. */
export type DemoTarget =
  | {
      readonly place: 'local';
      readonly clientId: string;
      readonly topic: string;
      /** The port of the live page, 0 for any; undefined when none is wanted. */
      readonly inspectPort: number | undefined;
    }
  | { readonly place: 'endpoint'; readonly client: IotClientOptions; readonly topic: string };

/** Wrong usage: one line, no stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** No flag takes a secret: only paths, since every user of a computer sees its command lines. */
export function demoOptions(): readonly Option[] {
  return [
    new Option('-e, --endpoint <host>', 'use this broker instead of the local one').env('IOT_ENDPOINT'),
    new Option('--cert <path>', "the device's certificate, PEM").env('IOT_CERT'),
    new Option('--key <path>', 'its private key, PEM').env('IOT_KEY'),
    new Option('--ca <path>', "who signed the broker's certificate, PEM (default: Node's list)").env(
      'IOT_CA',
    ),
    new Option('-p, --port <number>', 'the port of the broker (default: 8883)').argParser(portFrom(1)),
    new Option('-i, --client-id <id>', 'the name of the device').env('IOT_CLIENT_ID'),
    new Option('-t, --topic <topic>', 'where it publishes and subscribes'),
    new Option(
      '--inspect [port]',
      'serve a live page of the machines on the loopback, and go on until Ctrl-C',
    ).argParser(portFrom(0)),
  ];
}

/**
 * @throws UsageError when the flags do not belong together
 * @throws IotError `INVALID_ARGUMENT` when the topic is none
 */
export function targetOf(flags: DemoFlags): DemoTarget {
  const given = withoutEmpty(flags);
  if (given.topic !== undefined) validateTopicName(given.topic);
  return given.endpoint === undefined ? localTarget(given) : endpointTarget(given, given.endpoint);
}

function localTarget({ port, ca, cert, key, clientId, topic, inspect }: DemoFlags): DemoTarget {
  const alone = Object.entries({ cert, key, ca, port }).find(([, value]) => value !== undefined)?.[0];
  if (alone !== undefined) {
    const given = alone === 'port' ? '--port' : `--${alone} (or IOT_${alone.toUpperCase()})`;
    throw new UsageError(`${given} needs --endpoint (or IOT_ENDPOINT)`);
  }
  const device = clientId ?? 'kitchen-lamp';
  const inspectPort = inspect === true ? 0 : inspect;
  return { place: 'local', clientId: device, topic: topic ?? `${device}/readings`, inspectPort };
}

function endpointTarget(flags: DemoFlags, endpoint: string): DemoTarget {
  const { port, ca, cert, key, clientId, topic, inspect } = flags;
  if (inspect !== undefined)
    throw new UsageError('--inspect shows the story on the local core: leave --endpoint out');
  if (cert === undefined) throw new UsageError('--endpoint needs --cert (or IOT_CERT): a certificate');
  if (key === undefined) throw new UsageError('--endpoint needs --key (or IOT_KEY): its private key');
  return {
    place: 'endpoint',
    client: {
      endpoint,
      // These two are what the policy of the AWS IoT console's connection kit allows.
      clientId: clientId ?? `sdk-nodejs-${randomBytes(4).toString('hex')}`,
      auth: mutualTls({ cert, key }),
      ...(port === undefined ? {} : { port }),
      ...(ca === undefined ? {} : { ca }),
    },
    topic: topic ?? 'sdk/test/js',
  };
}

/** `IOT_ENDPOINT= npm start` is how a shell says: not given. */
function withoutEmpty(flags: DemoFlags): DemoFlags {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== ''));
}

/** Reads a port from the command line. */
export function portFrom(least: number): (text: string) => number {
  return (text) => {
    const port = Number(text);
    if (/^\d+$/.test(text) && port >= least && port <= 65_535) return port;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to 65535.`);
  };
}
