import type { InspectionEvent } from 'xstate';
import type { Clock } from '../protocol/clock.ts';
import { EventLog, type LoggedEvent } from './event-log.ts';
import type { ActorKind, ActorStatus } from './feed.ts';
import { kindOf, type LiveActor, type LiveNode, type LiveSnapshot, rootOf } from './live-actor.ts';
import { unlessItThrows } from './unless-it-throws.ts';

/** Of actors that have ended so many are remembered. */
const MAX_ENDED = 500;
/** Events of one actor that nothing followed yet: more have only those that an ended actor gets. */
const MAX_UNANSWERED = 100;

/** One for all: an array for each event would be garbage. */
const NONE: readonly never[] = [];

/** What is remembered of one actor: what it is can be read from it when somebody wants to see it. */
export interface ActorRecord {
  readonly key: string;
  readonly actor: LiveActor;
  readonly parent: ActorRecord | undefined;
  readonly kind: ActorKind;
  readonly since: number;
  status: ActorStatus;
  /** Whether somebody was told of it. */
  isTold: boolean;
  /** Of those that are remembered. */
  children: number;
  /** The active states after the event that it worked on last. */
  nodes: readonly LiveNode[];
  /** The transitions of the event that it works on. */
  taking: readonly object[];
  last: { readonly transitions: readonly object[]; readonly at: number } | undefined;
  /** The events that it has not worked on yet, oldest first. */
  readonly unanswered: LoggedEvent[];
}

type Inspected = InspectionEvent & {
  readonly actorRef: LiveActor;
  readonly sourceRef?: LiveActor | undefined;
  readonly _transitions?: readonly object[];
};

interface Inspectable {
  inspect(observer: (event: Inspected) => void): { unsubscribe(): void };
}

/**
 * Remembers what the actors of some systems do. XState tells it in the midst of their steps, so it only keeps references then; what they
 * come to is read when it is shown.
 */
export class Recorder {
  readonly log = new EventLog();
  readonly #clock: Clock;
  readonly #records = new Map<LiveActor, ActorRecord>();
  readonly #systems = new Map<object, { unsubscribe(): void }>();
  /** In the order in which they ended. */
  readonly #ended = new Set<ActorRecord>();
  readonly #changed = new Set<ActorRecord>();
  #forgotten: string[] = [];
  #made = 0;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In the order in which they were first seen: who started others comes before them. */
  get records(): Iterable<ActorRecord> {
    return this.#records.values();
  }

