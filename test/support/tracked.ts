import { inspect } from 'node:util';
import { type IotClient, IotError } from '../../src/index.ts';

/** A promise that a client gave away, by which call, and with whose signals. */
interface Given {
  readonly call: string;
  readonly promise: Promise<unknown>;
  readonly signals: readonly AbortSignal[];
}

/** What became of all promises. */
interface Judgement {
  /** One line for each promise that is pending, or rejected with what no client may reject with. */
  readonly unkept: readonly string[];
  /** Everything that was rejected with. */
  readonly reasons: readonly unknown[];
}

/**
 * I1: remembers every promise that clients give away, so that a test can say afterwards that each was settled, with a
 * value, an `IotError` or the reason of the caller's own signal. It only looks at them and attaches nothing: a rejection
 * that nobody handles stays one, and fails the run.
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
          this.#watch(
            `${String(property)}()`,
            Reflect.apply(value, target, parameters),
            signalsIn(parameters),
          );
      },
    });
  }

  /** Judges what was given since the last time: the promises of receipts and subscriptions too. */
  async judge(): Promise<Judgement> {
    const unkept: string[] = [];
    const reasons: unknown[] = [];
    const look = async ({ call, promise, signals }: Given): Promise<unknown> => {
      if (isPending(promise)) {
        unkept.push(`I1 ${call} is pending`);
        return undefined;
      }
      const [outcome] = await Promise.allSettled([promise]);
      if (outcome.status === 'fulfilled') return outcome.value;
      reasons.push(outcome.reason);
      if (!isFair(outcome.reason, signals))
        unkept.push(`I1 ${call} rejected with ${inspect(outcome.reason, { depth: 0 })}`);
      return undefined;
    };
    for (const given of this.#given.splice(0)) {
      const result = await look(given);
      for (const name of ['delivered', 'granted']) {
        if (typeof result !== 'object' || result === null || !(name in result)) continue;
        const promise = (result as Record<string, unknown>)[name];
        if (promise instanceof Promise) await look({ ...given, call: `${given.call}.${name}`, promise });
      }
    }
    return { unkept, reasons };
  }

  #watch(call: string, result: unknown, signals: readonly AbortSignal[]): unknown {
    if (result instanceof Promise) {
      this.#given.push({ call, promise: result, signals });
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
          this.#watch(
            `subscription.${String(property)}()`,
            Reflect.apply(value, target, parameters),
            signalsIn(parameters),
          );
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
      this.#given.push({ call: `${call}.${step}`, promise, signals: [] });
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

function signalsIn(parameters: readonly unknown[]): readonly AbortSignal[] {
  return parameters.flatMap((parameter) => {
    if (typeof parameter !== 'object' || parameter === null || !('signal' in parameter)) return [];
    return [parameter.signal as AbortSignal];
  });
}

function isFair(reason: unknown, signals: readonly AbortSignal[]): boolean {
  if (signals.some((signal) => signal.aborted && signal.reason === reason)) return true;
  return IotError.is(reason) && typeof reason.code === 'string';
}

/** What `util.inspect` prints is the only public way to look at a promise without handling it. */
function isPending(promise: Promise<unknown>): boolean {
  return inspect(promise, { depth: 0 }).includes('<pending>');
}
