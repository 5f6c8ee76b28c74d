import { describe, invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { AWS_LIMITS, MQTT_LIMITS } from '../protocol/limits.ts';
import type { MessageProperties, UserProperties } from '../protocol/message.ts';
import { validateTopicName } from '../protocol/topics.ts';
import { isWellFormed, utf8Bytes } from '../protocol/utf8.ts';
import { oneOf, wholeNumber } from './checks.ts';

const FIELDS = [
  'contentType',
  'payloadFormat',
  'responseTopic',
  'correlationData',
  'messageExpirySeconds',
  'userProperties',
] as const satisfies readonly (keyof MessageProperties)[];

/**
 * Checks the properties of a publish or a will by the rules of MQTT 5 (3.3.2.3), and copies them, so that the caller may
 * change his at once afterwards.
 *
 * @param field How the error calls them.
 * @throws IotError `INVALID_ARGUMENT`
 */
export function copyProperties(field: string, given: unknown, isAws: boolean): MessageProperties {
  checkFields(field, given, FIELDS);
  const properties: { [Name in keyof MessageProperties]: unknown } = given as object;
  const copy: { -readonly [Name in keyof MessageProperties]: MessageProperties[Name] } = {};
  const { contentType, payloadFormat, responseTopic, correlationData, messageExpirySeconds, userProperties } =
    properties;
  if (contentType !== undefined) copy.contentType = textOf(`${field}.contentType`, contentType);
  if (payloadFormat !== undefined)
    copy.payloadFormat = oneOf(`${field}.payloadFormat`, payloadFormat, ['bytes', 'utf8']);
  if (responseTopic !== undefined) {
    validateTopicName(responseTopic, `${field}.responseTopic`);
    copy.responseTopic = responseTopic;
  }
  if (correlationData !== undefined)
    copy.correlationData = bytesOf(`${field}.correlationData`, correlationData);
  if (messageExpirySeconds !== undefined) {
    const most = isAws ? AWS_LIMITS.messageExpirySeconds : MQTT_LIMITS.fourByteInteger;
    copy.messageExpirySeconds = wholeNumber(`${field}.messageExpirySeconds`, messageExpirySeconds, 1, most);
  }
  if (userProperties !== undefined)
    copy.userProperties = copyUserProperties(`${field}.userProperties`, userProperties);
  return copy;
}

function copyUserProperties(field: string, given: unknown): UserProperties {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid(field, 'an object of names and their values', given);
  // Not by assignment: `__proto__` is a name like any other.
  return Object.fromEntries(
    Object.entries(given).map(([name, value]: [string, unknown]) => {
      const place = `${field}[${describe(name)}]`;
      textOf(`a name in ${field}`, name);
      // Not by map(), which passes over what is missing.
      const texts = Array.isArray(value)
        ? Array.from(value, (one) => textOf(place, one))
        : textOf(place, value);
      return [name, texts];
    }),
  );
}

/** A string of MQTT, which may be empty (1.5.4). */
function textOf(field: string, value: unknown): string {
  const most = MQTT_LIMITS.stringBytes;
  if (typeof value !== 'string') throw invalid(field, 'a string', value);
  if (value.length > most || utf8Bytes(value) > most)
    throw invalid(field, `at most ${most} bytes of UTF-8`, value);
  if (value.includes('\0') || !isWellFormed(value))
    throw invalid(field, 'a string without NUL characters and lone surrogates', value);
  return value;
}

/** Binary data (1.5.6), copied. */
function bytesOf(field: string, value: unknown): Uint8Array {
  const most = MQTT_LIMITS.binaryBytes;
  const wrong = invalid(field, `a Uint8Array of at most ${most} bytes`, value);
  if (!(value instanceof Uint8Array) || value.byteLength > most) throw wrong;
  try {
    return new Uint8Array(value);
  } catch {
    // They were transferred to a worker.
    throw wrong;
  }
}
