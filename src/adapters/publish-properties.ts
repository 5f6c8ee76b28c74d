import type { MessageProperties } from '../protocol/message.ts';
import { writeTextField, writeTwoBytes } from './packet-fields.ts';

/** The identifiers of 2.2.2.2. */
const PAYLOAD_FORMAT = 0x01;
const MESSAGE_EXPIRY = 0x02;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const USER_PROPERTY = 0x26;

/**
 * Writes the properties of a PUBLISH (MQTT 5, 3.3.2.3), without the length that stands before them, and returns where they
 * end: `propertiesBytes()` further on.
 */
export function writeProperties(packet: Uint8Array, start: number, properties: MessageProperties): number {
  const { payloadFormat, messageExpirySeconds, contentType, responseTopic, correlationData, userProperties } =
    properties;
  let at = start;
  const identify = (identifier: number): number => {
    packet[at] = identifier;
    return at + 1;
  };
  if (payloadFormat !== undefined) {
    at = identify(PAYLOAD_FORMAT);
    packet[at++] = payloadFormat === 'utf8' ? 1 : 0;
  }
  if (messageExpirySeconds !== undefined) {
    at = writeTwoBytes(packet, identify(MESSAGE_EXPIRY), messageExpirySeconds >>> 16);
    at = writeTwoBytes(packet, at, messageExpirySeconds);
  }
  if (contentType !== undefined) at = writeTextField(packet, identify(CONTENT_TYPE), contentType);
  if (responseTopic !== undefined) at = writeTextField(packet, identify(RESPONSE_TOPIC), responseTopic);
  if (correlationData !== undefined) {
    at = writeTwoBytes(packet, identify(CORRELATION_DATA), correlationData.byteLength);
    packet.set(correlationData, at);
    at += correlationData.byteLength;
  }
  for (const [name, values] of Object.entries(userProperties ?? {})) {
    for (const value of typeof values === 'string' ? [values] : values) {
      at = writeTextField(packet, identify(USER_PROPERTY), name);
      at = writeTextField(packet, at, value);
    }
  }
  return at;
}