  /** Watches the whole system of an actor, from its root on; nothing any more once it is closed. */
  watch(actor: LiveActor): void {
    const { system } = actor;
    if (this.#isClosed || this.#systems.has(system)) return;
    const observer = (event: Inspected): void => {
      try {
        this.#inspected(event);
      } catch {
        // What an actor shows is its own affair, and never a reason to break its step.
      }
    };
    this.#systems.set(system, (system as Inspectable).inspect(observer));
    this.#discover(rootOf(actor));
    this.#discover(actor);
  }

  close(): void {
    this.#isClosed = true;
    for (const subscription of this.#systems.values()) subscription.unsubscribe();
    this.#systems.clear();
  }

  /** Those that are new or have changed since this was last asked, at most so many; the others are told the next time. */
  takeChanged(most: number): ActorRecord[] {
    const taken: ActorRecord[] = [];
    for (const record of this.#changed) {
      if (taken.length === most) break;
      unlessItThrows(() => this.#noticeEnd(record, record.actor.getSnapshot().status));
      this.#changed.delete(record);
      record.isTold = true;
      taken.push(record);
    }
    return taken;
  }

  /** The keys of those that were forgotten since this was last asked. */
  takeForgotten(): string[] {
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    return forgotten;
  }

  #inspected(inspected: Inspected): void {
    switch (inspected.type) {
      case '@xstate.event':
        this.#gotEvent(inspected);
        break;
      case '@xstate.microstep':
        this.#stepped(this.#recordOf(inspected.actorRef), inspected._transitions);
        break;
      case '@xstate.snapshot':
        this.#settled(this.#recordOf(inspected.actorRef), inspected.event, inspected.snapshot);
        break;
      case '@xstate.actor':
        this.#recordOf(inspected.actorRef);
        break;
      default:
    }
  }

  #gotEvent({ actorRef, sourceRef, event }: Extract<Inspected, { type: '@xstate.event' }>): void {
    const record = this.#recordOf(actorRef);
    const source = sourceRef === undefined ? undefined : this.#recordOf(sourceRef);
    const entry = this.log.add(this.#clock.now(), record.key, source?.key ?? null, event);
    record.unanswered.push(entry);
    if (record.unanswered.length > MAX_UNANSWERED) record.unanswered.shift();
    this.#changed.add(record);
    // XState shows no snapshot of an actor that has failed: its parent gets an event about it.
    if (source?.status === 'active' && source !== record)
      this.#noticeEnd(source, source.actor.getSnapshot().status);
  }

  #stepped(record: ActorRecord, transitions: readonly object[] = []): void {
    if (transitions.length === 0) return;
    record.taking = record.taking.length === 0 ? transitions : [...record.taking, ...transitions];
  }

  /** An actor is done with an event. */
  #settled(record: ActorRecord, event: { readonly type: string }, snapshot: LiveSnapshot): void {
    const entry = takeUpTo(event, record.unanswered);
    if (entry !== undefined) {
      entry.transitions = record.taking;
      entry.nodes = sameNodes(record.nodes, snapshot._nodes) ? undefined : snapshot._nodes;
    }
    record.nodes = snapshot._nodes ?? NONE;
    if (record.taking.length > 0) {
      record.last = { transitions: record.taking, at: entry?.at ?? this.#clock.now() };
      record.taking = NONE;
    }
    this.#changed.add(record);
    // Of some kinds of actors the snapshot says active for ever.
    const isStopped = event.type === 'xstate.stop' && snapshot.status === 'active';
    this.#noticeEnd(record, isStopped ? 'stopped' : snapshot.status);
  }

  #noticeEnd(record: ActorRecord, status: ActorStatus): void {
    if (record.status !== 'active' || status === 'active') return;
    record.status = status;
    this.#changed.add(record);
    this.#ended.add(record);
    if (this.#ended.size > MAX_ENDED) this.#forgetOne();
  }

  /** The one that ended first of those that no other leads to. */
  #forgetOne(): void {
    for (const record of this.#ended) {
      if (record.children > 0) continue;
      this.#ended.delete(record);
      this.#changed.delete(record);
      this.#records.delete(record.actor);
      if (record.isTold) this.#forgotten.push(record.key);
      if (record.parent !== undefined) record.parent.children -= 1;
      else this.#leave(record.actor.system);
      return;
    }
  }

  #leave(system: object): void {
    this.#systems.get(system)?.unsubscribe();
    this.#systems.delete(system);
  }

  #recordOf(actor: LiveActor): ActorRecord {
    return this.#records.get(actor) ?? this.#remember(actor);
  }

  #remember(actor: LiveActor): ActorRecord {
    const parent = actor._parent === undefined ? undefined : this.#recordOf(actor._parent);
    this.#made += 1;
    const record: ActorRecord = {
      key: String(this.#made),
      actor,
      parent,
      kind: kindOf(actor),
      since: this.#clock.now(),
      status: 'active',
      isTold: false,
      children: 0,
      nodes: NONE,
      taking: NONE,
      last: undefined,
      unanswered: [],
    };
    if (parent !== undefined) parent.children += 1;
    this.#records.set(actor, record);
    this.#changed.add(record);
    return record;
  }

  /** Actors that were there before anybody looked. */
  #discover(actor: LiveActor): void {
    const record = this.#recordOf(actor);
    const snapshot = actor.getSnapshot();
    record.nodes = snapshot._nodes ?? NONE;
    this.#noticeEnd(record, snapshot.status);
    for (const child of Object.values(snapshot.children ?? {})) {
      if (child !== undefined) this.#discover(child);
    }
  }
}

/** The entry of an event; those before it were answered by nothing. */
function takeUpTo(event: object, unanswered: LoggedEvent[]): LoggedEvent | undefined {
  const index = unanswered[0]?.event === event ? 0 : unanswered.findIndex((each) => each.event === event);
  if (index > 0) unanswered.splice(0, index);
  return index === -1 ? undefined : unanswered.shift();
}

function sameNodes(before: readonly LiveNode[], after: readonly LiveNode[] = []): boolean {
  return before === after || (before.length === after.length && before.every((node, i) => node === after[i]));
}
