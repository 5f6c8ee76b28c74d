import { inspect } from 'node:util';
import type { IotClient } from '../../src/index.ts';

/** A promise that a client gave away, and by which call. */
interface Given {
  readonly call: string;
  readonly promise: Promise<unknown>;
}

/**
 * Remembers every promise that clients give away, so that a test can say afterwards that each was settled. It only looks
 * at them and attaches nothing: a rejection that nobody handles stays one, and fails the run.
 */
export class PromiseRegistry {
  readonly #given: Given[] = [];

  /** The same client, watched. */
  tracked<T extends IotClient>(client: T): T {
    return new Proxy(client, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...parameters: unknown[]) =>
          this.#watch(`${String(property)}()`, Reflect.apply(value, target, parameters));
      },
    });
  }

  /** The calls whose promises are still pending, those of receipts and subscriptions included. */
  async pending(): Promise<string[]> {
    const pending: string[] = [];
    for (const { call, promise } of this.#given.splice(0)) {
      if (isPending(promise)) {
        pending.push(call);
        continue;
      }
      const [outcome] = await Promise.allSettled([promise]);
      const result: unknown = outcome.status === 'fulfilled' ? outcome.value : undefined;
      for (const name of ['delivered', 'granted']) {
        if (typeof result !== 'object' || result === null || !(name in result)) continue;
        const later = (result as Record<string, unknown>)[name];
        if (later instanceof Promise && isPending(later)) pending.push(`${call}.${name}`);
      }
    }
    return pending;
  }

  #watch(call: string, result: unknown): unknown {
    if (result instanceof Promise) {
      this.#given.push({ call, promise: result });
      return call === 'subscribe()' ? this.#subscription(result) : result;
    }
    if (typeof result === 'object' && result !== null && Symbol.asyncIterator in result)
      return this.#iterable(call, result as AsyncIterable<unknown>);
    return result;
  }

  /** A promise of its own, so that one that rejects and is not handled is still told. */
  async #subscription(call: Promise<object>): Promise<object> {
    const subscription = await call;
    return new Proxy(subscription, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...parameters: unknown[]) =>
          this.#watch(`subscription.${String(property)}()`, Reflect.apply(value, target, parameters));
      },
    });
  }

  #iterable(call: string, iterable: AsyncIterable<unknown>): AsyncIterableIterator<unknown> {
    let iterator: AsyncIterator<unknown> | undefined;
    const opened = (): AsyncIterator<unknown> => {
      iterator ??= iterable[Symbol.asyncIterator]();
      return iterator;
    };
    const noted = <T>(step: string, promise: Promise<T>): Promise<T> => {
      this.#given.push({ call: `${call}.${step}`, promise });
      return promise;
    };
    return {
      next: () => noted('next()', opened().next()),
      return: (value?: unknown) =>
        noted('return()', opened().return?.(value) ?? Promise.resolve({ value, done: true })),
      [Symbol.asyncIterator]() {
        opened();
        return this;
      },
    };
  }
}

/** What `util.inspect` prints is the only public way to look at a promise without handling it. */
function isPending(promise: Promise<unknown>): boolean {
  return inspect(promise, { depth: 0 }).includes('<pending>');
}
