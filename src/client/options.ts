import type { Authentication, PemSource } from '../adapters/authentication.ts';
import { PemOption } from '../adapters/certificates.ts';
import { type BackoffPolicy, DEFAULT_BACKOFF, validateBackoff } from '../protocol/backoff.ts';
import { type Clock, MAX_DELAY_MS, systemClock, systemRandom } from '../protocol/clock.ts';
import { DEFAULT_DRAIN, type DrainPolicy } from '../protocol/drain.ts';
import { isAwsEndpoint } from '../protocol/endpoint.ts';
import { invalid, invalidSecret } from '../protocol/errors.ts';
import { AWS_LIMITS, MQTT_LIMITS } from '../protocol/limits.ts';
import type { QoS, Will } from '../protocol/message.ts';
import { encodePayload, type PayloadInput, payloadBytes } from '../protocol/payload.ts';
import { validateAwsTopic, validateTopicName } from '../protocol/topics.ts';
import { isWellFormed, utf8Bytes } from '../protocol/utf8.ts';
import { checkFields, functionOf, oneOf, positiveMs, qosOf, wholeNumber } from './checks.ts';

/** Messages that are published while there is no live line. */
export interface OfflineQueueOptions {
  /** How many may wait; `Infinity` for any number. Default 20. */
  readonly maxMessages?: number;
  /** How many bytes (topics and payloads) may wait, also on a live line. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Who loses when it is full: the new message (its publish rejects with `QUEUE_FULL`) or the oldest. Default `dropNewest`. */
  readonly overflow?: 'dropNewest' | 'dropOldest';
  /** How what waited is let go when the line is back. Default `{ perSecond: 2, adaptive: true }`. */
  readonly drain?: Partial<DrainPolicy>;
}

/** The message that the broker publishes when the device vanishes without saying goodbye. */
export interface WillOptions {
  readonly topic: string;
  /** At most 65,535 bytes (MQTT 3.1.3.4). Default: an empty payload. */
  readonly payload?: PayloadInput;
  /** Default 0. */
  readonly qos?: QoS;
  /** Default false. */
  readonly retain?: boolean;
}

