import { invalid } from '../protocol/errors.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';

/**
 * What AWS IoT Core allows one connection
 * (https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits).
 * `Infinity` takes a limit away.
 */
export interface LocalIotCoreLimits {
  /** @default 131072 */
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
});

/** AWS's limits with some of them changed. */
export function limitsFrom(changed: Partial<LocalIotCoreLimits>): LocalIotCoreLimits {
  for (const [name, value] of Object.entries(changed)) {
    if (!(name in DEFAULTS)) throw invalid('limits', `made of ${Object.keys(DEFAULTS).join(', ')}`, changed);
    if (typeof value !== 'number' || !(value >= 0)) throw invalid(`limits.${name}`, 'a number from 0', value);
  }
  return { ...DEFAULTS, ...changed };
}
