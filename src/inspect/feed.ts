/**
 * What the live page is told: plain JSON, redacted before it comes here. The first event of the stream is a whole `Feed`, then
 * `FeedChange`s follow, ten a second at most.
 */

/** JSON that has been through the redactor. */
export type Shown = null | boolean | number | string | readonly Shown[] | { readonly [key: string]: Shown };

export type ActorKind = 'machine' | 'promise' | 'callback' | 'transition' | 'observable' | 'other';

/** `stopped`: it was ended from outside. */
export type ActorStatus = 'active' | 'done' | 'error' | 'stopped';

/** One actor, as it stands now. */
export interface ActorView {
  /** Known by this everywhere in the feed; never used again for another actor. */
  readonly key: string;
  /** Of the actor that started it; null for a root. */
  readonly parent: string | null;
  /** Its id among its siblings, such as `connection` or `shadow/kitchen-lamp`; for a root what a person calls it. */
  readonly name: string;
  readonly kind: ActorKind;
  readonly status: ActorStatus;
  /** Which picture shows it, by `/charts/<chart>.svg`; null for what is no machine. */
  readonly chart: string | null;
  /** The ids of all active state nodes, from the root on: `connection`, `connection.line`, … Empty for what is no machine. */
  readonly states: readonly string[];
  /** The context of a machine; of another actor what its snapshot says. */
  readonly context: Shown;
  /** Why it has failed; null otherwise. */
  readonly error: Shown;
  /** The ids of the transitions that it took last, as `data-transition` names them in the picture, and when. */
  readonly last: { readonly transitions: readonly string[]; readonly at: number } | null;
  /** When it was first seen, in epoch milliseconds. */
  readonly since: number;
}

/** One event that an actor got. */
export interface LogEntry {
  /** Counts up from 1. */
  readonly sequence: number;
  /** In epoch milliseconds, with fractions. */
  readonly at: number;
  /** Who got it, and who sent it: keys of actors. Null when it came from outside. */
  readonly actor: string;
  readonly source: string | null;
  readonly type: string;
  readonly event: Shown;
  /** What it made the actor do; empty when nothing followed. */
  readonly transitions: readonly string[];
  /** The states after it, as in {@link ActorView.states}; null when they are the ones before. */
  readonly states: readonly string[] | null;
}

/** What only a client has, by the key of its root actor. */
export interface ClientView {
  readonly actor: string;
  readonly clientId: string;
  /** As `client.status` says it. */
  readonly state: string;
  readonly queued: number;
  readonly inFlight: number;
  /** When the next attempt begins, in epoch milliseconds; null unless it is backing off. */
  readonly retryAt: number | null;
  readonly attempt: number | null;
  readonly reason: { readonly code: string; readonly message: string } | null;
}

/** What the buttons of the page can do to the line, when a local core was given. */
export type FaultName = 'dropConnections' | 'freeze' | 'thaw' | 'stopListening' | 'listen' | 'refuse';

export interface Feed {
  readonly type: 'feed';
  /** Of the server: another one has other actors by the same keys, and other pictures by the same names. */
  readonly run: string;
  /** The time of the server, in epoch milliseconds: a page counts down by this, not by its own clock. */
  readonly now: number;
  readonly payloads: 'none' | 'size' | 'truncated';
  readonly actors: readonly ActorView[];
  readonly clients: readonly ClientView[];
  /** The newest entries, oldest first. */
  readonly log: readonly LogEntry[];
  /** How many entries there have been in all: those that are not in any `log` were left out. */
  readonly logged: number;
  /** Empty without a local core. */
  readonly faults: readonly FaultName[];
}

export interface FeedChange {
  readonly type: 'change';
  readonly now: number;
  /** Those that are new or have changed. */
  readonly actors: readonly ActorView[];
  /** Keys of those that have been forgotten: they had ended, and there was no room. */
  readonly forgotten: readonly string[];
  readonly clients: readonly ClientView[];
  /** What has come since, oldest first; of very many the newest. */
  readonly log: readonly LogEntry[];
  readonly logged: number;
}
