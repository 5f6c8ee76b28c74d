import { IotError } from '../protocol/errors.ts';

interface Waiter {
  readonly isTrue: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Lets others wait until something that they can see has become true. */
export class Changes {
  readonly #waiters = new Set<Waiter>();
  #checking = false;
  #closed = false;

  /** Resolves once the condition holds. It is asked now and after changes; when it throws, the promise rejects. */
  when(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = { isTrue, resolve, reject };
      if (this.#isDone(waiter)) return;
      if (this.#closed) reject(stopped());
      else this.#waiters.add(waiter);
    });
  }

  /** Something changed. All changes of one turn are looked at together, after it. */
  changed(): void {
    if (this.#checking || this.#waiters.size === 0) return;
    this.#checking = true;
    setImmediate(() => {
      this.#checking = false;
      for (const waiter of this.#waiters) if (this.#isDone(waiter)) this.#waiters.delete(waiter);
    });
  }

  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.reject(stopped());
    this.#waiters.clear();
  }

  #isDone({ isTrue, resolve, reject }: Waiter): boolean {
    try {
      const done = isTrue();
      if (done) resolve();
      return done;
    } catch (error) {
      reject(error);
      return true;
    }
  }
}

/** What is asked of a core that has stopped, or was stopped meanwhile. */
export function stopped(): IotError {
  return new IotError('CLOSED', 'the local IoT core was stopped');
}
