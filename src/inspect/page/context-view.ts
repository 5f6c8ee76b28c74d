import type { ActorView } from '../feed.ts';
import { byId, element, mark, write } from './element.ts';
import { isBranch, partsOf, wordOf } from './shown-words.ts';
import { ValueList } from './value-view.ts';

const TITLES: Readonly<Record<ActorView['kind'], string>> = {
  machine: 'Context',
  promise: 'Promise',
  callback: 'Callback',
  transition: 'State',
  observable: 'Observable',
  other: 'Snapshot',
};

/** What the chosen actor remembers. What has changed is lit for a while. */
export class ContextView {
  readonly #heading = byId('context-heading');
  readonly #body = byId('context-body');
  readonly #failure = element('div', 'failure');
  readonly #empty = element('p', 'note');
  #values = new ValueList();
  #shown: ActorView | undefined;

  constructor() {
    mark(this.#body, { tabindex: 0 });
  }

  show(actor: ActorView | undefined): void {
    if (actor === this.#shown) return;
    const isSame = actor !== undefined && actor.key === this.#shown?.key;
    this.#shown = actor;
    write(this.#heading, actor === undefined ? 'Context' : TITLES[actor.kind]);
    if (!isSame) this.#begin();
    if (actor === undefined) return;
    this.#showFailure(actor);
    const { context } = actor;
    this.#empty.hidden = isBranch(context);
    if (isBranch(context)) this.#values.show(context, isSame);
    else {
      write(this.#empty, context === null ? 'It remembers nothing.' : `It remembers ${wordOf(context)}.`);
      this.#values.show([], false);
    }
  }

  #begin(): void {
    this.#values = new ValueList();
    this.#body.replaceChildren(this.#failure, this.#values.element, this.#empty);
    this.#body.scrollTop = 0;
    this.#failure.replaceChildren();
    this.#empty.hidden = true;
  }

  #showFailure({ error }: ActorView): void {
    this.#failure.hidden = error === null;
    if (error === null) return;
    const list = new ValueList();
    list.show(isBranch(error) ? error : { error }, false);
    this.#failure.replaceChildren(element('strong', '', 'It has failed'), list.element);
    if (isBranch(error) && partsOf(error).length === 0) list.element.remove();
  }
}
