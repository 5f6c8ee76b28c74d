import { describe, IotError, invalid } from './errors.ts';

/**
 * Checks that a value is an object with these fields and no others; names the stranger and what it may have meant. Shows no
 * value of a field. Where something else may be a secret itself, `refuse` is `invalidSecret`.
 */
export function checkFields(
  name: string,
  value: unknown,
  known: readonly string[],
  refuse: typeof invalid = invalid,
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(name, 'an object', value);
  for (const field of Object.keys(value)) {
    if (!known.includes(field)) {
      throw new IotError(
        'INVALID_ARGUMENT',
        `${name} has no field ${describe(field)}; it may have ${known.join(', ')}`,
      );
    }
  }
}
