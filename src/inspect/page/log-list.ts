import type { KeptEntry } from './feed-store.ts';
import { LogDetails } from './log-details.ts';
import { LogRow } from './log-row.ts';

/** More lines nobody reads, and each costs. */
export const SHOWN_ENTRIES = 300;

export interface LogListener {
  /** The reader has opened an entry, or none is open any more. */
  readonly opened: (kept: KeptEntry | undefined) => void;
  /** The way to show an entry's moment in the chart. */
  readonly momentOf: (kept: KeptEntry) => (() => void) | undefined;
}

/** The lines of the log. Those that drop out at the top are used again at the bottom. */
export class LogList {
  readonly element: HTMLElement;
  readonly #listener: LogListener;
  readonly #rows: LogRow[] = [];
  readonly #spare: LogRow[] = [];
  #details: LogDetails | undefined;
  #current: LogRow | undefined;
  #isRootNamed = false;

  constructor(body: HTMLElement, listener: LogListener) {
    this.element = body;
    this.#listener = listener;
    body.addEventListener('click', ({ target }) => {
      const row = target instanceof Element && this.#rows.find((one) => one.element.contains(target));
      if (row) this.#toggle(row);
    });
    body.addEventListener('keydown', (event) => this.#press(event));
    body.addEventListener('focusin', ({ target }) => {
      const row = this.#rows.find(({ opener }) => opener === target);
      if (row !== undefined) this.#setCurrent(row);
    });
  }

  show(entries: readonly KeptEntry[], isRootNamed: boolean): void {
    const isTail = isRootNamed === this.#isRootNamed && this.#keepTail(entries);
    this.#isRootNamed = isRootNamed;
    if (!isTail) while (this.#rows.length > 0) this.#releaseFirst();
    for (let index = this.#rows.length; index < entries.length; index += 1) {
      const kept = entries[index];
      if (kept !== undefined) this.#append(kept, entries[index - 1]);
    }
    for (const row of this.#spare) row.element.remove();
    if (this.#details !== undefined && !entries.includes(this.#details.kept)) this.close();
    if (this.#current === undefined || !this.#rows.includes(this.#current))
      this.#setCurrent(this.#rows.at(-1));
  }

  tick(now: number): void {
    this.#details?.tick(now);
  }

  close(): void {
    const { kept, element } = this.#details ?? {};
    this.#details = undefined;
    element?.remove();
    this.#rows.find((row) => row.kept === kept)?.setOpen(false);
  }

  /** Drops the lines above the first entry. Says whether those that are left are the first of the entries. */
  #keepTail(entries: readonly KeptEntry[]): boolean {
    while (this.#rows.length > 0 && this.#rows[0]?.kept !== entries[0]) this.#releaseFirst();
    return this.#rows.every(({ kept }, index) => kept === entries[index]);
  }

  #releaseFirst(): void {
    const row = this.#rows.shift();
    if (row === undefined) return;
    row.setOpen(false);
    this.#spare.push(row);
  }

  #append(kept: KeptEntry, before: KeptEntry | undefined): void {
    const row = this.#spare.pop() ?? new LogRow();
    row.show(kept, before, this.#isRootNamed);
    row.setOpen(false);
    row.setReachable(row === this.#current);
    this.#rows.push(row);
    this.element.append(row.element);
    if (kept === this.#details?.kept) {
      row.setOpen(true);
      row.element.after(this.#details.element);
    }
  }

  #toggle(row: LogRow): void {
    const { kept } = row;
    const isOpen = kept === undefined || kept === this.#details?.kept;
    this.close();
    if (isOpen) {
      this.#listener.opened(undefined);
      return;
    }
    this.#details = new LogDetails(kept, this.#listener.momentOf(kept));
    row.setOpen(true);
    row.element.after(this.#details.element);
    this.#details.element.scrollIntoView({ block: 'nearest' });
    this.#listener.opened(kept);
  }

  #press(event: KeyboardEvent): void {
    const index = this.#rows.findIndex(({ opener }) => opener === event.target);
    if (index < 0) return;
    const to = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: this.#rows.length - 1 }[event.key];
    const row = to === undefined ? undefined : this.#rows[to];
    if (row === undefined) return;
    event.preventDefault();
    row.opener.focus();
  }

  #setCurrent(row: LogRow | undefined): void {
    this.#current?.setReachable(false);
    this.#current = row;
    row?.setReachable(true);
  }
}
