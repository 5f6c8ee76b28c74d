import { invalid, invalidSecret } from '../protocol/errors.ts';

/** Throws `INVALID_ARGUMENT` for options that are no object, or have a field that nobody reads. Shows no value. */
export function checkOptions(of: string, options: unknown, fields: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidSecret(of, `given { ${fields.join(', ')} }`, options);
  }
  for (const field of Object.keys(options)) {
    if (!fields.includes(field)) throw invalid(of, `given ${fields.join(', ')} only`, field);
  }
}
