import { element, mark, write } from './element.ts';
import type { KeptEntry } from './feed-store.ts';
import { leaves, shortState } from './state-words.ts';
import { clockTime, duration } from './time-words.ts';

/** How many colours tell actors apart. */
const HUES = 8;

/** One line of the log. It is used again for another entry when its own is not shown any more. */
export class LogRow {
  readonly element = element('tr', 'entry');
  readonly opener = element('button', 'entry-type');
  readonly #time = element('td', 'entry-time');
  readonly #since = element('td', 'entry-since');
  readonly #actor = element('td', 'entry-actor');
  readonly #event = element('td', 'entry-event');
  readonly #missed = element('span', 'entry-missed');
  readonly #outcome = element('span', 'entry-outcome');
  readonly #source = element('td', 'entry-source');
  #kept: KeptEntry | undefined;

  constructor() {
    this.opener.type = 'button';
    this.#event.append(this.#missed, this.opener, this.#outcome);
    this.element.append(this.#time, this.#since, this.#actor, this.#event, this.#source);
  }

  get kept(): KeptEntry | undefined {
    return this.#kept;
  }

  /** @param before the entry above it */
  show(kept: KeptEntry, before: KeptEntry | undefined, isRootNamed: boolean): void {
    this.#kept = kept;
    const { entry, actor, source, missed } = kept;
    mark(this.element, {
      'data-sequence': entry.sequence,
      'data-hue': hueOf(entry.actor),
      'data-changed': entry.states === null ? null : '',
    });
    write(this.#time, clockTime(entry.at));
    write(this.#since, before === undefined ? '' : `+${duration(Math.max(0, entry.at - before.entry.at))}`);
    showPath(this.#actor, actor, isRootNamed);
    write(this.opener, entry.type);
    mark(this.opener, { title: entry.type });
    write(this.#outcome, entry.states === null ? '' : `→ ${leaves(entry.states).map(shortLeaf).join(' · ')}`);
    showPath(this.#source, source ?? ['outside'], isRootNamed);
    this.#missed.hidden = missed === 0;
    write(this.#missed, missed === 0 ? '' : `${missed} left out`);
  }

  setOpen(isOpen: boolean): void {
    mark(this.opener, { 'aria-expanded': isOpen });
    mark(this.element, { 'data-open': isOpen ? '' : null });
  }

  setReachable(isReachable: boolean): void {
    mark(this.opener, { tabindex: isReachable ? 0 : -1 });
  }
}

function showPath(target: HTMLElement, path: readonly string[], isRootNamed: boolean): void {
  const root = path[0] ?? '';
  const name = path.at(-1) ?? '';
  write(target, isRootNamed && path.length > 1 ? `${name} · ${root}` : name);
  mark(target, { title: path.join(' › ') });
}

function shortLeaf(state: string): string {
  const short = shortState(state);
  return short.slice(short.lastIndexOf('.') + 1);
}

/** The same colour for an actor, always. */
function hueOf(key: string): number {
  let sum = 0;
  for (const character of key) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return sum % HUES;
}
