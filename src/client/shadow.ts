import type { IotError } from '../protocol/errors.ts';
import type { ShadowMetadata } from '../protocol/shadow-messages.ts';
import type { JsonObject } from '../protocol/shadow-state.ts';
import type { CallOptions } from './deadline.ts';
import type { Overflow } from './message-queue.ts';
import type { InvalidDocumentError, StandardSchema } from './standard-schema.ts';

/** A state that has any of its fields, at every level. */
export type ShadowPart<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: ShadowPart<T[K]> }
    : T;

/** What an update may say of a state: any of its fields, at every level, and `null` for one that is to go. */
export type ShadowChange<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: ShadowChange<T[K]> | null }
    : T;

/** What an update changes. `null` removes a section, and in place of the whole both of them; the shadow stays. */
export type ShadowUpdate<T> = {
  readonly desired?: ShadowChange<T> | null;
  readonly reported?: ShadowChange<T> | null;
} | null;

/** A document as AWS has it. Frozen. */
export interface ShadowDocument<T> {
  readonly state: {
    readonly desired?: T;
    readonly reported?: T;
    /** What is desired and not reported. */
    readonly delta?: ShadowPart<T>;
  };
  /** When each value was set, in seconds since the epoch, nested as the state is. */
  readonly metadata?: ShadowMetadata;
  readonly version: number;
  /** When AWS answered, in seconds since the epoch. */
  readonly timestamp?: number;
}

/** What an update has changed, as AWS accepted it. Frozen. */
export interface AcceptedUpdate<T> {
  readonly state: ShadowUpdate<T>;
  readonly metadata?: ShadowMetadata;
  /** Of the document after the update. */
  readonly version: number;
  /** When AWS sent it, in seconds since the epoch. */
  readonly timestamp?: number;
  readonly clientToken: string;
}

/** What is desired and not reported, all of it. Frozen. */
export interface ShadowDelta<T> {
  readonly state: ShadowPart<T>;
  readonly metadata?: ShadowMetadata;
  readonly version: number;
  /** When AWS sent it, in seconds since the epoch. */
  readonly timestamp?: number;
}

/** A document before and after an update. Frozen. */
export interface ShadowDocuments<T> {
  /** Null when the update made the shadow. */
  readonly previous: ShadowDocument<T> | null;
  readonly current: ShadowDocument<T>;
  /** When AWS sent it, in seconds since the epoch. */
  readonly timestamp?: number;
  /** Of the request, when it had one. */
  readonly clientToken?: string;
}

/** The local copy, as an app can show it. Frozen; it stays the same object until something changes. */
export interface ShadowState<T> {
  readonly desired: T | undefined;
  readonly reported: T | undefined;
  readonly delta: ShadowPart<T> | undefined;
  /** Undefined while nothing is known, or when there is no document. */
  readonly version: number | undefined;
  /** Whether it is what AWS has, and follows every change. Only while the shadow is watched. */
  readonly synced: boolean;
}

/** What a shadow is like in the app, and which subscriptions it takes. */
export interface ShadowOptions<T> {
  /** The name of a named shadow. Default: the classic shadow of the thing. */
  readonly name?: string;
  /**
   * `true`: the topics of the answers are subscribed at the first request, and stay. `false`: each request subscribes them, and
   * unsubscribes after its answer. Default true.
   */
  readonly persistent?: boolean;
  /**
   * `wildcard`: as few subscriptions as there can be, two for all requests. `exact`: each topic by itself, for IoT policies that
   * list them. Default `wildcard`.
   */
  readonly topics?: 'wildcard' | 'exact';
  /**
   * What desired and reported state may be: a Standard Schema (zod, valibot, …) that answers at once. It is asked about parts,
   * because an update changes a part: its fields have to be optional. It only checks; what it would make of a value is not used.
   */
  readonly schema?: StandardSchema<T>;
}

/** What each request about a shadow takes. */
export interface ShadowCallOptions {
  /** Ends the call when it aborts: the promise rejects with `signal.reason`. What is on the wire may be done all the same. */
  readonly signal?: AbortSignal;
  /** How long the answer may take, in milliseconds, counted from the publish of the request. Default 5,000. */
  readonly timeoutMs?: number;
  /** Without a line: wait for one, instead of rejecting with `DISCONNECTED`. Default false. */
  readonly waitForConnection?: boolean;
  /** What the answer is known by: 1 to 64 bytes, not in use. Default: a random one. */
  readonly clientToken?: string;
}

