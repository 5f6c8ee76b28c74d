import type { Clock } from '../protocol/clock.ts';
import { type CallOptions, watchCall } from './deadline.ts';

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who wait until the local copy of a shadow is what AWS has. */
export class SyncWaiters<T> {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wait(options: CallOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      const free = watchCall('whenSynced()', options, this.#clock, ({ reason }) => {
        this.#waiters.delete(waiter);
        reject(reason);
      });
      const waiter: Waiter<T> = {
        resolve: (value) => {
          free?.();
          resolve(value);
        },
        reject: (reason) => {
          free?.();
          reject(reason);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  resolve(value: T): void {
    this.#end((waiter) => waiter.resolve(value));
  }

  reject(reason: unknown): void {
    this.#end((waiter) => waiter.reject(reason));
  }

  #end(how: (waiter: Waiter<T>) => void): void {
    for (const waiter of this.#waiters) how(waiter);
    this.#waiters.clear();
  }
}
