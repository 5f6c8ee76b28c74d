/** One port, or two of them on both loopback addresses. Closed and opened again it stays the same. */
export interface Door {
  open(): Promise<void>;
  /** Stops accepting; the connections that are there stay. */
  close(): void;
}

/** All the ports of a core: they are open, or none is. */
export class Doors {
  readonly #doors: readonly Door[];
  #areOpen = false;

  constructor(doors: readonly Door[]) {
    this.#doors = doors;
  }

  async open(): Promise<void> {
    if (this.#areOpen) return;
    this.#areOpen = true;
    // All of them come to an end, so that none opens after the others were closed again.
    const results = await Promise.allSettled(this.#doors.map((door) => door.open()));
    const failed = results.find((result) => result.status === 'rejected');
    // Also when told to close while they were being opened.
    if (failed !== undefined || !(this.#areOpen as boolean)) this.close();
    if (failed !== undefined) throw failed.reason;
  }

  close(): void {
    this.#areOpen = false;
    for (const door of this.#doors) door.close();
  }
}
