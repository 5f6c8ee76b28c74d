import { describe, IotError } from './errors.ts';
import { AWS_LIMITS } from './limits.ts';
import { type Reason, reasonFailure, reasons } from './reason.ts';

const publish = (words: string, remediation?: string): Reason => ({
  code: 'PUBLISH_REFUSED',
  words,
  remediation,
});

const filter = (words: string, remediation?: string): Reason => ({
  code: 'SUBSCRIPTION_REFUSED',
  words,
  remediation,
});

const FILTER_INVALID = 'Check the filter: it is valid MQTT, but not to this broker.';

/** What a code in PUBACK means. Source: MQTT 5, section 3.4.2.1; PUBACK of MQTT 3.1.1 has none. */
export const PUBACK_REASONS = reasons({
  128: publish('unspecified error'),
  131: publish('implementation specific error'),
  135: publish(
    'not authorized',
    'Check that the policy of this client allows it to publish to this topic, and to retain if it does.',
  ),
  144: publish('topic name invalid', 'Check the topic: it is valid MQTT, but not to this broker.'),
  145: publish('packet identifier in use'),
  151: publish('quota exceeded', 'Publish less often, or have the quota raised at the broker.'),
  153: publish('payload format invalid', 'Publish a payload that is what its payload format says.'),
});

/** What a code in SUBACK means. Sources: MQTT 5, section 3.9.3; MQTT 3.1.1, section 3.9.3, which has 128 alone. */
export const SUBACK_REASONS = reasons({
  // AWS IoT Core gives MQTT 3.1.1 this code for a malformed filter; for one that is denied it may close the line.
  128: filter(
    'refused without a reason',
    'Check the filter, and that the policy of this client allows it to subscribe to it.',
  ),
  131: filter('implementation specific error'),
  135: filter(
    'not authorized',
    'Check that the policy of this client allows it to subscribe to, and to receive from, this filter.',
  ),
  143: filter('topic filter invalid', FILTER_INVALID),
  145: filter('packet identifier in use'),
  // https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
  151: filter(
    'quota exceeded',
    `Hold fewer subscriptions at once: AWS IoT Core allows ${AWS_LIMITS.subscriptionsPerConnection} on a connection.`,
  ),
  158: filter('shared subscriptions not supported', 'Subscribe without `$share/`.'),
  161: filter('subscription identifiers not supported'),
  162: filter('wildcard subscriptions not supported', 'Subscribe to filters without + and #.'),
});

/** What a code in UNSUBACK means. Source: MQTT 5, section 3.11.3; UNSUBACK of MQTT 3.1.1 has none. */
export const UNSUBACK_REASONS = reasons({
  128: filter('unspecified error'),
  131: filter('implementation specific error'),
  135: filter('not authorized', 'Check that the policy of this client allows it to unsubscribe.'),
  143: filter('topic filter invalid', FILTER_INVALID),
  145: filter('packet identifier in use'),
});

const UNKNOWN = 'no reason that has a name';

/** SUBACK refused one filter. */
export function subscriptionRefused(refused: string, code: number, reasonString?: string): IotError {
  const what = `the broker refused the subscription to ${describe(refused)}`;
  return reasonFailure(what, SUBACK_REASONS.get(code) ?? filter(UNKNOWN), code, { reasonString });
}

/** UNSUBACK refused one filter (MQTT 5 only). */
export function unsubscriptionRefused(refused: string, code: number, reasonString?: string): IotError {
  const what = `the broker refused to end the subscription to ${describe(refused)}`;
  return reasonFailure(what, UNSUBACK_REASONS.get(code) ?? filter(UNKNOWN), code, { reasonString });
}

/** PUBACK refused one publish (MQTT 5 only). */
export function publishRefused(topic: string, code: number, reasonString?: string): IotError {
  const what = `the broker refused the publish to ${describe(topic)}`;
  return reasonFailure(what, PUBACK_REASONS.get(code) ?? publish(UNKNOWN), code, { reasonString });
}

/** A packet larger than CONNACK's Maximum Packet Size may not be sent (MQTT 5, 3.2.2.3.6). */
export function tooLargeForBroker(topic: string, bytes: number, mostBytes: number): IotError {
  return new IotError(
    'PUBLISH_REFUSED',
    `the publish to ${describe(topic)} makes a packet of ${bytes} bytes, and the broker takes at most ${mostBytes}; it was not sent`,
    { remediation: 'Publish a smaller payload.' },
  );
}

/** CONNACK said that the broker takes no such publish (MQTT 5: Maximum QoS, 3.2.2.3.4; Retain Available, 3.2.2.3.5). */
export function notSupportedByBroker(topic: string, what: 'QoS 1' | 'retain'): IotError {
  return new IotError(
    'PUBLISH_REFUSED',
    `the broker does not support ${what}: the publish to ${describe(topic)} was not sent`,
    { remediation: what === 'QoS 1' ? 'Publish with QoS 0.' : 'Publish without `retain`.' },
  );
}
