import type { Shown } from '../feed.ts';
import { element, flash, mark, write } from './element.ts';
import { type Branch, hint, isBranch, lookOf, outline, partsOf, wordOf } from './shown-words.ts';

/** Deeper than this, what has parts is folded at first. */
const UNFOLDED_DEPTH = 1;
const UNFOLDED_PARTS = 12;

/** One value of a context or an event, with its name. It is changed in place, so that what a reader has unfolded stays so. */
export class ValueView {
  readonly element = element('li', 'value');
  readonly #key: string;
  readonly #depth: number;
  #shape: WordShape | BranchShape | undefined;
  #value: Shown = null;

  constructor(key: string, depth: number) {
    this.#key = key;
    this.#depth = depth;
  }

  show(value: Shown, marksChanges: boolean): void {
    const isBranchNow = isBranch(value);
    if (this.#shape === undefined || isBranchNow !== this.#shape instanceof BranchShape) {
      this.#shape = isBranchNow ? new BranchShape(this.#key, this.#depth) : new WordShape(this.#key);
      this.element.replaceChildren(this.#shape.element);
    } else if (Object.is(value, this.#value)) return;
    const isNew = marksChanges && !isBranchNow && !Object.is(value, this.#value);
    this.#value = value;
    if (this.#shape instanceof WordShape) this.#shape.show(value);
    else if (isBranch(value)) this.#shape.show(value, marksChanges);
    if (isNew) flash(this.#shape.element);
  }
}

class WordShape {
  readonly #key: string;
  readonly #word = element('span', 'word');
  readonly #hint = element('span', 'hint');
  readonly element: HTMLElement;

  constructor(key: string) {
    this.#key = key;
    this.element = element('div', 'pair', element('span', 'key', key), ' ', this.#word, ' ', this.#hint);
  }

  show(value: Shown): void {
    write(this.#word, wordOf(value));
    mark(this.#word, { 'data-look': lookOf(value) });
    write(this.#hint, hint(this.#key, value));
  }
}

class BranchShape {
  readonly element = element('details', 'branch');
  readonly #outline = element('span', 'outline');
  readonly #parts: ValueList;
  #value: Branch = [];

  constructor(key: string, depth: number) {
    this.#parts = new ValueList(depth + 1);
    this.element.append(
      element('summary', '', element('span', 'key', key), ' ', this.#outline),
      this.#parts.element,
    );
    // Nobody sees the parts of what is folded: they are made when it is unfolded.
    this.element.addEventListener('toggle', () => this.element.open && this.#parts.show(this.#value, false));
  }

  show(value: Branch, marksChanges: boolean): void {
    const isFirst = this.#outline.textContent === '';
    this.#value = value;
    write(this.#outline, outline(value));
    if (isFirst) {
      this.element.open = this.#parts.depth <= UNFOLDED_DEPTH && Object.keys(value).length <= UNFOLDED_PARTS;
    }
    if (this.element.open) this.#parts.show(value, marksChanges && !isFirst);
  }
}

/** Values under each other. */
export class ValueList {
  readonly element = element('ul', 'values');
  readonly depth: number;
  readonly #views = new Map<string, ValueView>();

  constructor(depth = 0) {
    this.depth = depth;
  }

  /** @param marksChanges whether what is not as before is lit for a while */
  show(value: Branch, marksChanges: boolean): void {
    const parts = partsOf(value);
    const keys = new Set(parts.map(([key]) => key));
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      view.element.remove();
      this.#views.delete(key);
    }
    for (const [index, [key, part]] of parts.entries()) {
      const view = this.#views.get(key) ?? this.#added(key);
      view.show(part, marksChanges);
      const place = this.element.children[index];
      if (place !== view.element) this.element.insertBefore(view.element, place ?? null);
    }
  }

  #added(key: string): ValueView {
    const view = new ValueView(key, this.depth);
    this.#views.set(key, view);
    return view;
  }
}
