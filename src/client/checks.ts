import { MAX_DELAY_MS } from '../protocol/clock.ts';
import { IotError, invalid } from '../protocol/errors.ts';
import { AWS_LIMITS, MQTT_LIMITS } from '../protocol/limits.ts';
import type { OutgoingMessage, QoS } from '../protocol/message.ts';
import { payloadBytes } from '../protocol/payload.ts';
import { validateAwsTopic } from '../protocol/topics.ts';
import { utf8Bytes } from '../protocol/utf8.ts';

/** Checks that a value is an object with these fields and no others; names the stranger and what it may have meant. */
export function checkFields(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(name, 'an object', value);
  for (const field of Object.keys(value)) {
    if (!known.includes(field)) {
      throw new IotError(
        'INVALID_ARGUMENT',
        `${name} has no field ${JSON.stringify(field)}; it may have ${known.join(', ')}`,
      );
    }
  }
}

export function wholeNumber(field: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(field, `a whole number from ${min} to ${max}`, value);
}

export function positiveMs(field: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= MAX_DELAY_MS) return value;
  throw invalid(field, `a number of milliseconds, more than 0 and at most ${MAX_DELAY_MS}`, value);
}

export function oneOf<const T extends string | number | boolean>(
  field: string,
  value: unknown,
  choices: readonly T[],
): T {
  if ((choices as readonly unknown[]).includes(value)) return value as T;
  throw invalid(field, choices.map((choice) => JSON.stringify(choice)).join(' or '), value);
}

export function qosOf(field: string, value: unknown): QoS {
  return oneOf(field, value, [0, 1]);
}

export function functionOf(field: string, value: unknown): void {
  if (typeof value !== 'function') throw invalid(field, 'a function', value);
}

/** The lengths of a topic and of properties, and a packet id: what a PUBLISH holds beside topic and payload (MQTT 3.3.2). */
const PUBLISH_OVERHEAD = 5;
/** Topic and payload of any length up to here fit: a character of UTF-16 has at most three bytes of UTF-8. */
const SURELY_FITS =
  Math.floor((MQTT_LIMITS.remainingLengthBytes - PUBLISH_OVERHEAD) / 3) - MQTT_LIMITS.stringBytes;

/** A message that no PUBLISH can hold would stand before all others for ever; so it is refused here. */
export function checkPublishSize({ topic, payload }: Pick<OutgoingMessage, 'topic' | 'payload'>): void {
  if (payload.length <= SURELY_FITS) return;
  const most = MQTT_LIMITS.remainingLengthBytes - PUBLISH_OVERHEAD - utf8Bytes(topic);
  const bytes = payloadBytes(payload);
  if (bytes > most) throw invalid('payload', `at most ${most} bytes long with this topic`, `${bytes} bytes`);
}

/** AWS closes the connection over such a message; so it is refused here. */
export function checkAwsMessage({ topic, payload }: Pick<OutgoingMessage, 'topic' | 'payload'>): void {
  validateAwsTopic(topic);
  const bytes = payloadBytes(payload);
  if (bytes <= AWS_LIMITS.payloadBytes) return;
  throw invalid(
    'payload',
    `at most ${AWS_LIMITS.payloadBytes} bytes long for AWS IoT Core`,
    `${bytes} bytes`,
  );
}
