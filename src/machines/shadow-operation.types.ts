import type { IotError } from '../protocol/errors.ts';
import type { Handle } from '../protocol/handle.ts';
import type { ShadowRejectedError } from '../protocol/shadow-rejection.ts';
import type { ShadowOperationKind } from '../protocol/shadow-topics.ts';
import type { FactListener } from './connection.types.ts';

/** Tells whether the line may be used: at once, and at each change; returns how to stop. */
export type WatchLine = (
  listener: (fact: { readonly type: 'line.up' } | { readonly type: 'line.lost' }) => void,
) => () => void;

/** What one request and its answer need of the world. Each port calls back until what it returned is called. */
export interface ShadowOperationPorts {
  /** Whether the request can be sent now. */
  readonly watchLine: WatchLine;
  /** Asks for one of the places for requests that have no answer yet; what it returns gives it back. */
  readonly takeSlot: (taken: () => void) => () => void;
  /** Holds the topics of the answers, tells when the broker has granted all of them, and then each answer to this request. */
  readonly listen: (listener: (fact: ListeningFact) => void) => () => void;
  /** Publishes the request as soon as the line has room for it. What it returns takes it back, if it is not written yet. */
  readonly publish: (told: (fact: PublishingFact) => void) => () => void;
  /** Calls back once the broker has forgotten the topics, or nobody asks it to. */
  readonly onReleased: (callback: () => void) => () => void;
  /** Numbers in [0, 1), to spread what is asked again. Default: the process's own. */
  readonly random?: () => number;
}

/** What a shadow operation machine is started with. */
export interface ShadowOperationInput {
  readonly ports: Handle<ShadowOperationPorts>;
  readonly kind: ShadowOperationKind;
  /** How long the answer may take, from the publish. Default 5,000. */
  readonly timeoutMs?: number;
  /** Without a line: wait for one, instead of failing at once. Default false. */
  readonly waitForConnection?: boolean;
  /** Whether the topics stay when it has ended, because somebody else holds them too. Default false. */
  readonly keepsTopics?: boolean;
  /** Is told the end as soon as it is known. Without one it is only emitted. */
  readonly parent?: FactListener<ShadowOperationFact>;
}

/** How a request ended. */
export type ShadowOutcome =
  | { readonly type: 'accepted'; readonly version: number | undefined }
  | {
      readonly type: 'rejected' | 'failed' | 'timedOut' | 'aborted' | 'disconnected' | 'outcomeUnknown';
      readonly error: IotError;
    };

/** What a shadow operation machine remembers. The request itself stays in its ports. */
export interface ShadowOperationContext {
  readonly ports: Handle<ShadowOperationPorts>;
  readonly kind: ShadowOperationKind;
  /** As its input says, or the default. */
  readonly timeoutMs: number;
  /** As its input says, or the default. */
  readonly waitForConnection: boolean;
  /** As its input says, or the default. */
  readonly keepsTopics: boolean;
  readonly parent: FactListener<ShadowOperationFact> | undefined;
  /** How often it was asked less often (429). */
  readonly throttles: number;
  /** Why it is to be asked again; undefined while an answer is awaited. */
  readonly throttledBy: ShadowRejectedError | undefined;
  /** A rejection that may be meant for this request: it said no token. */
  readonly hint: IotError | undefined;
  /** Undefined until it has ended. */
  readonly outcome: ShadowOutcome | undefined;
}

/** What the topics of the answers bring. */
export type ListeningFact =
  /** The broker sends the answers to this connection. */
  | { readonly type: 'topics.granted' }
  /** It refuses to. */
  | { readonly type: 'topics.refused'; readonly error: IotError }
  | { readonly type: 'response.accepted'; readonly version?: number }
  | { readonly type: 'response.rejected'; readonly error: ShadowRejectedError }
  /** Something of this kind was rejected, and nobody says what. */
  | { readonly type: 'response.uncorrelated'; readonly error: IotError };

/** What became of the publish of the request. */
export type PublishingFact =
  /** The request is on the wire. */
  | { readonly type: 'request.sent' }
  /** It cannot be sent, and never was. */
  | { readonly type: 'request.failed'; readonly error: IotError };

/** All that it takes. */
export type ShadowOperationEvent =
  /** The caller wants it no longer; or, when it has ended, nobody waits for its topics to be released. */
  | { readonly type: 'abort'; readonly error: IotError }
  | { readonly type: 'line.up' }
  | { readonly type: 'line.lost' }
  | { readonly type: 'slot.taken' }
  | { readonly type: 'topics.released' }
  /** One of its actors threw. */
  | { readonly type: 'actor.failed'; readonly error: IotError }
  | ListeningFact
  | PublishingFact;

/** What a request tells its parent, and emits. */
export type ShadowOperationFact = {
  /** The outcome is known; topics may still have to be released. */
  readonly type: 'operation.ended';
  readonly outcome: ShadowOutcome;
};

/** The output of the actor, which is done once its topics are released. */
export interface ShadowOperationOutput {
  readonly outcome: ShadowOutcome;
}
