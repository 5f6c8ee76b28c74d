import { MAX_DELAY_MS } from '../protocol/clock.ts';
import { IotError, invalid } from '../protocol/errors.ts';
import type { QoS } from '../protocol/message.ts';

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

/** For what only MQTT 5 has. */
export function needsMqtt5(field: string): IotError {
  return new IotError('INVALID_ARGUMENT', `${field} needs protocolVersion 5`);
}

export function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}
