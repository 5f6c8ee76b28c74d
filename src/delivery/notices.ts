/** Tells those who wait, one at a time and in order, after the books are kept; what they throw is reported and goes no further. */
export class Notices {
  readonly #reportError: ((error: unknown) => void) | undefined;
  #noted: (() => void)[] = [];
  #isTelling = false;

  constructor(reportError: ((error: unknown) => void) | undefined) {
    this.#reportError = reportError;
  }

  note(call: () => void): void {
    this.#noted.push(call);
  }

  /**
   * Makes all calls that are noted, and those that are noted meanwhile. From inside of one of them the outer one goes on.
   *
   * @param next what is to be told when nothing is noted any more
   */
  tellAll(next: () => (() => void) | undefined): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (;;) {
      const calls = this.#noted;
      if (calls.length > 0) {
        this.#noted = [];
        for (const call of calls) this.#contain(call);
        continue;
      }
      const last = next();
      if (last === undefined) break;
      this.#contain(last);
    }
    this.#isTelling = false;
  }

  /** Where nothing but the process can catch it, if nobody was named to hear it. */
  report(error: unknown): void {
    const report = this.#reportError;
    queueMicrotask(() => {
      if (report === undefined) throw error;
      report(error);
    });
  }

  #contain(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.report(error);
    }
  }
}
