import type { IotError } from './errors.ts';

interface Waiter {
  readonly isTrue: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Lets others wait until something that they can see has become true. */
export class Changes {
  readonly #afterTurn: (look: () => void) => unknown;
  readonly #waiters = new Set<Waiter>();
  #isDue = false;
  #closed: IotError | undefined;

  /** @param afterTurn Calls its argument once this turn is over: `setImmediate`, where there is one. */
  constructor(afterTurn: (look: () => void) => unknown) {
    this.#afterTurn = afterTurn;
  }

  /** Resolves once the condition holds. It is asked now and after changes; when it throws, the promise rejects. */
  when(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = { isTrue, resolve, reject };
      if (isDone(waiter)) return;
      if (this.#closed === undefined) this.#waiters.add(waiter);
      else reject(this.#closed);
    });
  }

  /** Something changed. All changes of one turn are looked at together, after it. */
  changed(): void {
    if (this.#isDue || this.#waiters.size === 0) return;
    this.#isDue = true;
    this.#afterTurn(() => {
      this.#isDue = false;
      for (const waiter of this.#waiters) if (isDone(waiter)) this.#waiters.delete(waiter);
    });
  }

  /** Nothing changes any more: whoever still waits is told so. */
  close(why: IotError): void {
    this.#closed ??= why;
    for (const { reject } of this.#waiters) reject(this.#closed);
    this.#waiters.clear();
  }
}

function isDone({ isTrue, resolve, reject }: Waiter): boolean {
  try {
    const done = isTrue();
    if (done) resolve();
    return done;
  } catch (error) {
    reject(error);
    return true;
  }
}
