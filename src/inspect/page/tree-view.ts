import type { ActorView } from '../feed.ts';
import { byId, element, flash, mark, write } from './element.ts';
import { summary } from './state-words.ts';
import { type TreeRow, treeMove, treeRows } from './tree-rows.ts';

interface Line {
  readonly element: HTMLElement;
  readonly twisty: HTMLElement;
  readonly lamp: HTMLElement;
  readonly name: HTMLElement;
  readonly summary: HTMLElement;
  lastAt: number | undefined;
}

/** All actors, each below the one that started it. */
export class TreeView {
  readonly #root = byId('tree');
  readonly #choose: (key: string) => void;
  readonly #lines = new Map<string, Line>();
  readonly #flipped = new Set<string>();
  #rows: readonly TreeRow[] = [];
  #actors: ReadonlyMap<string, ActorView> = new Map();
  #chosen: string | undefined;
  /** The one row that Tab leads to. */
  #current: string | undefined;

  constructor(choose: (key: string) => void) {
    this.#choose = choose;
    this.#root.addEventListener('click', (event) => this.#click(event));
    this.#root.addEventListener('keydown', (event) => this.#press(event));
  }

  show(actors: ReadonlyMap<string, ActorView>, chosen: string | undefined): void {
    if (actors === this.#actors && chosen === this.#chosen) return;
    if (chosen !== this.#chosen) this.#current = chosen;
    this.#actors = actors;
    this.#chosen = chosen;
    this.#draw();
  }

  #draw(): void {
    this.#rows = treeRows(this.#actors, this.#flipped);
    const keys = new Set(this.#rows.map(({ key }) => key));
    for (const [key, line] of this.#lines) {
      if (keys.has(key)) continue;
      line.element.remove();
      this.#lines.delete(key);
    }
    if (this.#current === undefined || !keys.has(this.#current)) this.#current = this.#rows[0]?.key;
    for (const [index, row] of this.#rows.entries()) {
      const line = this.#lines.get(row.key) ?? this.#added(row.key);
      this.#fill(line, row);
      const place = this.#root.children[index];
      if (place !== line.element) this.#root.insertBefore(line.element, place ?? null);
    }
  }

  #fill(line: Line, row: TreeRow): void {
    mark(line.element, {
      'aria-level': row.level,
      'aria-posinset': row.position,
      'aria-setsize': row.siblings,
      'aria-expanded': row.isOpen ?? null,
      'aria-selected': row.key === this.#chosen,
      tabindex: row.key === this.#current ? 0 : -1,
      'data-kind': row.kind,
    });
    if (row.kind === 'ended') {
      write(
        line.name,
        row.isOpen
          ? 'hide those that have ended'
          : row.count === 1
            ? '1 has ended'
            : `${row.count} have ended`,
      );
      return;
    }
    const { actor } = row;
    mark(line.element, { 'data-status': actor.status, 'data-actor': actor.kind, title: actor.name });
    write(line.name, actor.name);
    write(line.summary, summary(actor));
    const at = actor.last?.at;
    if (line.lastAt !== undefined && at !== undefined && at > line.lastAt) flash(line.lamp);
    line.lastAt = at ?? 0;
  }

  #added(key: string): Line {
    const line: Line = {
      element: element('div', 'actor'),
      twisty: element('span', 'twisty'),
      lamp: element('span', 'lamp'),
      name: element('span', 'actor-name'),
      summary: element('span', 'actor-summary'),
      lastAt: undefined,
    };
    mark(line.element, { role: 'treeitem', 'data-key': key });
    line.element.append(line.twisty, line.lamp, line.name, line.summary);
    this.#lines.set(key, line);
    return line;
  }

  #click({ target }: Event): void {
    if (!(target instanceof Element)) return;
    const key = target.closest('[data-key]')?.getAttribute('data-key') ?? undefined;
    const row = this.#rows.find((one) => one.key === key);
    if (row === undefined) return;
    this.#current = row.key;
    if (row.kind === 'ended' || (target.matches('.twisty') && row.isOpen !== undefined)) this.#flip(row.key);
    else this.#choose(row.key);
  }

  #press(event: KeyboardEvent): void {
    if (this.#current === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = treeMove(this.#rows, this.#current, event.key);
    if (move === undefined) return;
    event.preventDefault();
    if ('flip' in move) this.#flip(move.flip);
    else if ('choose' in move) this.#choose(move.choose);
    else {
      this.#current = move.to;
      this.#draw();
      this.#lines.get(move.to)?.element.focus();
    }
  }

  #flip(key: string): void {
    if (!this.#flipped.delete(key)) this.#flipped.add(key);
    this.#draw();
    this.#lines.get(key)?.element.focus();
  }
}
