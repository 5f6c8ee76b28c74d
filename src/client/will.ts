import { invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { MQTT_LIMITS } from '../protocol/limits.ts';
import type { MessageProperties, QoS, Will } from '../protocol/message.ts';
import { encodePayload, type PayloadInput, payloadBytes } from '../protocol/payload.ts';
import { propertiesBytes } from '../protocol/property-bytes.ts';
import { validateAwsTopic, validateTopicName } from '../protocol/topics.ts';
import { needsMqtt5, oneOf, qosOf, wholeNumber } from './checks.ts';
import { copyProperties } from './message-properties.ts';

/** The message that the broker publishes when the device vanishes without saying goodbye. */
export interface WillOptions {
  readonly topic: string;
  /** At most 65,535 bytes (MQTT 3.1.3.4). Default: an empty payload. */
  readonly payload?: PayloadInput;
  /** Default 0. */
  readonly qos?: QoS;
  /** Default false. */
  readonly retain?: boolean;
  /**
   * How long the broker waits before it publishes it, in seconds, 0 to 4,294,967,295: a client that is back by then
   * prevents it, and the end of the session comes first (MQTT 5, 3.1.3.2.2). MQTT 5 only. Default 0.
   */
  readonly delaySeconds?: number;
  /** As those of a publish. MQTT 5 only (3.1.3.2). */
  readonly properties?: MessageProperties;
}

/** What else CONNECT may hold: five texts of the greatest length, and some bytes that are always there. */
const CONNECT_OVERHEAD = 5 * (2 + MQTT_LIMITS.stringBytes) + 64;
const MOST_PROPERTIES = MQTT_LIMITS.remainingLengthBytes - CONNECT_OVERHEAD;

/** @throws IotError `INVALID_ARGUMENT` */
export function resolveWill(
  will: WillOptions,
  { isAws, protocolVersion }: { readonly isAws: boolean; readonly protocolVersion: 4 | 5 },
): Will {
  checkFields('will', will, ['topic', 'payload', 'qos', 'retain', 'delaySeconds', 'properties']);
  const { topic, payload: given = '', qos = 0, retain = false, delaySeconds, properties } = will;
  if (protocolVersion !== 5) {
    if (delaySeconds !== undefined) throw needsMqtt5('will.delaySeconds');
    if (properties !== undefined) throw needsMqtt5('will.properties');
  }
  validateTopicName(topic, 'will.topic');
  const payload = encodePayload(given, 'will.payload');
  checkWillSize(payload);
  if (isAws) validateAwsTopic(topic, 'will.topic');
  return {
    topic,
    payload,
    qos: qosOf('will.qos', qos),
    retain: oneOf('will.retain', retain, [true, false]),
    ...(delaySeconds === undefined
      ? {}
      : { delaySeconds: wholeNumber('will.delaySeconds', delaySeconds, 0, MQTT_LIMITS.fourByteInteger) }),
    ...(properties === undefined ? {} : { properties: willProperties(properties, isAws) }),
  };
}

/** Its length has two bytes in CONNECT: less than a PUBLISH may hold, and less than AWS takes there. */
function checkWillSize(payload: string | Uint8Array): void {
  const bytes = payloadBytes(payload);
  if (bytes <= MQTT_LIMITS.binaryBytes) return;
  throw invalid('will.payload', `at most ${MQTT_LIMITS.binaryBytes} bytes long`, `${bytes} bytes`);
}

function willProperties(given: MessageProperties, isAws: boolean): MessageProperties {
  const properties = copyProperties('will.properties', given, isAws);
  const bytes = propertiesBytes(properties);
  if (bytes <= MOST_PROPERTIES) return properties;
  throw invalid('will.properties', `at most ${MOST_PROPERTIES} bytes long`, `${bytes} bytes`);
}
