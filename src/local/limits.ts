import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';

/**
 * What AWS IoT Core allows
 * (https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits), one connection unless it says otherwise.
 * `Infinity` takes a limit away.
 */
export interface LocalIotCoreLimits {
  /** A longer payload closes the connection. @default 131072 */
  readonly payloadBytes: number;
  /** UTF-8 bytes of a topic or filter. @default 256 */
  readonly topicBytes: number;
  /** @default 7 */
  readonly topicSlashes: number;
  /** @default 8 */
  readonly filtersPerSubscribe: number;
  /** @default 50 */
  readonly subscriptionsPerConnection: number;
  /** UTF-8 bytes. @default 128 */
  readonly clientIdBytes: number;
  /** A client that asks for less gets this. @default 30 */
  readonly minKeepAliveSeconds: number;
  /** A client that asks for more, or for none, gets this. @default 1200 */
  readonly maxKeepAliveSeconds: number;
  /**
   * Messages from and to the client together. What a client publishes beyond is discarded, QoS 1 without a PUBACK; what it would be
   * sent is discarded with QoS 0 and comes later with QoS 1. @default 100
   */
  readonly publishesPerSecond: number;
  /** From and to the client together; more of it comes later. @default 524288 */
  readonly bytesPerSecond: number;
  /** QoS 1 messages that were sent to the client and have no PUBACK yet; the next one waits for one. @default 100 */
  readonly unacknowledgedPublishes: number;
  /** A CONNECT that comes too early waits until it may. @default 1 */
  readonly connectsPerSecondPerClientId: number;
  /** How long a persistent session is kept without its client. @default 3600 */
  readonly sessionExpirySeconds: number;
  /** How fast a client gets what its persistent session has kept for it. @default 10 */
  readonly queuedPublishesPerSecond: number;
  /** A WebSocket that is older is closed at the next packet of its client. @default 86400 */
  readonly webSocketLifetimeSeconds: number;
  /** Of one shadow: its desired and its reported state together. @default 8192 */
  readonly shadowDocumentBytes: number;
  /** Levels of desired or of reported state. AWS's table of quotas says 8, the text of its error says 6. @default 6 */
  readonly shadowLevels: number;
  /** Shadow requests without an answer; more are rejected with 429. @default 10 */
  readonly shadowRequestsInFlight: number;
  /** About one thing, by all its clients; more are rejected with 429. @default 20 */
  readonly shadowRequestsPerSecond: number;
  /** UTF-8 bytes of a client token. @default 64 */
  readonly clientTokenBytes: number;
}

const DEFAULTS: LocalIotCoreLimits = Object.freeze({
  payloadBytes: AWS_LIMITS.payloadBytes,
  topicBytes: AWS_LIMITS.topicBytes,
  topicSlashes: AWS_LIMITS.topicSlashes,
  filtersPerSubscribe: AWS_LIMITS.filtersPerSubscribe,
  subscriptionsPerConnection: AWS_LIMITS.subscriptionsPerConnection,
  clientIdBytes: AWS_LIMITS.clientIdBytes,
  minKeepAliveSeconds: AWS_LIMITS.keepAliveSeconds.min,
  maxKeepAliveSeconds: AWS_LIMITS.keepAliveSeconds.max,
  publishesPerSecond: AWS_LIMITS.publishesPerSecond,
  bytesPerSecond: AWS_LIMITS.bytesPerSecond,
  unacknowledgedPublishes: AWS_LIMITS.unacknowledgedPublishes,
  connectsPerSecondPerClientId: AWS_LIMITS.connectsPerSecondPerClientId,
  // Those that bind nothing but the broker: a client need not know them.
  sessionExpirySeconds: 3_600,
  queuedPublishesPerSecond: 10,
  webSocketLifetimeSeconds: AWS_LIMITS.webSocketLifetimeMs / 1_000,
  shadowDocumentBytes: AWS_LIMITS.shadow.documentBytes,
  shadowLevels: 6,
  shadowRequestsInFlight: AWS_LIMITS.shadow.requestsInFlight,
  shadowRequestsPerSecond: AWS_LIMITS.shadow.requestsPerSecondPerThing,
  clientTokenBytes: AWS_LIMITS.shadow.clientTokenBytes,
});

/**
 * Takes away all that a core counts by the second, for tests and measurements that go as fast as they can:
 * `startLocalIotCore({ limits: { ...NO_RATE_LIMITS, filtersPerSubscribe: 20 } })`.
 */
export const NO_RATE_LIMITS = Object.freeze({
  publishesPerSecond: Infinity,
  bytesPerSecond: Infinity,
  connectsPerSecondPerClientId: Infinity,
  queuedPublishesPerSecond: Infinity,
  shadowRequestsPerSecond: Infinity,
}) satisfies Partial<LocalIotCoreLimits>;

/** AWS's limits with some of them changed. */
export function limitsFrom(changed: Partial<LocalIotCoreLimits>): LocalIotCoreLimits {
  checkFields('limits', changed, Object.keys(DEFAULTS));
  for (const [name, value] of Object.entries(changed)) {
    if (typeof value !== 'number' || !(value >= 0)) throw invalid(`limits.${name}`, 'a number from 0', value);
  }
  return { ...DEFAULTS, ...changed };
}