export interface IotClientOptions {
  /** The host name of the broker: for AWS the account's `…-ats.iot.<region>.amazonaws.com`. */
  readonly endpoint: string;
  /** Default: what `auth` uses (8883 for `mutualTls`, 1883 for `plainTcp`). */
  readonly port?: number;
  /** Unique among all clients of the endpoint: a second client with the same id drops the first. 1 to 128 bytes on AWS. */
  readonly clientId: string;
  /** The authorities that the broker's certificate may come from: a path or PEM. Default: Node's roots, which hold Amazon's. */
  readonly ca?: PemSource;
  /** How to sign in: `mutualTls({ cert, key })`, or `plainTcp()` for a broker without TLS. */
  readonly auth: Authentication;
  /** MQTT 3.1.1. Default 4. */
  readonly protocolVersion?: 4;
  /**
   * `clean`: the broker forgets this client with the line. `persistent`: it keeps subscriptions and QoS 1 messages while
   * the client is away (AWS: for an hour by default). Default `clean`.
   */
  readonly session?: 'clean' | 'persistent';
  /**
   * The longest silence, in seconds: after so long without a packet to or a byte from the broker the line is pinged. 30 to
   * 1,200 on AWS, 1 to 65,535 elsewhere. Default 30.
   */
  readonly keepAliveSeconds?: number;
  /** How long the answer to a ping may take before the line is given up. Default 5,000. */
  readonly pingTimeoutMs?: number;
  /** How long one attempt may take, from reading the certificates to CONNACK. Default 15,000. */
  readonly attemptTimeoutMs?: number;
  /**
   * How long an acknowledgement may take before the line is suspected and pinged. A QoS 1 publish that has none after six
   * times as long is sent again on a new line, with `OPERATION_TIMEOUT` as the reason. Default 5,000.
   */
  readonly operationTimeoutMs?: number;
  /** Progressive backoff. Default `{ baseMs: 1_000, maxMs: 32_000, stableMs: 20_000, jitter: 'equal', firstRetryWithinMs: 0 }`. */
  readonly reconnect?: Partial<BackoffPolicy>;
  /** What happens to publishes while there is no live line; `false`: they are refused with `NOT_CONNECTED`. */
  readonly offlineQueue?: OfflineQueueOptions | false;
  /** Default: no will. */
  readonly will?: WillOptions;
  /** The source of time. For tests; default: the process's own. */
  readonly clock?: Clock;
  /** Numbers in [0, 1) for the jitter; 0.5 stands for anything else. For tests; default: the process's own. */
  readonly random?: () => number;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly endpoint: string;
  readonly isAws: boolean;
  readonly port: number;
  readonly clientId: string;
  readonly ca: PemSource | undefined;
  readonly auth: Authentication;
  readonly protocolVersion: 4;
  readonly clean: boolean;
  readonly keepAliveSeconds: number;
  readonly pingTimeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly operationTimeoutMs: number;
  readonly reconnect: BackoffPolicy;
  readonly queue: Required<Omit<OfflineQueueOptions, 'drain'>> & { readonly enabled: boolean };
  readonly drain: DrainPolicy;
  readonly will: Will | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

const FIELDS = [
  'endpoint',
  'port',
  'clientId',
  'ca',
  'auth',
  'protocolVersion',
  'session',
  'keepAliveSeconds',
  'pingTimeoutMs',
  'attemptTimeoutMs',
  'operationTimeoutMs',
  'reconnect',
  'offlineQueue',
  'will',
  'clock',
  'random',
] as const satisfies readonly (keyof IotClientOptions)[];

/**
 * Checks every field, so that bad options fail where they are written, and fills in the defaults.
 *
 * @throws IotError `INVALID_ARGUMENT`: which field, what it may be, what was given
 */
export function resolveOptions(options: IotClientOptions): ResolvedOptions {
  checkFields('options', options, FIELDS);
  // Defaults stand for what is left out, and for nothing else: null is as wrong as any other value.
  const {
    auth: givenAuth,
    protocolVersion = 4,
    session = 'clean',
    keepAliveSeconds = 30,
    pingTimeoutMs = 5_000,
    attemptTimeoutMs = 15_000,
    operationTimeoutMs = 5_000,
    offlineQueue = {},
    clock = systemClock,
    random = systemRandom,
  } = options;
  const endpoint = checkEndpoint(options.endpoint);
  const isAws = isAwsEndpoint(endpoint);
  const auth = checkAuth(givenAuth);
  const { port = auth.defaultPort() } = options;
  wholeNumber('port', port, 1, 65_535);
  auth.validate(endpoint, port);
  checkClock(clock);
  functionOf('random', random);
  return {
    endpoint,
    isAws,
    port,
    clientId: checkClientId(options.clientId, isAws),
    ca: options.ca === undefined ? undefined : checkCa(options.ca),
    auth,
    protocolVersion: oneOf('protocolVersion', protocolVersion, [4]),
    clean: oneOf('session', session, ['clean', 'persistent']) === 'clean',
    keepAliveSeconds: checkKeepAlive(keepAliveSeconds, isAws),
    pingTimeoutMs: positiveMs('pingTimeoutMs', pingTimeoutMs),
    attemptTimeoutMs: positiveMs('attemptTimeoutMs', attemptTimeoutMs),
    operationTimeoutMs: positiveMs('operationTimeoutMs', operationTimeoutMs),
    reconnect: resolveReconnect(options.reconnect),
    queue: resolveQueue(offlineQueue),
    drain: resolveDrain(offlineQueue === false ? undefined : offlineQueue.drain),
    will: options.will === undefined ? undefined : resolveWill(options.will, isAws),
    clock,
    random,
  };
}

function checkEndpoint(endpoint: unknown): string {
  const mayBe = 'a host name without scheme, port or path';
  // A URL may hold a password: what stands before the @ is not shown.
  if (typeof endpoint === 'string' && endpoint.includes('@'))
    throw invalid('endpoint', mayBe, endpoint.replace(/^.*@/s, '…@'));
  if (typeof endpoint !== 'string' || endpoint === '' || /[\s/?#]/.test(endpoint)) {
    throw invalid('endpoint', mayBe, endpoint);
  }
  // A colon belongs to an IPv6 address, and to nothing else that may be here.
  if (endpoint.includes(':') && !/^[0-9a-f]*(:[0-9a-f]*){2,}(\.\d+)*(%\w+)?$/i.test(endpoint)) {
    throw invalid('endpoint', mayBe, endpoint);
  }
  return endpoint;
}

function checkAuth(auth: unknown): Authentication {
  const methods = ['signIn', 'validate', 'defaultPort'];
  if (hasMethods(auth, methods)) return auth as Authentication;
  throw invalidSecret('auth', 'mutualTls({ cert, key }) or plainTcp()', auth);
}

/** A copy of bytes, so that the caller may change his. */
function checkCa(ca: PemSource): PemSource {
  new PemOption('ca', ca);
  return typeof ca === 'string' ? ca : new Uint8Array(ca);
}

function checkClock(clock: unknown): void {
  if (!hasMethods(clock, ['now', 'setTimeout', 'clearTimeout'])) {
    throw invalid('clock', 'an object with now, setTimeout and clearTimeout', clock);
  }
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

/** MQTT-3.1.3-4; AWS: at most 128 bytes, and ids that begin with $ are its own. */
function checkClientId(clientId: unknown, isAws: boolean): string {
  const most = isAws ? AWS_LIMITS.clientIdBytes : MQTT_LIMITS.stringBytes;
  const mayBe = `text of 1 to ${most} bytes${isAws ? ' that does not begin with $' : ''}`;
  if (typeof clientId !== 'string' || clientId === '' || clientId.includes('\0') || !isWellFormed(clientId)) {
    throw invalid('clientId', mayBe, clientId);
  }
  if (utf8Bytes(clientId) > most || (isAws && clientId.startsWith('$')))
    throw invalid('clientId', mayBe, clientId);
  return clientId;
}

function checkKeepAlive(seconds: number, isAws: boolean): number {
  const { min, max } = isAws ? AWS_LIMITS.keepAliveSeconds : { min: 1, max: 65_535 };
  return wholeNumber('keepAliveSeconds', seconds, min, max);
}

function resolveReconnect(given: Partial<BackoffPolicy> = {}): BackoffPolicy {
  checkFields('reconnect', given, Object.keys(DEFAULT_BACKOFF));
  const set = Object.entries<unknown>(given).filter(([, value]) => value !== undefined);
  const policy: Record<keyof BackoffPolicy, unknown> = { ...DEFAULT_BACKOFF, ...Object.fromEntries(set) };
  validateBackoff(policy, 'reconnect');
  return policy;
}

function resolveQueue(given: OfflineQueueOptions | false): ResolvedOptions['queue'] {
  const queue = given === false ? {} : given;
  if (typeof queue !== 'object' || (queue as unknown) === null)
    throw invalid('offlineQueue', 'an object, or false', queue);
  checkFields('offlineQueue', queue, ['maxMessages', 'maxBytes', 'overflow', 'drain']);
  const { maxMessages = 20, maxBytes = 64 * 1024 * 1024, overflow = 'dropNewest' } = queue;
  checkBound('offlineQueue.maxMessages', maxMessages);
  checkBound('offlineQueue.maxBytes', maxBytes);
  oneOf('offlineQueue.overflow', overflow, ['dropNewest', 'dropOldest']);
  return { enabled: given !== false, maxMessages, maxBytes, overflow };
}

function checkBound(field: string, value: unknown): void {
  if (value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1)) return;
  throw invalid(field, 'a whole number from 1, or Infinity', value);
}

function resolveDrain(given: Partial<DrainPolicy> = {}): DrainPolicy {
  checkFields('offlineQueue.drain', given, ['perSecond', 'adaptive']);
  const { perSecond = DEFAULT_DRAIN.perSecond, adaptive = DEFAULT_DRAIN.adaptive } = given;
  // Below this the beat would be longer than a timer can be.
  const slowest = 1_000 / MAX_DELAY_MS;
  if (typeof perSecond !== 'number' || !(perSecond >= slowest)) {
    throw invalid(
      'offlineQueue.drain.perSecond',
      'a positive number of messages a second, or Infinity',
      perSecond,
    );
  }
  oneOf('offlineQueue.drain.adaptive', adaptive, [true, false]);
  return { perSecond, adaptive };
}

function resolveWill(will: WillOptions, isAws: boolean): Will {
  checkFields('will', will, ['topic', 'payload', 'qos', 'retain']);
  const { topic, payload: given = '', qos = 0, retain = false } = will;
  validateTopicName(topic, 'will.topic');
  const payload = encodePayload(given, 'will.payload');
  checkWillSize(payload);
  if (isAws) validateAwsTopic(topic, 'will.topic');
  return {
    topic,
    payload,
    qos: qosOf('will.qos', qos),
    retain: oneOf('will.retain', retain, [true, false]),
  };
}

/** Its length has two bytes in CONNECT: less than a PUBLISH may hold, and less than AWS takes there. */
function checkWillSize(payload: string | Uint8Array): void {
  const bytes = payloadBytes(payload);
  if (bytes <= MQTT_LIMITS.binaryBytes) return;
  throw invalid('will.payload', `at most ${MQTT_LIMITS.binaryBytes} bytes long`, `${bytes} bytes`);
}
