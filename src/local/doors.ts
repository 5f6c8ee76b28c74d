/** One port, or two of them on both loopback addresses. Closed and opened again it stays the same. */
export interface Door {
  open(): Promise<void>;
  /** Stops accepting; the connections that are there stay. */
  close(): void;
}

/** All the ports of a core: they are open, or none is. */
export class Doors {
  readonly #doors: readonly Door[];
  /** Settles when they are open; undefined when they are closed, or are to be. */
  #opening: Promise<void> | undefined;
  /** No door is being opened any more: one that still is cannot be opened again. */
  #idle: Promise<void> = Promise.resolve();

  constructor(doors: readonly Door[]) {
    this.#doors = doors;
  }

  open(): Promise<void> {
    if (this.#opening !== undefined) return this.#opening;
    const opening: Promise<void> = this.#idle.then(() => this.#openAll(() => this.#opening === opening));
    this.#opening = opening;
    this.#idle = opening.catch(() => {});
    return opening;
  }

  close(): void {
    this.#opening = undefined;
    for (const door of this.#doors) door.close();
  }

  /** @param isWanted whether nobody has closed them since */
  async #openAll(isWanted: () => boolean): Promise<void> {
    if (!isWanted()) return;
    // All of them come to an end, so that none opens after the others were closed again.
    const results = await Promise.allSettled(this.#doors.map((door) => door.open()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined && isWanted()) this.#opening = undefined;
    if (!isWanted()) for (const door of this.#doors) door.close();
    if (failed !== undefined) throw failed.reason;
  }
}
