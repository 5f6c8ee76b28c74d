import { IotError } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { type ShadowAddress, shadowTitle, validateShadowAddress } from '../protocol/shadow-topics.ts';
import { oneOf } from './checks.ts';
import { DeviceShadow, type DeviceShadowContext } from './device-shadow.ts';
import type { Shadow, ShadowOptions } from './shadow.ts';
import { checkSchema, type StandardSchema } from './standard-schema.ts';

/** Options with every default filled in. */
export interface ResolvedShadowOptions {
  readonly persistent: boolean;
  readonly topics: 'wildcard' | 'exact';
  readonly schema: StandardSchema | undefined;
}

const FIELDS = [
  'name',
  'persistent',
  'topics',
  'schema',
] as const satisfies readonly (keyof ShadowOptions<unknown>)[];

/** The shadows of a client, one for each address. */
export class Shadows {
  readonly #context: Omit<DeviceShadowContext, 'stop'>;
  readonly #stop: (id: string) => void;
  readonly #byTitle = new Map<string, DeviceShadow<unknown>>();

  constructor(context: DeviceShadowContext) {
    const { stop, ...rest } = context;
    this.#context = rest;
    this.#stop = stop;
  }

  /** @throws IotError `INVALID_ARGUMENT` */
  open<T>(thingName: string, given: ShadowOptions<T>): Shadow<T> {
    checkFields('options', given, FIELDS);
    const address = validateShadowAddress(thingName, given.name);
    const options = resolve(given);
    const title = shadowTitle(address);
    const known = this.#byTitle.get(title);
    if (known !== undefined) {
      checkSame(title, known.options, given);
      return known as DeviceShadow<T>;
    }
    return this.#make<T>(address, title, options);
  }

  close(error: IotError): void {
    for (const shadow of this.#byTitle.values()) shadow.end(error);
    this.#byTitle.clear();
  }

  #make<T>(address: ShadowAddress, title: string, options: ResolvedShadowOptions): DeviceShadow<T> {
    const shadow = new DeviceShadow<T>(address, options, {
      ...this.#context,
      stop: (id) => {
        this.#byTitle.delete(title);
        this.#stop(id);
      },
    });
    this.#byTitle.set(title, shadow as DeviceShadow<unknown>);
    return shadow;
  }
}

function resolve<T>({
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
function checkSame<T>(title: string, known: ResolvedShadowOptions, given: ShadowOptions<T>): void {
  for (const field of ['persistent', 'topics', 'schema'] as const) {
    if (given[field] === undefined || given[field] === known[field]) continue;
    throw new IotError(
      'INVALID_ARGUMENT',
      `${field} cannot be changed: the shadow ${JSON.stringify(title)} is in use with another one; close() it first`,
    );
  }
}
