import type { Authentication, PemSource } from '../adapters/authentication.ts';
import { type BackoffPolicy, DEFAULT_BACKOFF, validateBackoff } from '../protocol/backoff.ts';
import { type Clock, MAX_DELAY_MS, systemClock, systemRandom } from '../protocol/clock.ts';
import { isAwsEndpoint } from '../protocol/endpoint.ts';
import { invalid, invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { AWS_LIMITS, MQTT_LIMITS } from '../protocol/limits.ts';
import type { Will } from '../protocol/message.ts';
import type { RateLimit } from '../protocol/queue-limits.ts';
import { functionOf, hasMethods, oneOf, positiveMs, wholeNumber } from './checks.ts';
import { resolveClientId } from './client-id.ts';
import { checkObserver, type InspectionObserver } from './inspection.ts';
import { type OfflineQueueOptions, type ResolvedQueue, resolveQueue, resolveRate } from './queue-options.ts';
import { type DehydratedClient, type ResolvedResume, resolveResume } from './resume.ts';
import { type ResolvedSession, resolveSession, type SessionOption } from './session.ts';
import { VERSION } from './version.ts';
import { resolveWill, type WillOptions } from './will.ts';

/** Where a client connects to, who it is, and how it behaves. All but `endpoint` and `auth` have a default. */
export interface IotClientOptions {
  /** The host name of the broker: for AWS the account's `…-ats.iot.<region>.amazonaws.com`. */
  readonly endpoint: string;
  /** Default: what `auth` uses (8883 for `mutualTls`, 1883 for `plainTcp`). */
  readonly port?: number;
  /**
   * Unique among all clients of the endpoint: a second client with the same id drops the first. 1 to 128 bytes on AWS.
   *
   * A device should have its own. With a clean session it may be left out, or be empty: with MQTT 3.1.1 this client then
   * has a random one, with MQTT 5 the broker assigns one at the first CONNACK, which is used from then on (MQTT 5, 3.1.3.1).
   */
  readonly clientId?: string;
  /**
   * The authorities that the broker's certificate may come from: a path or PEM. Default: Node's roots, which hold Amazon's.
   * Refused with `plainTcp()`, which has no TLS.
   */
  readonly ca?: PemSource;
  /**
   * How to sign in: `mutualTls({ cert, key })`, or `plainTcp()` for a broker without TLS. Either can say a `username` and a
   * `password` too.
   */
  readonly auth: Authentication;
  /** 4 is MQTT 3.1.1, 5 is MQTT 5. AWS: a session of one cannot be resumed with the other. Default 4. */
  readonly protocolVersion?: 4 | 5;
  /**
   * `clean`: the broker forgets this client with the line. `persistent`: it keeps subscriptions and QoS 1 messages while
   * the client is away (AWS: for an hour by default). `{ expirySeconds }`: for so long; MQTT 5 only. Default `clean`.
   *
   * With a session that is not clean, messages that come before there is a handler for them are held: up to 1,000 and
   * 4 MiB, until a subscription matches them or somebody listens to `message`. They are held in memory only.
   */
  readonly session?: SessionOption;
  /**
   * The longest silence, in seconds: after so long without a packet to or a byte from the broker the line is pinged. 30 to
   * 1,200 on AWS, 1 to 65,535 elsewhere. Default 30.
   */
  readonly keepAliveSeconds?: number;
  /**
   * How long the answer to a ping may take before the line is given up. While publishes are under way it may take longer, as
   * if they went at 1,000 bytes a second, but no longer than one and a half keep-alives: a slow uplink is no death. Default
   * 5,000.
   */
  readonly pingTimeoutMs?: number;
  /** How long one attempt may take, from reading the certificates to CONNACK. Default 15,000. */
  readonly attemptTimeoutMs?: number;
  /**
   * How long an acknowledgement may take before the line is suspected and pinged. A QoS 1 publish that has none after six
   * times as long is sent again on a new line, with `OPERATION_TIMEOUT` as the reason; a slow uplink has the same allowance
   * as for `pingTimeoutMs`. Default 5,000.
   */
  readonly operationTimeoutMs?: number;
  /** Progressive backoff. Default `{ baseMs: 1_000, maxMs: 32_000, stableMs: 20_000, jitter: 'equal', firstRetryWithinMs: 0 }`. */
  readonly reconnect?: Partial<BackoffPolicy>;
  /**
   * How long lies between two CONNECTs of this client at least. Default 1,000 on AWS, which takes one a second of a client id, and 0
   * elsewhere.
   */
  readonly connectIntervalMs?: number;
  /** What happens to publishes while there is no live line; `false`: they are refused with `NOT_CONNECTED`. */
  readonly offlineQueue?: OfflineQueueOptions | false;
  /**
   * How much is published in any second, at most; more waits, in its order, and what is sent again counts again. `false`: no
   * limit. Default on AWS, which discards what is more: `{ publishesPerSecond: 100, bytesPerSecond: 524_288 }`. Default
   * elsewhere: `false`.
   */
  readonly rateLimit?: Partial<RateLimit> | false;
  /**
   * How many filters may be subscribed at a time, those of device shadows included; one more is refused with
   * `TOO_MANY_SUBSCRIPTIONS`. Default on AWS, which closes the connection over it: 50. Default elsewhere: `Infinity`.
   */
  readonly maxSubscriptions?: number;
  /**
   * The largest packet that is taken from the broker, in bytes, from 1,024 to 268,435,455. MQTT 5 tells the broker
   * (3.1.2.11.4); a larger one ends the line with `PACKET_TOO_LARGE`. Default 262,144 on AWS, where no packet is larger, and
   * 16,777,216 elsewhere.
   */
  readonly maximumPacketBytes?: number;
  /**
   * Whether CONNECT tells AWS IoT Core the name and the version of this package, in its user name. AWS only: elsewhere
   * `false` or left out. Default true.
   */
  readonly metrics?: boolean;
  /** Default: no will. */
  readonly will?: WillOptions;
  /**
   * What an earlier process got from `client.dehydrate()`: its subscriptions are asked for again before the app comes for them, and
   * a delta that its handlers had handled is not told again. Default: nothing.
   */
  readonly resume?: DehydratedClient;
  /**
   * Hears every step of the machines, as `inspect` of XState's `createActor()`: a function, or an observer such as that of
   * `statelyInspector()`. It is called in the midst of a step and must not call the client. Default: nobody, which costs nothing.
   */
  readonly inspect?: InspectionObserver;
  /** The source of time. For tests; default: the process's own. */
  readonly clock?: Clock;
  /** Numbers in [0, 1) for the jitter; 0.5 stands for anything else. For tests; default: the process's own. */
  readonly random?: () => number;
}

/** Options with every default filled in. */
export interface ResolvedOptions extends ResolvedSession, ResolvedQueue {
  readonly endpoint: string;
  readonly isAws: boolean;
  readonly port: number;
  /** Empty when the broker is to assign one. */
  readonly clientId: string;
  readonly ca: PemSource | undefined;
  readonly auth: Authentication;
  readonly protocolVersion: 4 | 5;
  readonly keepAliveSeconds: number;
  readonly pingTimeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly operationTimeoutMs: number;
  readonly reconnect: BackoffPolicy;
  readonly connectIntervalMs: number;
  readonly rate: RateLimit | undefined;
  readonly maxSubscriptions: number;
  readonly maximumPacketBytes: number;
  /** What is appended to the user name of CONNECT. */
  readonly userNameSuffix: string | undefined;
  readonly will: Will | undefined;
  readonly resume: ResolvedResume;
  readonly inspect: InspectionObserver | undefined;
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
  'connectIntervalMs',
  'offlineQueue',
  'rateLimit',
  'maxSubscriptions',
  'maximumPacketBytes',
  'metrics',
  'will',
  'resume',
  'inspect',
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
  auth.validate({ endpoint, port, ...(options.ca === undefined ? {} : { ca: options.ca }) });
  checkClock(clock);
  functionOf('random', random);
  oneOf('protocolVersion', protocolVersion, [4, 5]);
  const resolvedSession = resolveSession(session, protocolVersion);
  const { clean } = resolvedSession;
  const maxSubscriptions = checkMaxSubscriptions(options.maxSubscriptions, isAws);
  if (options.inspect !== undefined) checkObserver(options.inspect);
  return {
    endpoint,
    isAws,
    port,
    clientId: resolveClientId(options.clientId, { isAws, clean, protocolVersion }),
    // A copy of bytes, so that the caller may change his.
    ca: options.ca instanceof Uint8Array ? new Uint8Array(options.ca) : options.ca,
    auth,
    protocolVersion,
    ...resolvedSession,
    keepAliveSeconds: checkKeepAlive(keepAliveSeconds, isAws),
    pingTimeoutMs: positiveMs('pingTimeoutMs', pingTimeoutMs),
    attemptTimeoutMs: positiveMs('attemptTimeoutMs', attemptTimeoutMs),
    operationTimeoutMs: positiveMs('operationTimeoutMs', operationTimeoutMs),
    reconnect: resolveReconnect(options.reconnect),
    connectIntervalMs: checkConnectInterval(options.connectIntervalMs, isAws),
    ...resolveQueue(offlineQueue),
    rate: resolveRate(options.rateLimit, isAws),
    maxSubscriptions,
    maximumPacketBytes: checkMaximumPacket(options.maximumPacketBytes, isAws),
    userNameSuffix: resolveMetrics(options.metrics, isAws),
    will: options.will === undefined ? undefined : resolveWill(options.will, { isAws, protocolVersion }),
    resume: resolveResume(options.resume, { isAws, protocolVersion, maxSubscriptions }),
    inspect: options.inspect,
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
  throw invalidSecret('auth', 'what mutualTls(), sigV4(), customAuthorizer() or plainTcp() returns', auth);
}

function checkClock(clock: unknown): void {
  if (!hasMethods(clock, ['now', 'setTimeout', 'clearTimeout'])) {
    throw invalid('clock', 'an object with now, setTimeout and clearTimeout', clock);
  }
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

function checkMaxSubscriptions(count: number | undefined, isAws: boolean): number {
  if (count === undefined) return isAws ? AWS_LIMITS.subscriptionsPerConnection : Number.POSITIVE_INFINITY;
  if (count === Number.POSITIVE_INFINITY) return count;
  return wholeNumber('maxSubscriptions', count, 1, Number.MAX_SAFE_INTEGER);
}

function checkConnectInterval(intervalMs: number | undefined, isAws: boolean): number {
  if (intervalMs === undefined) return isAws ? 1_000 / AWS_LIMITS.connectsPerSecondPerClientId : 0;
  return wholeNumber('connectIntervalMs', intervalMs, 0, MAX_DELAY_MS);
}

function checkMaximumPacket(bytes: number | undefined, isAws: boolean): number {
  if (bytes === undefined) return isAws ? 256 * 1024 : 16 * 1024 * 1024;
  return wholeNumber('maximumPacketBytes', bytes, 1_024, MQTT_LIMITS.remainingLengthBytes);
}

/** What AWS IoT Core counts its SDKs by stands in the user name, which it reads for nothing else with certificates. */
function resolveMetrics(metrics: boolean | undefined, isAws: boolean): string | undefined {
  if (metrics !== undefined) oneOf('metrics', metrics, [true, false]);
  if (metrics === true && !isAws)
    throw invalid('metrics', 'false or left out: only AWS IoT Core reads them', metrics);
  return isAws && metrics !== false ? `?SDK=aws-iot-machines&Version=${VERSION}` : undefined;
}
