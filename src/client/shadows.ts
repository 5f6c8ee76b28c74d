import type { IotError } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { type ShadowAddress, shadowTitle, validateShadowAddress } from '../protocol/shadow-topics.ts';
import { DeviceShadow, type DeviceShadowContext } from './device-shadow.ts';
import type { Shadow, ShadowOptions } from './shadow.ts';
import {
  checkSame,
  type ResolvedShadowOptions,
  resolveShadowOptions,
  SHADOW_FIELDS,
} from './shadow-options.ts';

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
    checkFields('options', given, SHADOW_FIELDS);
    const address = validateShadowAddress(thingName, given.name);
    const options = resolveShadowOptions(given);
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
