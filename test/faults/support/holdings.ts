import type { Message, Subscription } from '../../../src/index.ts';

/** A filter that a call asked for. `leaving`: its end was asked for, and the broker may have it until that is answered. */
interface Holding {
  readonly filter: string;
  phase: 'asked' | 'held' | 'leaving';
}

/** The filters that a test holds through a client: by its calls and what they told it, not by what the client keeps. */
export class Holdings {
  readonly #all = new Set<Holding>();

  /** Those that the broker must have. */
  get held(): string[] {
    return [...this.#all].filter(({ phase }) => phase === 'held').map(({ filter }) => filter);
  }

  /** Those that it may have. */
  get wanted(): string[] {
    return [...this.#all].map(({ filter }) => filter);
  }

  /** Notes a subscription and its end. Returns the same promise as a new one: when nobody handles it, that is still told. */
  async subscribed(filter: string, call: Promise<Subscription>): Promise<Subscription> {
    const holding = this.#ask(filter);
    try {
      const subscription = await call;
      if (holding.phase === 'asked') holding.phase = 'held';
      return this.#leavable(subscription, holding);
    } catch (error) {
      this.#all.delete(holding);
      throw error;
    }
  }

  /** Notes that all of a filter is to be ended. */
  unsubscribed(filter: string, call: Promise<void>): Promise<void> {
    this.#leave([this.#ask(filter), ...this.#of(filter)], call);
    return call;
  }

  /** Was told to the test: the broker does not want it. What is asked for again has a call that tells. */
  refused(filter: string): void {
    for (const holding of this.#of(filter)) if (holding.phase !== 'asked') this.#all.delete(holding);
  }

  /** Notes each loop from its beginning until it is told the end, or leaves. */
  looped(filter: string, messages: AsyncIterable<Message>): AsyncIterable<Message> {
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = messages[Symbol.asyncIterator]();
        const holding: Holding = { filter, phase: 'held' };
        this.#all.add(holding);
        return {
          next: () => this.#stepped(holding, iterator.next()),
          return: (value?: unknown) => {
            const left =
              iterator.return?.(value) ?? Promise.resolve({ value: undefined, done: true as const });
            this.#leave([holding], left);
            return left;
          },
        };
      },
    };
  }

  async #stepped(holding: Holding, step: Promise<IteratorResult<Message>>): Promise<IteratorResult<Message>> {
    try {
      const result = await step;
      if (result.done === true) this.#all.delete(holding);
      return result;
    } catch (error) {
      this.#all.delete(holding);
      throw error;
    }
  }

  #ask(filter: string): Holding {
    const holding: Holding = { filter, phase: 'asked' };
    this.#all.add(holding);
    return holding;
  }

  #of(filter: string): Holding[] {
    return [...this.#all].filter((holding) => holding.filter === filter);
  }

  #leave(leaving: readonly Holding[], call: Promise<unknown>): void {
    for (const holding of leaving) holding.phase = 'leaving';
    const left = (): void => {
      for (const holding of leaving) this.#all.delete(holding);
    };
    call.then(left, left);
  }

  #leavable(subscription: Subscription, holding: Holding): Subscription {
    const unsubscribe: Subscription['unsubscribe'] = (options) => {
      const call = subscription.unsubscribe(options);
      this.#leave([holding], call);
      return call;
    };
    const own = new Map<PropertyKey, unknown>([
      ['unsubscribe', unsubscribe],
      [Symbol.asyncDispose, () => unsubscribe()],
    ]);
    return new Proxy(subscription, {
      get: (target, property) => own.get(property) ?? Reflect.get(target, property, target),
    });
  }
}
