import type { DrainPolicy } from '../protocol/drain.ts';
import type { IotError } from '../protocol/errors.ts';
import type { Handle } from '../protocol/handle.ts';
import type { ConnectionFact, ConnectionPolicy, ConnectionPorts } from './connection.types.ts';
import type { DeviceShadowPorts } from './device-shadow.types.ts';
import type { OfflineQueueEvent, OfflineQueueFact, OfflineQueuePorts } from './offline-queue.types.ts';
import type { SubscriptionsCommand, SubscriptionsFact, SubscriptionsPorts } from './subscriptions.types.ts';

/** Everything that a client reaches the world by. */
export interface ClientPorts extends ConnectionPorts, OfflineQueuePorts, SubscriptionsPorts {}

export interface ClientInput {
  readonly ports: Handle<ClientPorts>;
  readonly connection?: Partial<ConnectionPolicy>;
  readonly drain?: Partial<DrainPolicy>;
  /** How long a SUBACK or UNSUBACK may take. Default 5,000. */
  readonly operationTimeoutMs?: number;
}

export interface ClientContext extends Omit<Required<ClientInput>, 'operationTimeoutMs'> {
  readonly operationTimeoutMs: number;
  /** How many asked for the line and still want it. When the last one withdraws, the line is dropped. */
  readonly asked: number;
  /** The fault of a machine that ended this client; undefined when it was closed by a command. */
  readonly failure: IotError | undefined;
}

export type ClientCommand =
  /** One more wants the line. */
  | { readonly type: 'connect' }
  /** One who wanted the line, and did not get it in time, no longer does. */
  | { readonly type: 'withdraw' }
  /** Nobody wants the line any more. */
  | { readonly type: 'disconnect'; readonly flushTimeoutMs?: number }
  /** The end, for good. */
  | { readonly type: 'close'; readonly flushTimeoutMs?: number }
  | { readonly type: 'network.online' }
  /** A device shadow is used from now on, as the child `id`: `shadow/<thing>` or `shadow/<thing>/<name>`. */
  | { readonly type: 'shadow.opened'; readonly id: string; readonly ports: Handle<DeviceShadowPorts> }
  | { readonly type: 'shadow.closed'; readonly id: string }
  | Extract<OfflineQueueEvent, { type: 'pace' | 'backlog.recovered' }>
  | Extract<SubscriptionsCommand, { type: 'subscribe' | 'unsubscribe' | 'filter.poisoned' }>;

/** The facts of its three children. The client machine routes them, and emits each one. */
export type ClientFact = ConnectionFact | OfflineQueueFact | SubscriptionsFact;

export type ClientEvent = ClientCommand | ClientFact;
