import { describe, IotError, invalid } from '../protocol/errors.ts';

/** The part of Standard Schema v1 that is used here (https://standardschema.dev). zod, valibot, arktype and others have it. */
export interface StandardSchema<Input = unknown> {
  /** What the specification asks of every schema. */
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** Says what is wrong with a value. Here it has to answer at once, not with a promise. */
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>;
    /** Only for the compiler. */
    readonly types?: { readonly input: Input; readonly output: unknown } | undefined;
  };
}

/** No `issues`: the value is right. */
export type SchemaResult = { readonly issues?: readonly SchemaIssue[] | undefined };

/** What a schema says against a value. */
export interface SchemaIssue {
  readonly message: string;
  /** Where in the value; left out, or empty, for the whole. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

const SHOWN_ISSUES = 5;

/** A document, or a part of it, is not what the app's schema says. `code` is `INVALID_DOCUMENT`. */
export class InvalidDocumentError extends IotError {
  declare readonly code: 'INVALID_DOCUMENT';
  /** What the schema says against it. */
  readonly issues: readonly SchemaIssue[];

  constructor(section: string, issues: readonly SchemaIssue[]) {
    super('INVALID_DOCUMENT', `${section} is not what the schema says: ${summaryOf(issues)}`, {
      remediation:
        'Correct the value. A schema is asked about parts of a state: its fields have to be optional.',
    });
    this.issues = issues;
  }
}

/** @throws IotError `INVALID_ARGUMENT` */
export function checkSchema(schema: unknown): asserts schema is StandardSchema {
  const standard = (schema as StandardSchema | null | undefined)?.['~standard'];
  if (standard?.version === 1 && typeof standard.validate === 'function') return;
  throw invalid('schema', 'a Standard Schema (zod, valibot, …)', schema);
}

/**
 * Checks a part of a document. Only says whether it is right: what the schema would make of it is not used. Never throws.
 *
 * @param section how the error calls it
 * @returns `INVALID_DOCUMENT`; or `INVALID_ARGUMENT`, when it is the schema that is wrong: it threw, or answered with a promise
 */
export function errorOf(
  schema: StandardSchema | undefined,
  section: string,
  value: unknown,
): IotError | undefined {
  if (schema === undefined || value === undefined) return undefined;
  const standard = schema['~standard'];
  try {
    const result = standard.validate(value);
    if (!('then' in result))
      return result.issues === undefined ? undefined : new InvalidDocumentError(section, result.issues);
    Promise.resolve(result).catch(() => undefined);
    return invalid('schema', 'one that answers at once', standard.vendor);
  } catch (cause) {
    return new IotError('INVALID_ARGUMENT', `the schema threw when it was asked about ${section}`, { cause });
  }
}

/** A document of a stranger can have as many as it has keys. */
function summaryOf(issues: readonly SchemaIssue[]): string {
  const shown = issues.slice(0, SHOWN_ISSUES).map(said);
  const more = issues.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join('; ');
}

function said({ message, path = [] }: SchemaIssue): string {
  const where = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
  return where === '' ? describe(message) : `${describe(where)} ${describe(message)}`;
}
