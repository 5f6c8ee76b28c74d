import type { DrainPolicy } from '../protocol/drain.ts';
import type { IotError } from '../protocol/errors.ts';
import type { FlowPort } from '../protocol/flow.ts';
import type { Handle } from '../protocol/handle.ts';
import type { FactListener } from './connection.types.ts';

/** What the queue reaches the world by. It travels in a {@link Handle}, so that no snapshot shows it. */
export interface OfflineQueuePorts {
  /** The outbox, as far as this machine may steer it. */
  readonly outbox: FlowPort;
}

/** What an offline queue machine is started with. */
export interface OfflineQueueInput {
  readonly ports: Handle<OfflineQueuePorts>;
  /** What is left out has its default: two messages a second, adaptive. */
  readonly drain?: Partial<DrainPolicy>;
  /** Is sent every {@link OfflineQueueFact}. Without one they are only emitted. */
  readonly parent?: FactListener<OfflineQueueFact>;
}

/** What an offline queue machine remembers. Messages are in the outbox, and never here. */
export interface OfflineQueueContext {
  readonly ports: Handle<OfflineQueuePorts>;
  readonly drain: DrainPolicy;
  readonly parent: FactListener<OfflineQueueFact> | undefined;
}

/** What its owner may ask of it. */
export type OfflineQueueCommand =
  /** There is a line, and it is resubscribed: let go what waits. */
  | { readonly type: 'drain' }
  /** There is no line, or it is about to end: let nothing go. */
  | { readonly type: 'hold' }
  /** From now on what waits is let go at this pace. A drain that is under way goes on with it. */
  | { readonly type: 'pace'; readonly drain: DrainPolicy };

/** All that it takes: commands, and what the outbox reports. */
export type OfflineQueueEvent =
  | OfflineQueueCommand
  /** Messages of an earlier process were found, and put before all that wait. */
  | { readonly type: 'backlog.recovered' }
  /** The outbox refused to be steered. */
  | { readonly type: 'flow.failed'; readonly error: IotError }
  /** Messages flow freely. */
  | { readonly type: 'flow.freed' }
  /** A beat found nothing left of what had waited. */
  | { readonly type: 'backlog.finished' }
  /** At least as many as there were messages have been let go, and there are no fewer: this drain will not end. */
  | { readonly type: 'backlog.endless' };

/** What the queue tells its parent, and emits. */
export type OfflineQueueFact =
  /** Messages flow freely: whatever had waited was let go. */
  | { readonly type: 'queue.drained' }
  /** More is added than is let go. Told once a drain. */
  | { readonly type: 'queue.endless' }
  /** The flow cannot be steered and is closed. Only a new `drain` tries again. */
  | { readonly type: 'queue.failed'; readonly error: IotError };
