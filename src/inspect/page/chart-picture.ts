import { flash, mark, svgElement } from './element.ts';
import type { Moment } from './moment.ts';
import type { Size } from './sparkline.ts';
import { leaves } from './state-words.ts';

/** For how long a transition that was taken glows; what was taken before that is only marked. */
const GLOW_MS = 4_000;

/** The picture of a machine in which states and transitions can be lit. */
export class ChartPicture {
  readonly element: SVGSVGElement;
  readonly size: Size;
  readonly #boxes = new Map<string, Element>();
  readonly #transitions = new Map<string, Element[]>();
  /** Lies over the boxes: their texts have rims in the colour of the box, which a box of another colour would show. */
  readonly #lamps = svgElement('g');
  readonly #lit = new Set<Element>();
  readonly #taken = new Set<Element>();
  #shown: Moment | undefined;

  constructor(template: SVGSVGElement) {
    this.element = document.importNode(template, true);
    const { width, height } = this.element.viewBox.baseVal;
    this.size = { width, height };
    for (const box of this.element.querySelectorAll('[data-state]')) {
      this.#boxes.set(box.getAttribute('data-state') ?? '', box);
    }
    for (const row of this.element.querySelectorAll('[data-transition], [data-transitions]')) {
      const ids = row.getAttribute('data-transitions')?.split(' ') ?? [
        row.getAttribute('data-transition') ?? '',
      ];
      for (const id of ids) this.#transitions.set(id, [...(this.#transitions.get(id) ?? []), row]);
    }
    this.element.append(this.#lamps);
  }

  scale(by: number): void {
    mark(this.element, { width: this.size.width * by, height: this.size.height * by });
  }

  /** @returns whether other states are active than before */
  light(moment: Moment, now: number): boolean {
    const before = this.#shown;
    this.#shown = moment;
    const areNewStates = before?.states.join(' ') !== moment.states.join(' ');
    if (areNewStates) this.#lightStates(moment.states);
    if (before?.at !== moment.at || before.transitions.join(' ') !== moment.transitions.join(' ')) {
      this.#lightTransitions(moment, now);
    }
    return areNewStates;
  }

  /** The boxes that say most about where it stands: those that have no active one in them. */
  activeLeaves(): readonly Element[] {
    return leaves(this.#shown?.states ?? []).flatMap((state) => this.#boxes.get(state) ?? []);
  }

  #lightStates(states: readonly string[]): void {
    const active = new Set(states.flatMap((state) => this.#boxes.get(state) ?? []));
    replaceClass('active', this.#lit, active);
    this.#lamps.replaceChildren(
      ...this.activeLeaves().flatMap((box) => {
        const rectangle = box.querySelector('rect')?.cloneNode() as SVGRectElement | undefined;
        if (rectangle !== undefined) mark(rectangle, { class: 'lit-box' });
        return rectangle ?? [];
      }),
    );
  }

  #lightTransitions({ transitions, at }: Moment, now: number): void {
    const taken = new Set(transitions.flatMap((id) => this.#transitions.get(id) ?? []));
    replaceClass('taken', this.#taken, taken);
    // Who comes late sees the rest of the glow.
    const past = Math.min(GLOW_MS, Math.max(0, now - at));
    for (const row of taken) {
      (row as SVGElement).style.setProperty('--past', `-${Math.round(past)}ms`);
      flash(row);
    }
  }
}

function replaceClass(name: string, before: Set<Element>, next: ReadonlySet<Element>): void {
  for (const one of before) if (!next.has(one)) one.classList.remove(name);
  before.clear();
  for (const one of next) {
    one.classList.add(name);
    before.add(one);
  }
}

const templates = new Map<string, Promise<SVGSVGElement>>();

/** Each picture is fetched once; one that could not be had is asked for again. */
export function templateOf(chart: string): Promise<SVGSVGElement> {
  const known = templates.get(chart);
  if (known !== undefined) return known;
  const fetched = fetchTemplate(chart);
  templates.set(chart, fetched);
  fetched.catch(() => templates.delete(chart));
  return fetched;
}

async function fetchTemplate(chart: string): Promise<SVGSVGElement> {
  const response = await fetch(`/charts/${encodeURIComponent(chart)}.svg`);
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  // Its colours come from /page/chart.css: a page takes no styles that stand in markup, and even to read them is an offence.
  const text = (await response.text()).replace(/<style\b.*?<\/style>/gs, '');
  const { documentElement } = new DOMParser().parseFromString(text, 'image/svg+xml');
  if (!(documentElement instanceof SVGSVGElement)) throw new Error('what came is no picture');
  // Its title would be a tooltip of everything.
  for (const one of documentElement.querySelectorAll('script, :scope > title')) one.remove();
  return documentElement;
}
