import type { ActorRef, Snapshot } from 'xstate';
import type { IotError } from '../protocol/errors.ts';
import type { Handle } from '../protocol/handle.ts';
import type {
  AcceptedMessage,
  DeltaMessage,
  DocumentMessage,
  DocumentsMessage,
} from '../protocol/shadow-messages.ts';
import type { FactListener } from './connection.types.ts';
import type { ShadowOperationFact, ShadowOperationPorts, WatchLine } from './shadow-operation.types.ts';

/** What of a shadow is watched, beside the document itself. */
export interface WatchedTopics {
  /** `update/delta`. */
  readonly deltas: boolean;
  /** `update/documents`. */
  readonly documents: boolean;
}

/** What a shadow reaches the world by. It travels in a {@link Handle}, so that no snapshot shows it. */
export interface DeviceShadowPorts {
  /** Whether requests can be sent now. */
  readonly watchLine: WatchLine;
  /** Holds the topics of what is watched, and tells for each session when the broker has granted all of them. */
  readonly watchTopics: (
    topics: WatchedTopics,
    listener: (fact: WatchingFact) => void,
  ) => {
    /** Holds these instead, and tells again. */
    readonly change: (topics: WatchedTopics) => void;
    /** Holds none any more. */
    readonly release: () => void;
  };
  /** The ports of a get of the shadow's own. */
  readonly openGet: () => Handle<ShadowOperationPorts>;
  /**
   * Offers the newest delta to every handler that has not handled it. Resolves when all of them have; rejects when one has
   * failed. What handlers throw is reported elsewhere.
   */
  readonly offerDelta: () => Promise<void>;
  /** Numbers in [0, 1), to spread what is asked again. Default: the process's own. */
  readonly random?: () => number;
}

/** What a device shadow machine is started with. */
export interface DeviceShadowInput {
  readonly ports: Handle<DeviceShadowPorts>;
  /** Is sent every {@link DeviceShadowFact}. Without one they are only emitted. */
  readonly parent?: FactListener<DeviceShadowFact>;
}

/** The newest versions that were seen, each undefined while nothing is known. */
export interface ShadowVersions {
  /** Of the local copy. */
  readonly copy: number | undefined;
  /** Of what came on `update/delta`, or in the document that was got. */
  readonly delta: number | undefined;
  /** Of what came on `update/documents`. */
  readonly documents: number | undefined;
}

/** An update that came before the copy could take it. */
export interface EarlyUpdate {
  readonly version: number;
  /** What it changes. */
  readonly document: Handle<AcceptedMessage>;
}

/** What a device shadow machine remembers: versions and counts; documents in handles. */
export interface DeviceShadowContext {
  readonly ports: Handle<DeviceShadowPorts>;
  readonly parent: FactListener<DeviceShadowFact> | undefined;
  readonly watched: WatchedTopics;
  readonly versions: ShadowVersions;
  /** Updates that have come since the document was asked for, by version, at most 32. */
  readonly early: readonly EarlyUpdate[];
  /** The newest version of what has come since the document was asked for. */
  readonly seen: number | undefined;
  /** What has come since the document was asked for may have made the answer old, or the copy wrong. */
  readonly isDoubtful: boolean;
  /** Whether a delta is known that nothing has taken back. */
  readonly hasDelta: boolean;
  /** Whether a newer delta has come than the one that is being offered. */
  readonly isDeltaNewer: boolean;
  /** Gets of its own that failed since the last that did not: the n of the backoff. */
  readonly failures: number;
  /** Requests that have not ended. */
  readonly operations: number;
  /** Answers with a token that no open request has: late, twice, or to somebody else. */
  readonly unmatched: number;
}

/**
 * What came on the topics of the shadow; documents in a handle, so that nobody sees them in an event. The answer to a get of the
 * shadow's own is told here first, and then to the get.
 */
export type DeviceShadowMessage =
  | {
      readonly type: 'document.received';
      readonly version: number;
      readonly hasDelta: boolean;
      readonly document: Handle<DocumentMessage>;
    }
  | { readonly type: 'update.accepted'; readonly version: number; readonly document: Handle<AcceptedMessage> }
  | {
      readonly type: 'documents.received';
      readonly version: number;
      readonly document: Handle<DocumentsMessage>;
    }
  | { readonly type: 'delta.received'; readonly version: number; readonly document: Handle<DeltaMessage> }
  /** It was deleted when it had this version; or, without a version, there is none now. Versions begin anew. */
  | { readonly type: 'shadow.deleted'; readonly version?: number }
  /** An answer that no open request has asked for. */
  | { readonly type: 'answer.unmatched' };

/** Whether the topics of what is watched are granted; told anew in each session. */
export type WatchingFact =
  | { readonly type: 'topics.granted' }
  | { readonly type: 'topics.refused'; readonly error: IotError };

/** What the owner of a shadow may ask of it, or tells it about the copy. */
export type DeviceShadowCommand =
  /** Somebody watches it, or watches more or less of it. */
  | { readonly type: 'watch'; readonly watched: WatchedTopics }
  | { readonly type: 'unwatch' }
  /** A handler has come for what is known already. */
  | { readonly type: 'handler.added' }
  /** What was merged last may differ from what AWS made of it. */
  | { readonly type: 'copy.uncertain' }
  /** In this version of the copy nothing is desired that is not reported. */
  | { readonly type: 'delta.resolved'; readonly version: number }
  | { readonly type: 'operation.started' };

/** All that it takes. */
export type DeviceShadowEvent =
  | DeviceShadowCommand
  | DeviceShadowMessage
  | WatchingFact
  | ShadowOperationFact
  | { readonly type: 'line.up' }
  | { readonly type: 'line.lost' }
  /** Every handler has taken the delta. */
  | { readonly type: 'delta.handled' }
  | { readonly type: 'delta.failed' }
  /** One of its actors threw. */
  | { readonly type: 'actor.failed'; readonly error: IotError };

/** What a shadow tells its parent, and emits. */
export type DeviceShadowFact =
  /** The copy becomes this document; after a new connection perhaps the one that it is already. */
  | { readonly type: 'copy.replaced'; readonly document: Handle<DocumentMessage | DocumentsMessage> }
  /** The copy takes this update, which follows it. */
  | { readonly type: 'copy.merged'; readonly document: Handle<AcceptedMessage> }
  /** There is no document, or it was made anew. Versions begin anew. */
  | { readonly type: 'copy.deleted' }
  /** From here on the copy is what AWS has, and follows it. */
  | { readonly type: 'shadow.synced' }
  | { readonly type: 'shadow.unsynced' }
  /** Whoever watches documents gets this one. */
  | { readonly type: 'documents.passed'; readonly document: Handle<DocumentsMessage> }
  /** The newest delta is this one; it is offered now, or as soon as the handlers have done with the one before. */
  | { readonly type: 'delta.passed'; readonly document: Handle<DeltaMessage | DocumentMessage> }
  /** What was desired has been reported, or is desired no more. */
  | { readonly type: 'delta.gone' }
  /** The document was asked for and could not be had; it is asked for again. */
  | { readonly type: 'shadow.unanswered'; readonly error: IotError }
  /** The topics cannot be had: what is watched stays silent until it is watched anew. */
  | { readonly type: 'shadow.refused'; readonly error: IotError }
  /** A fault of this package from which nothing follows. */
  | { readonly type: 'shadow.faulted'; readonly error: IotError };

/** A running device shadow machine. */
export type DeviceShadowActorRef = ActorRef<Snapshot<unknown>, DeviceShadowEvent, DeviceShadowFact>;
