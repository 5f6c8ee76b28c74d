import { invalid } from '../protocol/errors.ts';
import type { SubscriptionOptions } from '../protocol/message.ts';
import { parseSharedFilter } from '../protocol/topics.ts';
import { needsMqtt5, oneOf } from './checks.ts';

/** Their names. */
export const SUBSCRIPTION_FIELDS = [
  'noLocal',
  'retainAsPublished',
  'retainHandling',
] as const satisfies readonly (keyof SubscriptionOptions)[];

/**
 * What a call asks for beside the QoS; undefined when nothing.
 *
 * @throws IotError `INVALID_ARGUMENT`; also for `noLocal` with a shared filter (MQTT-3.8.3-4)
 */
export function subscriptionOptions(
  filter: string,
  given: SubscriptionOptions,
  protocolVersion: 4 | 5,
): SubscriptionOptions | undefined {
  const named = SUBSCRIPTION_FIELDS.find((name) => given[name] !== undefined);
  if (named === undefined) return undefined;
  if (protocolVersion !== 5) throw needsMqtt5(named);
  const { noLocal = false, retainAsPublished = false, retainHandling = 0 } = given;
  oneOf('noLocal', noLocal, [true, false]);
  oneOf('retainAsPublished', retainAsPublished, [true, false]);
  oneOf('retainHandling', retainHandling, [0, 1, 2]);
  if (noLocal && parseSharedFilter(filter) !== undefined)
    throw invalid('noLocal', 'false or left out for a shared filter', noLocal);
  return { noLocal, retainAsPublished, retainHandling };
}
