import type { Hold, LocalIotCore, PacketMatch } from '../../src/local/index.ts';

/** A hold that can be opened again and again: what it let go, it holds anew from then on. */
export class Barrier {
  readonly #core: LocalIotCore;
  readonly #match: PacketMatch;
  #hold: Hold;

  constructor(core: LocalIotCore, match: PacketMatch) {
    this.#core = core;
    this.#match = match;
    this.#hold = core.tap.hold(match);
  }

  caught(): Promise<void> {
    return this.#hold.caught();
  }

  open(): void {
    const opened = this.#hold;
    this.#hold = this.#core.tap.hold(this.#match);
    opened.release();
  }

  remove(): void {
    this.#hold.release();
  }

  /** From now on throws away what it would have held, so that nothing waits behind it. */
  async swallow(): Promise<void> {
    for (;;) {
      const swallowing = this.#hold;
      await swallowing.caught();
      this.#hold = this.#core.tap.hold(this.#match);
      swallowing.drop();
    }
  }
}
