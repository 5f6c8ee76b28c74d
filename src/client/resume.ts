import { IotError, invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { QoS, SubscriptionOptions } from '../protocol/message.ts';
import { shadowTitle, validateShadowAddress } from '../protocol/shadow-topics.ts';
import { validateAwsTopic, validateTopicFilter } from '../protocol/topics.ts';
import { qosOf, wholeNumber } from './checks.ts';
import { SUBSCRIPTION_FIELDS, subscriptionOptions } from './subscription-options.ts';

/**
 * What the next process needs to carry on: plain JSON, without a secret and without a message. What waits in the queue is a durable
 * store's to keep.
 */
export interface DehydratedClient {
  /** Of this format. */
  readonly version: 1;
  /** The filters that are wanted; those of shadows come back with `client.shadow()`. */
  readonly subscriptions: readonly DehydratedSubscription[];
  /** Those of which a delta was handled. */
  readonly shadows: readonly DehydratedShadow[];
}

/** A filter, as it was asked for. */
export interface DehydratedSubscription extends SubscriptionOptions {
  readonly filter: string;
  readonly qos: QoS;
}

/** A shadow whose delta was handled. */
export interface DehydratedShadow {
  readonly thingName: string;
  /** Left out for the classic shadow. */
  readonly name?: string;
  /** The version of the newest delta, which every handler has handled. */
  readonly handledDelta: number;
}

/** A filter that is wanted before the app has come for it. */
export interface ResumedFilter {
  readonly filter: string;
  readonly qos: QoS;
  /** MQTT 5 only. */
  readonly options: SubscriptionOptions | undefined;
}

export interface ResolvedResume {
  readonly filters: readonly ResumedFilter[];
  /** By the title of the shadow. */
  readonly shadows: ReadonlyMap<string, DehydratedShadow>;
}

/**
 * It comes from a file that anybody may have written, so it is checked as if it were typed by hand.
 *
 * @throws IotError `INVALID_ARGUMENT`
 */
export function resolveResume(
  given: unknown,
  limits: { readonly isAws: boolean; readonly protocolVersion: 4 | 5; readonly maxSubscriptions: number },
): ResolvedResume {
  if (given === undefined) return { filters: [], shadows: new Map() };
  checkFields('resume', given, ['version', 'subscriptions', 'shadows']);
  const { version, subscriptions, shadows } = given as Partial<Record<keyof DehydratedClient, unknown>>;
  if (version !== 1) throw invalid('resume.version', '1', version);
  const filters = listOf('resume.subscriptions', subscriptions).map((one) => resumedFilter(one, limits));
  if (new Set(filters.map(({ filter }) => filter)).size > limits.maxSubscriptions) {
    throw new IotError(
      'INVALID_ARGUMENT',
      `resume.subscriptions has ${filters.length} filters; maxSubscriptions allows ${limits.maxSubscriptions}`,
    );
  }
  const known = listOf('resume.shadows', shadows).map(resumedShadow);
  return { filters, shadows: new Map(known) };
}

function listOf(field: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(field, 'an array', value);
  // What is missing is there too, as undefined: map() would pass over it.
  return Array.from<unknown>(value);
}

function resumedFilter(
  given: unknown,
  { isAws, protocolVersion }: { readonly isAws: boolean; readonly protocolVersion: 4 | 5 },
): ResumedFilter {
  checkFields('resume.subscriptions[]', given, ['filter', 'qos', ...SUBSCRIPTION_FIELDS]);
  const { filter, qos, ...options } = given as DehydratedSubscription;
  validateTopicFilter(filter);
  if (isAws) validateAwsTopic(filter, 'filter');
  return {
    filter,
    qos: qosOf('resume.subscriptions[].qos', qos),
    options: subscriptionOptions(filter, options, protocolVersion),
  };
}

function resumedShadow(given: unknown): [string, DehydratedShadow] {
  checkFields('resume.shadows[]', given, ['thingName', 'name', 'handledDelta']);
  const { thingName, name, handledDelta } = given as DehydratedShadow;
  const address = validateShadowAddress(thingName, name);
  wholeNumber('resume.shadows[].handledDelta', handledDelta, 0, Number.MAX_SAFE_INTEGER);
  return [shadowTitle(address), dehydratedShadow({ thingName, name, handledDelta })];
}

export function dehydratedShadow({
  thingName,
  name,
  handledDelta,
}: {
  readonly thingName: string;
  readonly name: string | undefined;
  readonly handledDelta: number;
}): DehydratedShadow {
  return { thingName, ...(name === undefined ? {} : { name }), handledDelta };
}
