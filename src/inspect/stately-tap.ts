import type { ActorRefLike, AnyActorRef, InspectionEvent, Observer } from 'xstate';
import type { Clock, Timer } from '../protocol/clock.ts';
import { isViewable, type ViewableEvent } from './stately-event.ts';

/** As often as a person sees. */
const FLUSH_INTERVAL_MS = 100;
/** Of one flush; of more the newest, beside what nobody could do without. */
const MAX_EVENTS = 200;
const MAX_WAITING = 2_000;

export interface TapPorts {
  readonly clock: Clock;
  /** Called with one event after the other, in their order. */
  take(event: ViewableEvent): void;
}

/**
 * Hears each event of the actors, and does as little there as it can: actors wait for it. Ten times a second the events are handed on; of
 * very many the newest, each new actor, and the newest snapshot of each.
 */
export class StatelyTap {
  readonly #ports: TapPorts;
  readonly #known = new WeakSet<ActorRefLike>();
  #waiting: ViewableEvent[] = [];
  #timer: Timer;
  #isClosed = false;

  readonly observer: Observer<InspectionEvent> = { next: (event) => this.#heard(event) };

  constructor(ports: TapPorts) {
    this.#ports = ports;
  }

  flush(): void {
    this.#ports.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = thinned(this.#waiting);
    this.#waiting = [];
    for (const event of events) this.#ports.take(event);
  }

  /** Hands on what is left; what is heard from now on is ignored. */
  close(): void {
    this.#isClosed = true;
    this.flush();
  }

  #heard(event: InspectionEvent): void {
    if (this.#isClosed || !isViewable(event)) return;
    const viewable = event as ViewableEvent;
    this.#introduce(viewable);
    if (event.type !== '@xstate.actor') this.#waiting.push(viewable);
    if (this.#waiting.length > MAX_WAITING) this.#waiting = thinned(this.#waiting);
    if (this.#timer !== undefined) return;
    const { clock } = this.#ports;
    this.#timer = clock.setTimeout(() => this.flush(), FLUSH_INTERVAL_MS);
    clock.unref?.(this.#timer);
  }

  /** Before the first that is heard of it: an inspector that came late did not see how the actor was made. */
  #introduce({ actorRef, rootId }: ViewableEvent): void {
    const unknown: AnyActorRef[] = [];
    for (let each = actorRef as AnyActorRef | undefined; each && !this.#known.has(each); each = each._parent)
      unknown.unshift(each);
    for (const each of unknown) {
      this.#known.add(each);
      this.#waiting.push({ type: '@xstate.actor', actorRef: each, rootId });
    }
  }
}

function thinned(events: ViewableEvent[]): ViewableEvent[] {
  const firstKept = events.length - MAX_EVENTS;
  if (firstKept <= 0) return events;
  const newest = new Map<ActorRefLike, ViewableEvent>();
  for (const event of events) if (event.type === '@xstate.snapshot') newest.set(event.actorRef, event);
  return events.filter(
    (event, index) =>
      index >= firstKept || event.type === '@xstate.actor' || newest.get(event.actorRef) === event,
  );
}
