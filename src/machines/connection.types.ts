import type { ActorRef, Snapshot } from 'xstate';
import type { BackoffPolicy } from '../protocol/backoff.ts';
import type { IotError } from '../protocol/errors.ts';
import type { Handle } from '../protocol/handle.ts';
import type { OpenTransport, SessionFacts, TransportFact } from '../protocol/transport.ts';

/** Times and bounds of one connection. All in milliseconds. */
export interface ConnectionPolicy {
  /** Progressive backoff. Default: 1 s, doubled to 32 s, forgiven after 20 s, equal jitter. */
  readonly backoff: BackoffPolicy;
  /** How long one attempt may take, from the sign-in to CONNACK. Default 15,000. */
  readonly attemptTimeoutMs: number;
  /** How long the SUBACKs of a new session may take before the line is given up. Default 30,000. */
  readonly resubscribeTimeoutMs: number;
  /** How long a planned end waits for what is in flight. Default 5,000. */
  readonly flushTimeoutMs: number;
  /** How long the line may take to close after DISCONNECT. Default 1,000. */
  readonly goodbyeTimeoutMs: number;
}

/** What the connection reaches the world by. It travels in a {@link Handle}, so that no snapshot shows it. */
export interface ConnectionPorts {
  /** Opens one attempt at a line. */
  readonly openTransport: OpenTransport;
  /** Calls back once nothing is in flight any more; returns how to stop waiting. Default: at once. */
  readonly onFlushed?: (callback: () => void) => () => void;
  /** Numbers in [0, 1) for the jitter. Default: the process's own. */
  readonly random?: () => number;
  /** The time in epoch milliseconds, for `retryAt`. Default: the process's own. */
  readonly now?: () => number;
}

/** The XState actor that is told a machine's facts. */
export interface FactListener<TFact> {
  /** Only actors have one, and only to an actor can XState send. */
  readonly sessionId: string;
  /** As XState calls it; the machines go through `sendTo`, so that inspectors see it. */
  send(fact: TFact): void;
}

/** What a connection machine is started with. */
export interface ConnectionInput {
  readonly ports: Handle<ConnectionPorts>;
  /** What is left out has its default. */
  readonly policy?: Partial<ConnectionPolicy>;
  /** Is sent every {@link ConnectionFact}. Without one they are only emitted. */
  readonly parent?: FactListener<ConnectionFact>;
}

/** What a connection machine remembers. No secret and no message is in it. */
export interface ConnectionContext {
  readonly ports: Handle<ConnectionPorts>;
  readonly policy: ConnectionPolicy;
  readonly parent: FactListener<ConnectionFact> | undefined;
  /** Failures since the line was last stable: the n of the backoff law. */
  readonly failures: number;
  /** Refused sign-ins since the last accepted one. */
  readonly refusedSignIns: number;
  /** Why there is no line; undefined while there is one, and before the first attempt. */
  readonly failure: IotError | undefined;
  /** The delay before the next attempt, drawn when the backoff began. */
  readonly retryDelayMs: number;
  /** When the next attempt begins, in epoch milliseconds. Meaningful while backing off. */
  readonly retryAt: number;
  /** What CONNACK told; undefined while there is no session. */
  readonly session: SessionFacts | undefined;
  /** The bound of the planned end that is going on. */
  readonly flushTimeoutMs: number;
}

/** What its owner may ask of it. */
export type ConnectionCommand =
  /** Come up, and come back whenever the line breaks. */
  | { readonly type: 'connect' }
  /** End for good: finish what is in flight, within `flushTimeoutMs`, then DISCONNECT. */
  | { readonly type: 'disconnect'; readonly flushTimeoutMs?: number }
  /** The network has come back: a backoff ends early. */
  | { readonly type: 'network.online' };

/** All that it takes: commands, what the transport reports, and what its parent hears from subscriptions and queue. */
export type ConnectionEvent =
  | ConnectionCommand
  | TransportFact
  /** Every wanted filter has its answer. */
  | { readonly type: 'subscriptions.settled' }
  /** A SUBACK or UNSUBACK did not come: the line is sick. */
  | { readonly type: 'subscriptions.unanswered'; readonly error: IotError }
  /** What had to wait has been let go. */
  | { readonly type: 'queue.drained' }
  /** What waits cannot be let go: the line is of no use. */
  | { readonly type: 'queue.failed'; readonly error: IotError }
  /** Nothing is in flight any more. */
  | { readonly type: 'outbox.flushed' };

/** What the connection tells its parent, and emits. */
export type ConnectionFact =
  /** A session began. */
  | { readonly type: 'connection.connected'; readonly session: SessionFacts }
  /** Packets may be sent: at once, or, when it has to be found out who closes the lines, after a quiet time. */
  | { readonly type: 'connection.usable'; readonly session: SessionFacts }
  /** The wanted filters are granted: what waits may be let go. */
  | { readonly type: 'connection.resubscribed' }
  /** Resubscribed and drained. */
  | { readonly type: 'connection.live' }
  /** A planned end began: nothing new may be written. */
  | { readonly type: 'connection.flushing' }
  /** The session ended, whyever. */
  | { readonly type: 'connection.disconnected' }
  /** An attempt or a line failed. What follows depends on `error.recovery`. */
  | { readonly type: 'connection.lost'; readonly error: IotError }
  /** It has stopped: only `connect` starts it again. */
  | { readonly type: 'connection.failed'; readonly error: IotError }
  /** It is idle: nothing dials, nothing waits. */
  | { readonly type: 'connection.ended' }
  /** A fault of this package from which nothing follows, such as a transport that failed while it was freed. */
  | { readonly type: 'connection.faulted'; readonly error: IotError };

/** A running connection machine. */
export type ConnectionActorRef = ActorRef<Snapshot<unknown>, ConnectionEvent, ConnectionFact>;
