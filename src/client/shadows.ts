import type { IotError } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { type ShadowAddress, shadowTitle, validateShadowAddress } from '../protocol/shadow-topics.ts';
import { DeviceShadow, type DeviceShadowContext } from './device-shadow.ts';
import { type DehydratedShadow, dehydratedShadow } from './resume.ts';
import type { Shadow, ShadowOptions } from './shadow.ts';
import {
  checkSame,
  type ResolvedShadowOptions,
  resolveShadowOptions,
  SHADOW_FIELDS,
} from './shadow-options.ts';

export interface ShadowsContext extends Omit<DeviceShadowContext, 'handledDelta'> {
  /** What an earlier process knew, by title. */
  readonly resumed: ReadonlyMap<string, DehydratedShadow>;
}

/** The shadows of a client, one for each address. */
export class Shadows {
  readonly #context: Omit<ShadowsContext, 'stop' | 'resumed'>;
  /** Of those that the app has not come for yet. */
  readonly #resumed: Map<string, DehydratedShadow>;
  readonly #stop: (id: string) => void;
  readonly #byTitle = new Map<string, DeviceShadow<unknown>>();

  constructor(context: ShadowsContext) {
    const { stop, resumed, ...rest } = context;
    this.#context = rest;
    this.#stop = stop;
    this.#resumed = new Map(resumed);
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

  dehydrate(): DehydratedShadow[] {
    const known = [...this.#byTitle.values()].flatMap(({ thingName, name, handledDelta }) =>
      handledDelta === undefined ? [] : [dehydratedShadow({ thingName, name, handledDelta })],
    );
    return [...this.#resumed.values(), ...known];
  }

  close(error: IotError): void {
    for (const shadow of this.#byTitle.values()) shadow.end(error);
    this.#byTitle.clear();
  }

  #make<T>(address: ShadowAddress, title: string, options: ResolvedShadowOptions): DeviceShadow<T> {
    const shadow = new DeviceShadow<T>(address, options, {
      ...this.#context,
      handledDelta: this.#resumed.get(title)?.handledDelta,
      stop: (id) => {
        this.#byTitle.delete(title);
        this.#stop(id);
      },
    });
    this.#byTitle.set(title, shadow as DeviceShadow<unknown>);
    this.#resumed.delete(title);
    return shadow;
  }
}
