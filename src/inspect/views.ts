import type { AnyTransitionDefinition } from 'xstate';
import { transitionId } from './chart/index.ts';
import type { Charts } from './charts.ts';
import type { LoggedEvent } from './event-log.ts';
import type { ActorView, LogEntry } from './feed.ts';
import { type LiveNode, type LiveSnapshot, machineOf } from './live-actor.ts';
import type { ActorRecord } from './recorder.ts';
import { type PayloadMode, type RedactorOptions, redactor } from './redact.ts';
import { cut, withoutControls, withoutSecrets } from './secret-text.ts';

const MAX_NAME_CHARACTERS = 128;
/** Of one event less is shown than of one context: there are thousands of them. */
const SHARE_OF_EVENT = 0.2;

/** Turns what is remembered into what a page is told. Whatever leaves has been through the redactor here. */
export class Views {
  readonly #charts: Charts;
  readonly #redacted: ReturnType<typeof redactor>;
  readonly #redactedEvent: ReturnType<typeof redactor>;
  readonly #entries = new WeakMap<LoggedEvent, LogEntry>();

  constructor(payloads: PayloadMode, charts: Charts) {
    const options: RedactorOptions = { payloads };
    this.#charts = charts;
    this.#redacted = redactor(options);
    this.#redactedEvent = redactor({ ...options, share: SHARE_OF_EVENT });
  }

  /** @param name what a person calls it; by default its id among its siblings */
  actor(record: ActorRecord, name: string | undefined): ActorView {
    const { key, parent, kind, status, last, since, actor } = record;
    const snapshot = actor.getSnapshot();
    const machine = machineOf(actor);
    return {
      key,
      parent: parent?.key ?? null,
      name: nameOf(name ?? (actor.id === actor.sessionId ? (machine?.id ?? kind) : actor.id)),
      kind,
      status,
      chart: machine === undefined ? null : this.#charts.chartOf(machine),
      states: idsOf(snapshot._nodes ?? []),
      context: this.#redacted(machine === undefined ? ownPart(snapshot) : snapshot.context),
      error: status === 'error' ? this.#redacted(snapshot.error) : null,
      last: last === undefined ? null : { transitions: transitionIds(last.transitions), at: last.at },
      since,
    };
  }

  /** What an event has come to is known once its actor is done with it; it is never looked at again then. */
  entry(logged: LoggedEvent): LogEntry {
    const known = this.#entries.get(logged);
    if (known !== undefined) return known;
    const { sequence, at, actor, source, event, transitions, nodes } = logged;
    const entry: LogEntry = {
      sequence,
      at,
      actor,
      source,
      type: nameOf(String(event.type)),
      event: this.#redactedEvent(event),
      transitions: transitionIds(transitions),
      states: nodes === undefined ? null : idsOf(nodes),
    };
    this.#entries.set(logged, entry);
    return entry;
  }
}

function nameOf(name: string): string {
  return cut(withoutControls(withoutSecrets(name)), MAX_NAME_CHARACTERS);
}

function idsOf(nodes: readonly LiveNode[]): string[] {
  return [...nodes].sort((a, b) => a.order - b.order).map(({ id }) => id);
}

function transitionIds(transitions: readonly object[]): string[] {
  const ids = transitions.map((transition) => transitionId(transition as AnyTransitionDefinition));
  return ids.filter((id) => id !== undefined);
}

/** What the snapshot of another actor than a machine says, without what the view has elsewhere. */
function ownPart(snapshot: LiveSnapshot): object {
  const { status: _status, error: _error, ...own } = snapshot;
  return own;
}
