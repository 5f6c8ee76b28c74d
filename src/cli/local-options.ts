import { resolve } from 'node:path';

import { Option } from 'commander';
import { validateShadowAddress } from '../protocol/shadow-topics.ts';
import { portFrom, UsageError } from './options.ts';

/** The flags of `local`, as commander hands them over. */
export interface LocalFlags {
  readonly port: number;
  readonly websocketPort: number;
  readonly httpPort: number;
  readonly directory?: string;
  readonly clientId: string;
  readonly quiet?: boolean;
}

/** What `local` is to start. A port of 0 is any free one. */
export interface LocalTarget {
  readonly ports: { readonly port: number; readonly webSocketPort: number; readonly httpPort: number };
  /** Absolute; undefined when nothing is to be kept. */
  readonly directory: string | undefined;
  /** The client id of the device whose certificate is written down, and the name of its thing. */
  readonly thing: string;
  readonly isQuiet: boolean;
}

/** The flag that each port comes from. */
const FLAG_OF = { port: '--port', webSocketPort: '--websocket-port', httpPort: '--http-port' } as const;

/** Where a user of AWS IoT Core expects MQTT; for the others there is no such place on a computer of many servers. */
const MQTT_PORT = 8883;
const ANY_FREE = 0;

/** None of them names an address: this server has no business beyond the loopback. */
export function localOptions(): readonly Option[] {
  const port = (flags: string, what: string): Option => new Option(flags, what).argParser(portFrom(ANY_FREE));
  return [
    port('-p, --port <number>', 'for MQTT with certificates; 0 takes any free one').default(MQTT_PORT),
    port('--websocket-port <number>', 'for MQTT over WebSocket').default(ANY_FREE, 'any free one'),
    port('--http-port <number>', 'for shadows by HTTP').default(ANY_FREE, 'any free one'),
    new Option('-d, --directory <path>', 'keep certificates and shadows here (default: nowhere)'),
    new Option('--thing, --client-id <name>', 'the device to write a certificate for').default(
      'kitchen-lamp',
    ),
    new Option('-q, --quiet', 'print nothing but warnings'),
  ];
}

/**
 * @throws UsageError when the flags do not belong together
 * @throws IotError `INVALID_ARGUMENT` when the name can be none of a thing
 */
export function localTargetOf(flags: LocalFlags): LocalTarget {
  const { port, websocketPort: webSocketPort, httpPort, directory, clientId, quiet = false } = flags;
  const ports = { port, webSocketPort, httpPort };
  const given = Object.values(ports).filter((each) => each !== ANY_FREE);
  if (new Set(given).size < given.length) throw new UsageError('each port can be given once only');
  if (directory === '') throw new UsageError('--directory needs a path');
  return {
    ports,
    directory: directory === undefined ? undefined : resolve(directory),
    thing: validateShadowAddress(clientId, undefined).thingName,
    isQuiet: quiet,
  };
}

/** What keeps a port from being opened, in the words of the flags; any other error stays as it is. */
export function explainPort(error: Error, { ports }: LocalTarget): Error {
  const { code, port } = error as { readonly code?: unknown; readonly port?: unknown };
  const name = (['port', 'webSocketPort', 'httpPort'] as const).find((each) => ports[each] === port);
  if (name === undefined) return error;
  const flag = FLAG_OF[name];
  if (code === 'EACCES')
    return new UsageError(`port ${ports[name]} is not for every user: choose another with ${flag}`);
  if (code !== 'EADDRINUSE') return error;
  return new UsageError(
    `port ${ports[name]} is taken: end the program that has it, or choose another with ${flag} (0: any free one)`,
  );
}