/** What an update takes besides. */
export interface ShadowUpdateOptions extends ShadowCallOptions {
  /** Only if the document still has this version; otherwise AWS rejects with 409. */
  readonly version?: number;
}

/** What a loop over deltas or documents takes. */
export interface ShadowStreamOptions {
  /** How many may wait for a slow consumer. Default 100. */
  readonly bufferSize?: number;
  /** Which one a full buffer loses. Default `dropOldest`. */
  readonly overflow?: Overflow;
}

/**
 * A device shadow, classic or named. Requests reject with a `ShadowRejectedError` when AWS refuses them (`reasonCode` is AWS's
 * code), with `TIMEOUT`, `DISCONNECTED`, `OUTCOME_UNKNOWN` (the line ended before the answer), `SUBSCRIPTION_REFUSED` or
 * `POISON_SUBSCRIPTION` (the policy denies the topics of the answers), `INVALID_ARGUMENT`, `INVALID_DOCUMENT`, `CLOSED`, or the
 * signal's reason. They are never queued, and never sent after their promise has settled. Any number may be asked for; ten
 * of a client are on their way at a time, as AWS allows, and the others wait.
 */
export interface Shadow<T = JsonObject> extends AsyncDisposable {
  readonly thingName: string;
  /** Undefined for the classic shadow. */
  readonly name: string | undefined;

  /** The local copy: what the requests brought, and while the shadow is watched, all that happens to it. */
  readonly state: ShadowState<T>;

  /** The document; undefined when there is none. */
  get(options?: ShadowCallOptions): Promise<ShadowDocument<T> | undefined>;

  /** Changes the document, or makes one. `update(null)` empties it. */
  update(change: ShadowUpdate<T>, options?: ShadowUpdateOptions): Promise<AcceptedUpdate<T>>;

  /**
   * Changes the document from what it is: gets it, and updates with its version. When somebody else was faster (409) the
   * function is asked again, with the new document, up to ten times in all. When it returns undefined nothing is
   * changed, and the promise resolves with undefined. The options hold for each of its requests, so there is no token.
   */
  update(
    change: (current: ShadowDocument<T> | undefined) => ShadowUpdate<T> | undefined,
    options?: Omit<ShadowCallOptions, 'clientToken'>,
  ): Promise<AcceptedUpdate<T> | undefined>;

  /** Deletes the document. Resolves with the version that it had; rejects with 404 when there is none. */
  delete(options?: ShadowCallOptions): Promise<number>;

  /**
   * Calls the handler with what is desired and not reported: now, if there is something, at each change, and after every
   * time without a line. Deltas come one at a time: while a handler's promise is open the newest one waits, and those before
   * it are left out, because it has all that they had. When a handler throws or rejects, the delta is offered again at the
   * next change, and the error goes to the client's `handlerError`. The result ends it.
   */
  onDelta(handler: (delta: ShadowDelta<T>) => unknown): () => void;

  /** Calls the handler with the document before and after each update, whoever made it. The result ends it. */
  onDocuments(handler: (documents: ShadowDocuments<T>) => unknown): () => void;

  /** Keeps `state` alive, and calls the listener when it has changed. The result ends it. */
  onState(listener: (state: ShadowState<T>) => unknown): () => void;

  /** Calls the listener with what came and is not applied: it is malformed, or not what the schema says. The result ends it. */
  onInvalid(listener: (error: IotError | InvalidDocumentError) => unknown): () => void;

  /** The deltas as an async iterable; leaving the loop ends it. */
  deltas(options?: ShadowStreamOptions): AsyncIterable<ShadowDelta<T>, undefined>;

  /** The documents as an async iterable; leaving the loop ends it. */
  documents(options?: ShadowStreamOptions): AsyncIterable<ShadowDocuments<T>, undefined>;

  /**
   * Resolves when `state` is what AWS has. The shadow has to be watched: by `onDelta`, `onDocuments`, `onState` or one of the
   * iterables. Rejects when its topics are refused. As long as the document cannot be had for another reason it is asked for again,
   * and the client's `warning` says so.
   */
  whenSynced(options?: CallOptions): Promise<ShadowState<T>>;

  /** Ends everything that is open on it with `CLOSED`, and its subscriptions. `client.shadow()` gives a new one then. */
  close(): Promise<void>;
}
