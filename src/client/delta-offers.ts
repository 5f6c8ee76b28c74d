import type { Emitter } from './events.ts';
import type { ShadowDelta } from './shadow.ts';

interface DeltaHandler<T> {
  readonly handle: (delta: ShadowDelta<T>) => unknown;
  /** It only keeps the delta for somebody: when that one has handled it nobody knows. */
  readonly isBuffer: boolean;
  /** The newest version that it has taken. */
  handled: number | undefined;
  /** Nobody waits any longer until it has done with the delta that it has. */
  letGo: (() => void) | undefined;
}

/** The handlers of a shadow's deltas, and what each has taken. When they are called is the machine's decision. */
export class DeltaOffers<T> {
  readonly #emitter: Emitter;
  readonly #handlers = new Set<DeltaHandler<T>>();
  #newest: ShadowDelta<T> | undefined;
  /** Versions of different eras say nothing of one another. */
  #era = 0;
  /** What an earlier process has handled, until another delta comes. */
  #resumed: number | undefined;

  constructor(emitter: Emitter, resumed: number | undefined) {
    this.#emitter = emitter;
    this.#resumed = resumed;
  }

  get isEmpty(): boolean {
    return this.#handlers.size === 0;
  }

  add(handle: (delta: ShadowDelta<T>) => unknown, isBuffer: boolean): () => void {
    const handler: DeltaHandler<T> = { handle, isBuffer, handled: this.#resumed, letGo: undefined };
    this.#handlers.add(handler);
    return () => {
      this.#handlers.delete(handler);
      handler.letGo?.();
    };
  }

  /** Nobody is called any more. */
  close(): void {
    this.#handlers.clear();
    this.#newest = undefined;
  }

  set newest(delta: ShadowDelta<T> | undefined) {
    this.#newest = delta;
    if (delta !== undefined && delta.version !== this.#resumed) this.#resumed = undefined;
  }

  /** The version that every handler has handled last; undefined when one of them has not, or nothing is known. */
  get handled(): number | undefined {
    const [first, ...others] = [...this.#handlers].map(({ isBuffer, handled }) =>
      isBuffer ? undefined : handled,
    );
    if (this.#handlers.size === 0) return this.#resumed;
    return others.every((version) => version === first) ? first : undefined;
  }

  /** Versions begin anew: the next one with a number that was there before is another one. */
  forget(): void {
    this.#newest = undefined;
    this.#resumed = undefined;
    this.#era += 1;
    for (const handler of this.#handlers) handler.handled = undefined;
  }

  /** Calls those who have not taken the newest delta. Rejects when one of them fails. */
  async offer(): Promise<void> {
    const delta = this.#newest;
    if (delta === undefined) return;
    const waiting = [...this.#handlers].filter(({ handled }) => handled !== delta.version);
    const taken = await Promise.all(waiting.map((handler) => this.#call(handler, delta)));
    if (taken.includes(false)) throw new Error('a handler has failed');
  }

  /** Whether nothing is left to be done about this delta: it was taken, or the handler was taken away. */
  #call(handler: DeltaHandler<T>, delta: ShadowDelta<T>): Promise<boolean> {
    return new Promise((resolve) => {
      handler.letGo = () => resolve(true);
      void this.#handle(handler, delta).then(resolve);
    });
  }

  async #handle(handler: DeltaHandler<T>, delta: ShadowDelta<T>): Promise<boolean> {
    // In a turn of its own: it may be called in the midst of a step of the machine, and may make any call.
    await Promise.resolve();
    if (!this.#handlers.has(handler)) return true;
    const era = this.#era;
    try {
      await handler.handle(delta);
    } catch (error) {
      this.#emitter.report(error);
      return false;
    }
    if (era === this.#era) handler.handled = delta.version;
    return true;
  }
}
