import type { ActorView } from '../feed.ts';
import { ChartFrame } from './chart-frame.ts';
import { ChartPicture, templateOf } from './chart-picture.ts';
import { byId, element, mark, write } from './element.ts';
import type { Moment } from './moment.ts';
import { leaves, shortState } from './state-words.ts';

/** What an actor without a chart is. */
const WITHOUT_CHART: Readonly<Record<ActorView['kind'], string>> = {
  machine: 'There is no picture of this machine.',
  promise: 'A promise: it runs until it has a result, and has no states of its own.',
  callback: 'A callback: it reaches the world, and has no states of its own.',
  transition: 'A reducer: it has a value, and no states of its own.',
  observable: 'An observable: it tells values until it is complete, and has no states of its own.',
  other: 'It has no states of its own.',
};

/** The chosen actor's statechart, and where it stands in it. */
export class ChartView {
  readonly #states = byId('chart-states');
  readonly #note = byId('chart-note');
  readonly #title = byId('chart-title');
  readonly #frame = new ChartFrame();
  readonly #arrived: () => void;
  #key: string | undefined;
  #chart: string | null = null;
  #picture: ChartPicture | undefined;

  /** @param arrived a picture has come: it wants to be drawn */
  constructor(arrived: () => void) {
    this.#arrived = arrived;
  }

  show(actor: ActorView | undefined, moment: Moment | undefined, now: number): void {
    if (actor?.key !== this.#key || (actor?.chart ?? null) !== this.#chart) this.#begin(actor);
    write(this.#title, actor?.name ?? 'Statechart');
    if (actor === undefined || moment === undefined) return;
    this.#showStates(actor, moment);
    if (this.#picture?.light(moment, now) === true) this.#frame.followActive();
  }

  #begin(actor: ActorView | undefined): void {
    this.#key = actor?.key;
    this.#chart = actor?.chart ?? null;
    this.#picture = undefined;
    this.#frame.hold(undefined);
    byId('chart-frame').hidden = this.#chart === null;
    this.#say(actor === undefined ? '' : this.#chart === null ? WITHOUT_CHART[actor.kind] : '');
    if (this.#chart !== null) void this.#fetch(this.#chart);
  }

  async #fetch(chart: string): Promise<void> {
    const key = this.#key;
    const isWanted = (): boolean => this.#key === key && this.#chart === chart;
    try {
      const template = await templateOf(chart);
      if (!isWanted()) return;
      this.#picture = new ChartPicture(template);
      this.#frame.hold(this.#picture);
      this.#arrived();
    } catch (error) {
      if (isWanted())
        this.#say(`The picture could not be had: ${String(error)}. Choose the actor again to retry.`);
    }
  }

  #say(note: string): void {
    this.#note.hidden = note === '';
    write(this.#note, note);
  }

  /** In words what the picture shows. */
  #showStates({ name, status }: ActorView, { states, isPast }: Moment): void {
    const words = leaves(states).map(shortState);
    const end = status === 'error' ? 'has failed' : status;
    if (status !== 'active' && !isPast && !words.includes(end)) words.push(end);
    if (this.#states.dataset['words'] === words.join('\n')) return;
    this.#states.dataset['words'] = words.join('\n');
    this.#states.replaceChildren(...words.map((word) => element('li', 'chip', word)));
    const picture = this.#picture?.element;
    if (picture !== undefined) {
      mark(picture, { role: 'img', 'aria-label': `Statechart of ${name}, at ${words.join(' and ')}` });
    }
  }
}
