// Everything that can end an attempt, a line, a publish or a subscription, as the typed error for it. docs/errors.md has
// all of the tables on one page.
import { IotError } from './errors.ts';
import { at, type FailurePlace } from './failure-place.ts';

export { closedFailure } from './closed-failures.ts';
export { connackFailure } from './connack-reasons.ts';
export { disconnectFailure } from './disconnect-reasons.ts';
export {
  closedOverPacket,
  duplicateClientId,
  poisonPublish,
  poisonSubscription,
} from './early-close-failures.ts';
export type { FailurePlace, FailureStage } from './failure-place.ts';
export { networkFailure } from './network-failures.ts';
export {
  notSupportedByBroker,
  publishRefused,
  subscriptionRefused,
  tooLargeForBroker,
  unsubscriptionRefused,
} from './refusal-reasons.ts';
export { upgradeFailure, upgradeIncomplete } from './upgrade-failure.ts';

/**
 * The broker sent something that MQTT forbids: this connection cannot be trusted any longer.
 *
 * @param what In words of this package or of its codec, never of the broker.
 */
export function protocolFailure(what: string, place: FailurePlace, cause?: unknown): IotError {
  return new IotError('PROTOCOL_ERROR', `${at(place)} broke the MQTT protocol: ${what}`, { cause });
}

/** The broker announced a packet larger than this client takes; it is not read. */
export function packetTooLarge(bytes: number, mostBytes: number, place: FailurePlace): IotError {
  return new IotError(
    'PACKET_TOO_LARGE',
    `${at(place)} sent a packet of ${bytes} bytes; this client takes at most ${mostBytes}`,
    { remediation: 'Let nobody publish messages of this size to what this client subscribes to.' },
  );
}

/** A fault of this package, or of a callback it was given. */
export function internalFailure(what: string, cause: unknown): IotError {
  return new IotError('INTERNAL', what, { cause });
}
