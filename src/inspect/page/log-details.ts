import { button, element, write } from './element.ts';
import type { KeptEntry } from './feed-store.ts';
import { isBranch } from './shown-words.ts';
import { leaves, shortState } from './state-words.ts';
import { ago } from './time-words.ts';
import { ValueList } from './value-view.ts';

const COLUMNS = 5;

/** What there is to know of one event, below its line. */
export class LogDetails {
  readonly element = element('tr', 'details');
  readonly #age = element('span');
  readonly kept: KeptEntry;

  constructor(kept: KeptEntry, showMoment: (() => void) | undefined) {
    this.kept = kept;
    const { entry, actor, source } = kept;
    const body = element('td', 'details-body');
    body.colSpan = COLUMNS;
    const facts = element('dl', 'facts');
    const fact = (name: string, ...content: readonly (Node | string)[]): void =>
      facts.append(element('dt', '', name), element('dd', '', ...content));
    fact('when', new Date(entry.at).toISOString(), ' · ', this.#age);
    fact('got by', actor.join(' › '));
    fact('sent by', source?.join(' › ') ?? 'outside');
    if (entry.transitions.length > 0) fact('made it take', ...lines(entry.transitions));
    if (entry.states !== null) fact('then at', ...lines(leaves(entry.states).map(shortState)));
    if (entry.transitions.length === 0 && entry.states === null) fact('made it do', 'nothing');
    body.append(facts);
    if (showMoment !== undefined) body.append(button('', 'Show this moment in the chart', showMoment));
    const values = new ValueList();
    values.show(isBranch(entry.event) ? entry.event : { event: entry.event }, false);
    body.append(values.element);
    this.element.append(body);
  }

  tick(now: number): void {
    write(this.#age, ago(now - this.kept.entry.at));
  }
}

function lines(texts: readonly string[]): HTMLElement[] {
  return texts.map((text) => element('div', 'mono', text));
}
