import type { Emitter } from './events.ts';
import type { ShadowDelta } from './shadow.ts';

interface DeltaHandler<T> {
  readonly handle: (delta: ShadowDelta<T>) => unknown;
  /** The newest version that it has taken. */
  handled: number | undefined;
}

/** The handlers of a shadow's deltas, and what each has taken. When they are called is the machine's decision. */
export class DeltaOffers<T> {
  readonly #emitter: Emitter;
  readonly #handlers = new Set<DeltaHandler<T>>();
  #newest: ShadowDelta<T> | undefined;
  /** Versions of different eras say nothing of one another. */
  #era = 0;

  constructor(emitter: Emitter) {
    this.#emitter = emitter;
  }

  get isEmpty(): boolean {
    return this.#handlers.size === 0;
  }

  add(handle: (delta: ShadowDelta<T>) => unknown): () => void {
    const handler: DeltaHandler<T> = { handle, handled: undefined };
    this.#handlers.add(handler);
    return () => {
      this.#handlers.delete(handler);
    };
  }

  /** Nobody is called any more. */
  close(): void {
    this.#handlers.clear();
    this.#newest = undefined;
  }

  set newest(delta: ShadowDelta<T> | undefined) {
    this.#newest = delta;
  }

  /** Versions begin anew: the next one with a number that was there before is another one. */
  forget(): void {
    this.#newest = undefined;
    this.#era += 1;
    for (const handler of this.#handlers) handler.handled = undefined;
  }

  /** Calls those who have not taken the newest delta. Rejects when one of them fails. */
  async offer(): Promise<void> {
    const delta = this.#newest;
    if (delta === undefined) return;
    const waiting = [...this.#handlers].filter(({ handled }) => handled !== delta.version);
    const results = await Promise.allSettled(waiting.map((handler) => this.#call(handler, delta)));
    const failed = results.filter((result) => result.status === 'rejected');
    for (const { reason } of failed) this.#emitter.report(reason);
    if (failed.length > 0) throw new Error('a handler has failed');
  }

  async #call(handler: DeltaHandler<T>, delta: ShadowDelta<T>): Promise<void> {
    // In a turn of its own: it may be called in the midst of a step of the machine, and may make any call.
    await Promise.resolve();
    if (!this.#handlers.has(handler)) return;
    const era = this.#era;
    await handler.handle(delta);
    if (era === this.#era) handler.handled = delta.version;
  }
}
