import type { Flow } from '../protocol/flow.ts';
import type { Entry } from './entry.ts';
import type { EntryList } from './entry-list.ts';

/** Whether what waits may go: not at all, as many as were released, or all. What is to be resent always passes. */
export class Gate {
  readonly #list: EntryList;
  #flow: Flow = 'closed';
  /** How many of the waiting entries were released and have not passed. Never more than wait. */
  #released = 0;

  constructor(list: EntryList) {
    this.#list = list;
  }

  get flow(): Flow {
    return this.#flow;
  }

  set flow(flow: Flow) {
    this.#flow = flow;
    if (flow !== 'paced') this.#released = 0;
  }

  /** Entries that wait and have not been released. */
  get backlog(): number {
    return this.#list.waiting - this.#released;
  }

  release(count: number): void {
    if (this.#flow === 'paced') this.#released = Math.min(this.#released + count, this.#list.waiting);
  }

  lets({ place }: Entry): boolean {
    return place !== 'waiting' || this.#flow === 'free' || this.#released > 0;
  }

  /** This one is about to be written. */
  passes({ place }: Entry): void {
    if (place === 'waiting' && this.#released > 0) this.#released--;
  }

  /** An entry has left the list: a release that finds nothing is not kept for later ones. */
  left(): void {
    this.#released = Math.min(this.#released, this.#list.waiting);
  }
}
