import type { Clock } from '../protocol/clock.ts';
import { invalid } from '../protocol/errors.ts';
import type { CustomAuthorizer } from './authorizer.ts';
import type { LocalIotCoreDeviations } from './deviations.ts';
import { checkLifetime } from './issued-credentials.ts';
import type { LocalIotCoreLimits } from './limits.ts';
import type { AuthorizeRequest } from './policy.ts';
import type { LocalIotCoreWarning } from './warning.ts';

/** How a local core differs from the usual one. All may be left out: free ports of the loopback, everything in memory. */
export interface LocalIotCoreOptions {
  /** The port for mutual TLS. @default 0, any free one */
  readonly port?: number;
  /** Opens a port for MQTT without TLS too; 0 takes any free one. @default none */
  readonly plainPort?: number;
  /**
   * The port for clients without a certificate, AWS's 443: MQTT over WebSocket, signed or with a custom authorizer, and MQTT in
   * TLS with a custom authorizer (ALPN `mqtt`). @default 0, any free one
   */
  readonly webSocketPort?: number;
  /** The port of its Amazon Cognito, plain HTTP. @default 0, any free one */
  readonly cognitoPort?: number;
  /** The port of its shadows, plain HTTP. @default 0, any free one */
  readonly httpPort?: number;
  /**
   * Where it keeps its certificates and shadows, for the next core that is given the same directory: devices still trust that one.
   * @default they live in memory
   */
  readonly directory?: string;
  /** How long temporary AWS keys of this core are good; fractions are allowed. @default 3600 */
  readonly credentialLifetimeSeconds?: number;
  /** AWS IoT Core's limits, some of them changed. */
  readonly limits?: Partial<LocalIotCoreLimits>;
  /** Where AWS IoT Core does not do what MQTT says, some of it switched off. */
  readonly deviations?: Partial<LocalIotCoreDeviations>;
  /** The source of time for what is limited by time, and for sessions. For tests. @default the process's own */
  readonly clock?: Clock;
  /**
   * Stands for the IoT policy: true allows, anything else denies. Asked for each CONNECT, message and filter of a client, and with
   * `receive` for each message that one is to get. A denied connect is refused, a denied publish closes the connection, a
   * denied filter is refused in the SUBACK, and a denied message is not delivered; `onWarning` is told of each. @default
   * everything is allowed
   */
  readonly authorize?: (request: AuthorizeRequest) => boolean;
  /**
   * Stands for the Lambda of a custom authorizer: lets clients in that have neither a certificate nor a signature. As long as it
   * does not answer, the client waits. @default there is none, and such clients are refused
   */
  readonly authorizer?: CustomAuthorizer;
  /** Told what this core refused or cannot do, so that nobody has to guess. @default process.emitWarning */
  readonly onWarning?: (warning: LocalIotCoreWarning) => void;
}

const PORTS = ['port', 'plainPort', 'webSocketPort', 'cognitoPort', 'httpPort'] as const;
const FUNCTIONS = ['authorize', 'authorizer', 'onWarning'] as const;
const NAMES: readonly string[] = [
  ...PORTS,
  'directory',
  'credentialLifetimeSeconds',
  'limits',
  'deviations',
  'clock',
  ...FUNCTIONS,
];

/** Throws `INVALID_ARGUMENT`, except for limits. */
export function checkOptions(options: LocalIotCoreOptions): void {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw invalid('options', 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    if (!NAMES.includes(name)) throw invalid('options', `made of ${NAMES.join(', ')}`, options);
    if (value === undefined) throw invalid(name, 'left out or given', value);
  }
  for (const name of PORTS) checkPort(name, options[name]);
  for (const name of FUNCTIONS) checkFunction(name, options[name]);
  checkClock(options.clock);
  const { directory, credentialLifetimeSeconds } = options;
  if (directory !== undefined && (typeof directory !== 'string' || directory === ''))
    throw invalid('directory', 'the path of a directory', directory);
  if (credentialLifetimeSeconds !== undefined)
    checkLifetime('credentialLifetimeSeconds', credentialLifetimeSeconds);
}

function checkPort(name: string, value = 0): void {
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return;
  throw invalid(name, 'a whole number from 0 to 65535', value);
}

function checkClock(clock: unknown): void {
  if (clock === undefined) return;
  const { now, setTimeout, clearTimeout } = (clock ?? {}) as Partial<Record<keyof Clock, unknown>>;
  if ([now, setTimeout, clearTimeout].every((method) => typeof method === 'function')) return;
  throw invalid('clock', 'an object with now, setTimeout and clearTimeout', clock);
}

function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalid(name, 'a function', value);
}
