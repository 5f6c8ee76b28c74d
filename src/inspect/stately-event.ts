import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { Shown } from './feed.ts';

export type Show = (value: unknown) => Shown;

/** The kinds of events that Stately's viewer knows. */
export type ViewableEvent = Extract<
  InspectionEvent,
  { readonly type: '@xstate.actor' | '@xstate.event' | '@xstate.snapshot' }
>;

export const isViewable = ({ type }: InspectionEvent): boolean =>
  type === '@xstate.actor' || type === '@xstate.event' || type === '@xstate.snapshot';

/** As deep as a machine may be; what is deeper is one that holds itself. */
const MAX_DEPTH = 64;

/** Below these the keys are names that somebody gave to states and events, and say nothing of what stands there. */
const NAMING_KEYS = new Set(['states', 'on', 'after']);
/** In a definition these hold values of the app. */
const VALUE_KEYS = new Set(['context', 'input', 'output', 'params', 'meta', 'data']);

/** An actor without a way to what it holds: as much as a converter asks for. */
interface ActorStandIn {
  readonly id: string;
  readonly sessionId: string;
  readonly logic: { readonly config?: Shown };
  readonly _parent: { readonly sessionId: string } | undefined;
  getSnapshot(): Shown;
}

/** What snapshots of one kind of actors or another have. */
interface SnapshotFields {
  readonly status?: unknown;
  readonly context?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly input?: unknown;
  /** Only those of machines; and these three with it. */
  readonly machine?: unknown;
  readonly value?: unknown;
  readonly children?: object;
  readonly tags?: Iterable<string>;
}

/**
 * Makes an event that looks to a converter like one of XState, and holds nothing that has not been through the redactor. What the viewer draws
 * by (ids, names, states, definitions) keeps its structure however large it is; everything else is bounded.
 */
export class StatelyRedaction {
  readonly #show: Show;
  /** By the config, which all actors of a machine share. */
  readonly #definitions = new WeakMap<object, Shown>();

  constructor(show: Show) {
    this.#show = show;
  }

  redact(event: ViewableEvent): InspectionEvent {
    const { type, rootId } = event;
    const actorRef = this.#actor(event.actorRef as AnyActorRef, type === '@xstate.actor');
    const standIn = { type, rootId: this.#text(rootId), actorRef };
    if (event.type === '@xstate.actor') return standIn as unknown as InspectionEvent;
    const shown = { ...standIn, event: this.#event(event.event) };
    if (event.type === '@xstate.snapshot')
      return { ...shown, snapshot: this.#snapshot(event.snapshot) } as unknown as InspectionEvent;
    const sourceRef = event.sourceRef && { sessionId: this.#text(event.sourceRef.sessionId) };
    return { ...shown, sourceRef } as unknown as InspectionEvent;
  }

  #actor(actorRef: AnyActorRef, isWhole: boolean): ActorStandIn {
    const { _parent: parent } = actorRef;
    const { config } = (actorRef as AnyActorRef & { readonly logic: { readonly config?: unknown } }).logic;
    const isMachine = isWhole && typeof config === 'object' && config !== null;
    // Now: it has none yet when it is made, and this comes later.
    const snapshot = isWhole ? this.#snapshot(actorRef.getSnapshot()) : null;
    return {
      id: this.#text(actorRef.id),
      sessionId: this.#text(actorRef.sessionId),
      logic: isMachine ? { config: this.#definition(config) } : {},
      _parent: parent && { sessionId: this.#text(parent.sessionId) },
      getSnapshot: () => snapshot,
    };
  }

  /** The type stands apart: no viewer could do without it. */
  #event(event: { readonly type: string }): Shown {
    const shown = this.#show(event);
    const fields = typeof shown === 'object' && shown !== null && !Array.isArray(shown) ? shown : {};
    return { ...(fields as Readonly<Record<string, Shown>>), type: this.#text(event.type) };
  }

  #snapshot(snapshot: unknown): Shown {
    if (typeof snapshot !== 'object' || snapshot === null) return this.#show(snapshot);
    const { status, context, machine, value, children, tags = [] } = snapshot as SnapshotFields;
    const shown: Record<string, Shown> = { status: this.#text(String(status)) };
    if (machine !== undefined) {
      Object.assign(shown, { value: this.#names(value, 0), children: this.#children(children) });
      Object.assign(shown, { tags: this.#show(Array.from(tags)) });
    }
    if (context !== undefined) Object.assign(shown, { context: this.#show(context) });
    for (const key of ['output', 'error', 'input'] as const) {
      const field = (snapshot as SnapshotFields)[key];
      if (field !== undefined) shown[key] = this.#field(key, field);
    }
    return shown;
  }

  /** As actors show themselves in JSON. */
  #children(children: object | undefined): Shown {
    const ids = Object.keys(children ?? {}).map((id) => this.#text(id));
    return Object.fromEntries(ids.map((id) => [id, { xstate$$type: 1, id }]));
  }

  /** Of a state value all is names. */
  #names(value: unknown, depth: number): Shown {
    if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return this.#text(String(value));
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([key, inner]) => [this.#text(key), this.#names(inner, depth + 1)]),
    );
  }

  #definition(config: object): Shown {
    const known = this.#definitions.get(config);
    if (known !== undefined) return known;
    const definition = this.#part(config, { depth: 0, areNames: false });
    this.#definitions.set(config, definition);
    return definition;
  }

  #part(value: unknown, place: { readonly depth: number; readonly areNames: boolean }): Shown {
    if (typeof value === 'function') return { type: this.#text(value.name) };
    if (typeof value !== 'object' || value === null || place.depth > MAX_DEPTH) return this.#show(value);
    const depth = place.depth + 1;
    if (Array.isArray(value)) return value.map((item) => this.#part(item, { depth, areNames: false }));
    // Actor logic that stands in the config itself, machines among it.
    if (!isPlain(value)) return this.#show(value);
    const shown = Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => {
        const isValue = !place.areNames && VALUE_KEYS.has(key) && typeof inner !== 'function';
        const areNames = !place.areNames && NAMING_KEYS.has(key);
        return [this.#text(key), isValue ? this.#field(key, inner) : this.#part(inner, { depth, areNames })];
      });
    return Object.fromEntries(shown) as Shown;
  }

  /** Its key says whether it is a payload or a secret. */
  #field(key: string, value: unknown): Shown {
    return (this.#show({ [key]: value }) as Readonly<Record<string, Shown>>)[key] ?? null;
  }

  #text(text: string): string {
    return this.#show(text) as string;
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
