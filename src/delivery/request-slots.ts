import { Waiters } from './waiters.ts';

/**
 * The places for requests of one connection that have no answer yet. AWS IoT Core refuses what is more (429). Who finds none
 * waits, in order.
 */
export class RequestSlots {
  readonly #limit: number;
  readonly #waiting = new Waiters<undefined>();
  readonly #idle = new Waiters<undefined>();
  #taken = 0;
  #isPaused = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Calls back once there is a place, which is then taken; at once when there is one. The result gives it back. */
  take(callback: () => void): () => void {
    let isTaken = false;
    let isGivenBack = false;
    const takeBack = this.#waiting.add(undefined, () => {
      isTaken = true;
      this.#taken++;
      callback();
    });
    this.#grant();
    return () => {
      if (isGivenBack) return;
      isGivenBack = true;
      takeBack();
      if (!isTaken) return;
      this.#taken--;
      this.#grant();
    };
  }

  /** A planned end of the line has begun: nobody gets a place before `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#grant();
  }

  /** Calls back once every place is free; at once when that is so. The result takes the request back. */
  onIdle(callback: () => void): () => void {
    const takeBack = this.#idle.add(undefined, callback);
    this.#tellIdle();
    return () => void takeBack();
  }

  #grant(): void {
    const next = () => this.#waiting.takeIf(() => !this.#isPaused && this.#taken < this.#limit);
    for (let granted = next(); granted !== undefined; granted = next()) granted();
    this.#tellIdle();
  }

  #tellIdle(): void {
    const next = () => this.#idle.takeIf(() => this.#taken === 0);
    for (let told = next(); told !== undefined; told = next()) told();
  }
}
