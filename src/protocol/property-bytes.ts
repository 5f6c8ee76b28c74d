import type { MessageProperties } from './message.ts';
import { utf8Bytes } from './utf8.ts';

/** A byte that names a property, and the two that tell how long its value is (MQTT 5, 2.2.2.2, 1.5.4, 1.5.6). */
const NAMED_TEXT = 3;
/** A user property has two texts. */
const NAMED_PAIR = 5;
const PAYLOAD_FORMAT = 2;
const MESSAGE_EXPIRY = 5;

/** How many bytes the properties of a message have on the wire, without the length that stands before them (MQTT 5, 3.3.2.3). */
export function propertiesBytes(properties: MessageProperties): number {
  const { contentType, payloadFormat, responseTopic, correlationData, messageExpirySeconds, userProperties } =
    properties;
  let bytes = 0;
  if (payloadFormat !== undefined) bytes += PAYLOAD_FORMAT;
  if (messageExpirySeconds !== undefined) bytes += MESSAGE_EXPIRY;
  if (contentType !== undefined) bytes += NAMED_TEXT + utf8Bytes(contentType);
  if (responseTopic !== undefined) bytes += NAMED_TEXT + utf8Bytes(responseTopic);
  if (correlationData !== undefined) bytes += NAMED_TEXT + correlationData.byteLength;
  for (const [name, value] of Object.entries(userProperties ?? {})) {
    for (const one of typeof value === 'string' ? [value] : value) {
      bytes += NAMED_PAIR + utf8Bytes(name) + utf8Bytes(one);
    }
  }
  return bytes;
}
