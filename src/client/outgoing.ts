import { invalid } from '../protocol/errors.ts';
import { AWS_LIMITS, MQTT_LIMITS } from '../protocol/limits.ts';
import type { MessageProperties, OutgoingMessage } from '../protocol/message.ts';
import { encodePayload, type PayloadInput, payloadBytes } from '../protocol/payload.ts';
import { propertiesBytes } from '../protocol/property-bytes.ts';
import { validateAwsTopic, validateTopicName } from '../protocol/topics.ts';
import { utf8Bytes } from '../protocol/utf8.ts';
import { CALL_FIELDS, checkOptions } from './call-checks.ts';
import { needsMqtt5, oneOf, positiveMs, qosOf } from './checks.ts';
import type { PublishOptions } from './iot-client.ts';
import { copyProperties } from './message-properties.ts';

/** What the options of the client say about its messages. */
export interface PublishRules {
  readonly isAws: boolean;
  readonly protocolVersion: 4 | 5;
}

const PUBLISH_FIELDS = [
  ...CALL_FIELDS,
  'qos',
  'retain',
  'expiresInMs',
  'properties',
] as const satisfies readonly (keyof PublishOptions)[];
/** The lengths of a topic and of properties, and a packet id: what a PUBLISH holds beside topic and payload (MQTT 3.3.2). */
const PUBLISH_OVERHEAD = 5;
/** The length of properties grows by as much when they are many. */
const PROPERTIES_OVERHEAD = 3;
/** Topic and payload of any length up to here fit: a character of UTF-16 has at most three bytes of UTF-8. */
const SURELY_FITS =
  Math.floor((MQTT_LIMITS.remainingLengthBytes - PUBLISH_OVERHEAD) / 3) - MQTT_LIMITS.stringBytes;

/** Checks the options of a publish, but for its properties. */
export function checkPublish(options: PublishOptions): void {
  checkOptions(options, PUBLISH_FIELDS);
  if (options.qos !== undefined) qosOf('qos', options.qos);
  if (options.retain !== undefined) oneOf('retain', options.retain, [true, false]);
  if (options.expiresInMs !== undefined) positiveMs('expiresInMs', options.expiresInMs);
}

/**
 * What a publish gives to the outbox: valid, encoded, and nothing of it is the caller's any more.
 *
 * @throws IotError `INVALID_ARGUMENT`
 */
export function outgoingMessage(
  topic: string,
  payload: PayloadInput,
  options: PublishOptions | undefined,
  rules: PublishRules,
): OutgoingMessage {
  validateTopicName(topic);
  const message = {
    topic,
    payload: encodePayload(payload),
    qos: options?.qos ?? 0,
    retain: options?.retain ?? false,
  };
  if (options?.properties === undefined) {
    checkPublishSize(message, 0);
    if (rules.isAws) checkAwsMessage(message);
    return message;
  }
  const properties = publishProperties(options.properties, rules);
  checkPublishSize(message, PROPERTIES_OVERHEAD + propertiesBytes(properties));
  if (rules.isAws) checkAwsMessage(message);
  return { ...message, properties };
}

function publishProperties(
  given: MessageProperties,
  { isAws, protocolVersion }: PublishRules,
): MessageProperties {
  if (protocolVersion !== 5) throw needsMqtt5('properties');
  return copyProperties('properties', given, isAws);
}

/** A message that no PUBLISH can hold would stand before all others for ever; so it is refused here. */
function checkPublishSize({ topic, payload }: OutgoingMessage, propertiesLength: number): void {
  if (payload.length + propertiesLength <= SURELY_FITS) return;
  const most = MQTT_LIMITS.remainingLengthBytes - PUBLISH_OVERHEAD - utf8Bytes(topic) - propertiesLength;
  if (most < 0) {
    const excess = `${propertiesLength} bytes`;
    throw invalid('properties', `at most ${most + propertiesLength} bytes long with this topic`, excess);
  }
  const bytes = payloadBytes(payload);
  if (bytes > most) throw invalid('payload', `at most ${most} bytes long with this topic`, `${bytes} bytes`);
}

/** AWS closes the connection over such a message; so it is refused here. */
function checkAwsMessage({ topic, payload }: OutgoingMessage): void {
  validateAwsTopic(topic);
  const bytes = payloadBytes(payload);
  if (bytes <= AWS_LIMITS.payloadBytes) return;
  throw invalid(
    'payload',
    `at most ${AWS_LIMITS.payloadBytes} bytes long for AWS IoT Core`,
    `${bytes} bytes`,
  );
}
