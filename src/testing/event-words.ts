import type { EventObject } from 'xstate';
import { IotError } from '../protocol/errors.ts';

/**
 * An event in a few words, for the title of a test: `after retry`, `the actor transport fails`, `subscribe (filter a, qos 1)`,
 * `transport.failed (BAD_CREDENTIALS)`. Only scalars are shown, and of an error its code and reason code.
 */
export function eventWords(event: EventObject): string {
  const details = Object.entries(event).flatMap(([name, value]) =>
    name === 'type' ? [] : detailOf(name, value),
  );
  const words = typeWords(event.type);
  return details.length === 0 ? words : `${words} (${details.join(', ')})`;
}

function typeWords(type: string): string {
  const [, after] = /^xstate\.after\.(\w+)\./.exec(type) ?? [];
  if (after !== undefined) return `after ${/^\d+$/.test(after) ? `${after} ms` : after}`;
  const [, end, actor] = /^xstate\.(error|done)\.actor\.(.+)$/.exec(type) ?? [];
  if (actor !== undefined) return `the actor ${actor} ${end === 'error' ? 'fails' : 'is done'}`;
  return type;
}

function detailOf(name: string, value: unknown): string[] {
  if (IotError.is(value))
    return [value.reasonCode === undefined ? value.code : `${value.code} ${value.reasonCode}`];
  if (typeof value === 'boolean') return value ? [name] : [`not ${name}`];
  return typeof value === 'string' || typeof value === 'number' ? [`${name} ${value}`] : [];
}
