import { button, byId, mark, write } from './element.ts';
import type { KeptEntry, View } from './feed-store.ts';
import { family, filtered } from './log-filter.ts';
import { LogList, type LogListener, SHOWN_ENTRIES } from './log-list.ts';

/** So near to the end counts as being there. */
const NEAR_PX = 24;

/** The event log: the newest below, and it goes on until the reader looks at something in it. */
export class LogView {
  readonly #list: LogList;
  readonly #scroller = byId('log-scroller');
  readonly #text = byId('log-text') as HTMLInputElement;
  readonly #whose = byId('log-actors') as HTMLSelectElement;
  readonly #count = byId('log-count');
  readonly #pause: HTMLButtonElement;
  readonly #more: HTMLButtonElement;
  readonly #changed: () => void;
  /** What is looked at; undefined while it goes on. */
  #still: View | undefined;
  #last: readonly unknown[] = [];

  constructor(listener: LogListener, changed: () => void) {
    this.#changed = changed;
    this.#list = new LogList(byId('log-body'), {
      ...listener,
      opened: (kept) => {
        this.#setStill(kept !== undefined || this.#still !== undefined);
        listener.opened(kept);
      },
    });
    this.#pause = button('', 'Pause', () => this.#setStill(this.#still === undefined));
    byId('log-tools').append(this.#pause);
    this.#more = button('log-more', '', () => this.#setStill(false));
    this.#scroller.after(this.#more);
    this.#text.addEventListener('input', changed);
    this.#whose.addEventListener('change', changed);
    this.#scroller.addEventListener('wheel', ({ deltaY }) => deltaY < 0 && this.#setStill(true), {
      passive: true,
    });
    this.#scroller.addEventListener('touchmove', () => this.#setStill(!this.#isAtEnd()), { passive: true });
    this.#scroller.addEventListener('keydown', ({ key }) => {
      if (/^(Arrow|Page|Home)/.test(key)) this.#setStill(true);
    });
  }

  #view: View | undefined;

  show(view: View, chosen: string | undefined, now: number): void {
    this.#view = view;
    const { log } = this.#still ?? view;
    this.#list.tick(now);
    const news = view.logged - (this.#still?.logged ?? view.logged);
    this.#more.hidden = this.#still === undefined;
    write(this.#more, news === 0 ? 'Go on' : `${news} more since · go on`);
    mark(this.#pause, { 'aria-pressed': this.#still !== undefined });
    const seen = [log, this.#text.value, this.#whose.value, this.#whose.value === 'all' ? '' : chosen];
    if (seen.every((one, index) => one === this.#last[index]) && this.#last.length > 0) return;
    this.#last = seen;
    const found = filtered(log, { text: this.#text.value, actors: this.#actors(view, chosen) });
    const shown = found.slice(-SHOWN_ENTRIES);
    this.#list.show(shown, view.clients.size > 1 || rootsOf(view) > 1);
    this.#tell(shown, found, log, view.logged);
    if (this.#still === undefined) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  close(): void {
    this.#list.close();
  }

  #actors({ actors }: View, chosen: string | undefined): ReadonlySet<string> | undefined {
    if (this.#whose.value === 'all' || chosen === undefined) return undefined;
    return this.#whose.value === 'one' ? new Set([chosen]) : family(actors, chosen);
  }

  #tell(
    shown: readonly KeptEntry[],
    found: readonly KeptEntry[],
    log: readonly KeptEntry[],
    logged: number,
  ): void {
    const matching = found.length === log.length ? '' : `${found.length} found · `;
    const newest = found.length > shown.length ? `newest ${shown.length} shown · ` : '';
    write(this.#count, `${matching}${newest}${log.length} kept of ${logged}`);
  }

  #setStill(isStill: boolean): void {
    if (isStill === (this.#still !== undefined)) return;
    this.#still = isStill ? this.#view : undefined;
    if (!isStill) this.#list.close();
    this.#changed();
  }

  #isAtEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    return scrollHeight - clientHeight - scrollTop < NEAR_PX;
  }
}

function rootsOf({ actors }: View): number {
  let count = 0;
  for (const { parent } of actors.values()) if (parent === null) count += 1;
  return count;
}
