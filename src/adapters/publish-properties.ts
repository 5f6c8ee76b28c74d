import type { MessageProperties } from '../protocol/message.ts';
import { lengthBytes, writeLength } from './variable-byte-integer.ts';

/** The identifiers of 2.2.2.2. */
const PAYLOAD_FORMAT = 0x01;
const MESSAGE_EXPIRY = 0x02;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const USER_PROPERTY = 0x26;

/** The properties of a PUBLISH (MQTT 5, 3.3.2.3), with their length in front. */
export function encodeProperties(properties: MessageProperties): Buffer {
  const { payloadFormat, messageExpirySeconds, contentType, responseTopic, correlationData, userProperties } =
    properties;
  const fields: Buffer[] = [];
  if (payloadFormat !== undefined)
    fields.push(Buffer.from([PAYLOAD_FORMAT, payloadFormat === 'utf8' ? 1 : 0]));
  if (messageExpirySeconds !== undefined) fields.push(fourBytes(MESSAGE_EXPIRY, messageExpirySeconds));
  if (contentType !== undefined) fields.push(field(CONTENT_TYPE, contentType));
  if (responseTopic !== undefined) fields.push(field(RESPONSE_TOPIC, responseTopic));
  if (correlationData !== undefined) fields.push(field(CORRELATION_DATA, correlationData));
  for (const [name, values] of Object.entries(userProperties ?? {})) {
    for (const value of typeof values === 'string' ? [values] : values) {
      fields.push(field(USER_PROPERTY, name), lengthAndContent(value));
    }
  }
  const length = fields.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const prefix = Buffer.allocUnsafe(lengthBytes(length));
  writeLength(prefix, 0, length);
  return Buffer.concat([prefix, ...fields]);
}

function fourBytes(identifier: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(5);
  bytes.writeUInt32BE(value, bytes.writeUInt8(identifier, 0));
  return bytes;
}

function field(identifier: number, content: string | Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(identifier), lengthAndContent(content)]);
}

/** A string (1.5.4) or binary data (1.5.6): two bytes of length in front. */
function lengthAndContent(content: string | Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(2 + Buffer.byteLength(content));
  bytes.writeUInt16BE(bytes.byteLength - 2, 0);
  if (typeof content === 'string') bytes.write(content, 2);
  else bytes.set(content, 2);
  return bytes;
}
