import { invalid } from '../protocol/errors.ts';

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

export const AWS_LIMITS: LocalIotCoreLimits = Object.freeze({
  payloadBytes: 128 * 1024,
  topicBytes: 256,
  topicSlashes: 7,
  filtersPerSubscribe: 8,
  subscriptionsPerConnection: 50,
  clientIdBytes: 128,
  minKeepAliveSeconds: 30,
  maxKeepAliveSeconds: 1_200,
});

/** AWS's limits with some of them changed. */
export function limitsFrom(changed: Partial<LocalIotCoreLimits>): LocalIotCoreLimits {
  for (const [name, value] of Object.entries(changed)) {
    if (!(name in AWS_LIMITS))
      throw invalid('limits', `made of ${Object.keys(AWS_LIMITS).join(', ')}`, changed);
    if (typeof value !== 'number' || !(value >= 0)) throw invalid(`limits.${name}`, 'a number from 0', value);
  }
  return { ...AWS_LIMITS, ...changed };
}
