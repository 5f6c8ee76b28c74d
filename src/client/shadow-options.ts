import { IotError } from '../protocol/errors.ts';
import { oneOf } from './checks.ts';
import type { ShadowOptions } from './shadow.ts';
import { checkSchema, type StandardSchema } from './standard-schema.ts';

/** Options with every default filled in. */
export interface ResolvedShadowOptions {
  readonly persistent: boolean;
  readonly topics: 'wildcard' | 'exact';
  readonly schema: StandardSchema | undefined;
}

export const SHADOW_FIELDS = [
  'name',
  'persistent',
  'topics',
  'schema',
] as const satisfies readonly (keyof ShadowOptions<unknown>)[];

/** @throws IotError `INVALID_ARGUMENT` */
export function resolveShadowOptions<T>({
  persistent = true,
  topics = 'wildcard',
  schema,
}: ShadowOptions<T>): ResolvedShadowOptions {
  oneOf('persistent', persistent, [true, false]);
  oneOf('topics', topics, ['wildcard', 'exact']);
  if (schema !== undefined) checkSchema(schema);
  return { persistent, topics, schema };
}

/** What is left out the second time is as it was the first time. */
export function checkSame<T>(title: string, known: ResolvedShadowOptions, given: ShadowOptions<T>): void {
  for (const field of ['persistent', 'topics', 'schema'] as const) {
    if (given[field] === undefined || given[field] === known[field]) continue;
    throw new IotError(
      'INVALID_ARGUMENT',
      `${field} cannot be changed: the shadow ${JSON.stringify(title)} is in use with another one; close() it first`,
    );
  }
}
