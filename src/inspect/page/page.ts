import type { Feed, FeedChange } from '../feed.ts';
import { ChartView } from './chart-view.ts';
import { connectionOf, firstChoice, linked, linkOf } from './choice.ts';
import { ClientsView, showStream } from './clients-view.ts';
import { ContextView } from './context-view.ts';
import { button, byId, write } from './element.ts';
import { FaultsView } from './faults-view.ts';
import { changed, type KeptEntry, started, type View } from './feed-store.ts';
import { Frame } from './frame.ts';
import { LogView } from './log-view.ts';
import { type Moment, momentOf, presentOf } from './moment.ts';
import { clockTime } from './time-words.ts';
import { TreeView } from './tree-view.ts';

const PAYLOADS: Readonly<Record<Feed['payloads'], string>> = {
  none: 'Payloads are not shown.',
  size: 'Of payloads only the size is shown.',
  truncated: 'Payloads are shown, shortened.',
};

/** Holds what the page knows and what its reader has chosen, and draws both. */
export class Page {
  readonly #frame = new Frame(() => this.#draw());
  readonly #clients = new ClientsView((key) => this.#choose(connectionOf(this.#actors, key) ?? key));
  readonly #tree = new TreeView((key) => this.#choose(key));
  readonly #chart = new ChartView(this.#frame.ask);
  readonly #context = new ContextView();
  readonly #faults = new FaultsView();
  readonly #log: LogView;
  readonly #past = byId('past');
  #view: View | undefined;
  /** Of the server that this page shows. */
  #run: string | undefined;
  #chosen: string | undefined;
  /** The entry whose moment is shown in place of the present. */
  #remembered: KeptEntry | undefined;
  #isConnected = false;
  #toldAt = 0;

  constructor() {
    const opened = (kept: KeptEntry | undefined): void => {
      if (this.#remembered !== undefined) this.#remember(kept);
    };
    this.#log = new LogView({ opened, momentOf: (kept) => this.#wayTo(kept) }, this.#frame.ask);
    this.#past.append(button('', 'Back to now', () => this.#remember(undefined)));
    addEventListener('hashchange', () => this.#chooseLinked());
    addEventListener('keydown', ({ key }) => {
      if (key !== 'Escape') return;
      this.#log.close();
      this.#remember(undefined);
    });
  }

  readonly tell = (news: Feed | FeedChange): void => {
    this.#toldAt = performance.now();
    if (news.type === 'feed') {
      this.#run ??= news.run;
      // Another process: nothing of what is kept here, pictures included, is known by its names.
      if (this.#run !== news.run) {
        location.reload();
        return;
      }
    }
    if (news.type === 'feed') this.#view = started(news, this.#view);
    else if (this.#view !== undefined) this.#view = changed(this.#view, news);
    this.#frame.ask();
  };

  readonly setConnected = (isConnected: boolean): void => {
    this.#isConnected = isConnected;
    this.#frame.ask();
  };

  /** Time has passed. What counts by the tenth of a second is drawn more often than what changes by the second. */
  tick(isWholeSecond: boolean): void {
    const isCounting = [...(this.#view?.clients.values() ?? [])].some(({ retryAt }) => retryAt !== null);
    if (isWholeSecond || isCounting) this.#frame.ask();
  }

  get #actors(): View['actors'] {
    return this.#view?.actors ?? new Map();
  }

  #draw(): void {
    showStream(this.#isConnected, this.#view !== undefined);
    const view = this.#view;
    if (view === undefined) return;
    // The clock of the server, which stands still as long as nothing is heard of it.
    const now = this.#isConnected ? view.now + performance.now() - this.#toldAt : view.now;
    if (this.#chosen === undefined || !view.actors.has(this.#chosen)) {
      this.#chosen = linked(view.actors, location.hash) ?? firstChoice(view);
    }
    const chosen = this.#chosen === undefined ? undefined : view.actors.get(this.#chosen);
    this.#clients.show(view, now);
    this.#faults.show(view.faults);
    this.#tree.show(view.actors, this.#chosen);
    this.#chart.show(chosen, this.#moment(view), now);
    this.#context.show(chosen);
    this.#log.show(view, this.#chosen, now);
    write(byId('payloads'), PAYLOADS[view.payloads]);
  }

  #moment(view: View): Moment | undefined {
    const kept = this.#remembered;
    this.#past.hidden = kept === undefined;
    if (kept !== undefined) {
      write(byId('past-words'), `As it was after “${kept.entry.type}” at ${clockTime(kept.entry.at)}`);
      return momentOf(view.log, kept);
    }
    const chosen = this.#chosen === undefined ? undefined : view.actors.get(this.#chosen);
    return chosen === undefined ? undefined : presentOf(chosen);
  }

  #choose(key: string): void {
    this.#chosen = key;
    this.#remembered = undefined;
    history.replaceState(null, '', linkOf(this.#actors, key));
    this.#frame.ask();
  }

  #chooseLinked(): void {
    const key = linked(this.#actors, location.hash);
    if (key !== undefined) this.#choose(key);
  }

  /** Undefined when the page does not know how it stood then. */
  #wayTo(kept: KeptEntry): (() => void) | undefined {
    const view = this.#view;
    if (view === undefined || !view.actors.has(kept.entry.actor)) return undefined;
    return momentOf(view.log, kept) === undefined ? undefined : () => this.#remember(kept);
  }

  #remember(kept: KeptEntry | undefined): void {
    const way = kept === undefined ? undefined : this.#wayTo(kept);
    if (kept !== undefined && way !== undefined) this.#choose(kept.entry.actor);
    this.#remembered = way === undefined ? undefined : kept;
    this.#frame.ask();
  }
}
