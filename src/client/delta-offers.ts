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

  set newest(delta: ShadowDelta<T> | undefined) {
    this.#newest = delta;
  }

  /** Versions begin anew: the next one with a number that was there before is another one. */
  forget(): void {
    this.#newest = undefined;
    for (const handler of this.#handlers) handler.handled = undefined;
  }

  /** Calls those who have not taken the newest delta. Rejects when one of them fails. */
  async offer(): Promise<void> {
    const delta = this.#newest;
    if (delta === undefined) return;
    const waiting = [...this.#handlers].filter(({ handled }) => handled !== delta.version);
    const results = await Promise.allSettled(waiting.map((handler) => call(handler, delta)));
    const failed = results.filter((result) => result.status === 'rejected');
    for (const { reason } of failed) this.#emitter.report(reason);
    if (failed.length > 0) throw new Error('a handler has failed');
  }
}

async function call<T>(handler: DeltaHandler<T>, delta: ShadowDelta<T>): Promise<void> {
  // In a turn of its own: it may be called in the midst of a step of the machine, and may make any call.
  await Promise.resolve();
  await handler.handle(delta);
  handler.handled = delta.version;
}
