import type { DrainPolicy } from '../protocol/drain.ts';
import type { IotError } from '../protocol/errors.ts';
import type { Handle } from '../protocol/handle.ts';
import type { MessageProperties, QoS, SubscriptionOptions } from '../protocol/message.ts';
import type { PayloadInput } from '../protocol/payload.ts';
import type { Message } from '../protocol/received-message.ts';
import type { ConnectionFact, ConnectionPolicy, ConnectionPorts, FactListener } from './connection.types.ts';
import type { DeviceShadowPorts } from './device-shadow.types.ts';
import type { OfflineQueueEvent, OfflineQueueFact, OfflineQueuePorts } from './offline-queue.types.ts';
import type { SubscriptionsCommand, SubscriptionsFact, SubscriptionsPorts } from './subscriptions.types.ts';

/** Everything that a client reaches the world by. */
export interface ClientPorts extends ConnectionPorts, OfflineQueuePorts, SubscriptionsPorts {
  /**
   * The client of the machine has started: from now on it may be told what to publish and subscribe, and tells what comes of it.
   *
   * @param client the actor of the machine
   * @returns who is told
   */
  readonly open: (client: object, tell: (fact: MessageFact) => void) => MessageCalls;
}

/** Carries out what an app asks of the machine about messages. */
export interface MessageCalls {
  /** A fact tells how it ended. */
  readonly ask: (command: MessageCommand) => void;
  /** Nobody is told anything any more. */
  readonly free: () => void;
}

/** What a client machine is started with. `clientInput()` of the main entry makes one out of the options of a client. */
export interface ClientInput {
  readonly ports: Handle<ClientPorts>;
  /** What is left out has its default. */
  readonly connection?: Partial<ConnectionPolicy>;
  /** What is left out has its default: two messages a second, adaptive. */
  readonly drain?: Partial<DrainPolicy>;
  /** How long a SUBACK or UNSUBACK may take. Default 5,000. */
  readonly operationTimeoutMs?: number;
  /** Is sent every {@link ClientFact}. Without one they are only emitted. */
  readonly parent?: FactListener<ClientFact>;
}

/** What a client machine remembers. No secret and no message is in it. */
export interface ClientContext extends Omit<Required<ClientInput>, 'parent'> {
  readonly parent: FactListener<ClientFact> | undefined;
  /** How many asked for the line and still want it. When the last one withdraws, the line is dropped. */
  readonly asked: number;
  /** The fault of a machine that ended this client; undefined when it was closed by a command. */
  readonly failure: IotError | undefined;
}

/**
 * What an app says of messages by events alone, as `IotClient.publish()` and `.subscribe()` take it. What is wrong with it, the
 * fact says that tells how it ended.
 */
export type MessageCommand =
  | {
      readonly type: 'publish';
      readonly topic: string;
      readonly payload: PayloadInput;
      /** What the facts about it are known by. */
      readonly id?: string;
      readonly qos?: QoS;
      readonly retain?: boolean;
      readonly expiresInMs?: number;
      readonly properties?: MessageProperties;
    }
  /** From now on its messages are told as `message.received`. Asked for twice, it is one subscription, as it was asked for last. */
  | ({ readonly type: 'subscribe'; readonly filter: string; readonly qos?: QoS } & SubscriptionOptions)
  | { readonly type: 'unsubscribe'; readonly filter: string };

/** What became of the messages of an app that speaks by events alone. */
export type MessageFact =
  /** A message of a filter that was subscribed by an event. */
  | { readonly type: 'message.received'; readonly filter: string; readonly message: Message }
  /** There is no live line: the client keeps it, and will send it. */
  | { readonly type: 'message.queued'; readonly id: string | undefined; readonly topic: string }
  /** The broker has it (QoS 1), or the socket has (QoS 0). */
  | { readonly type: 'message.delivered'; readonly id: string | undefined; readonly topic: string }
  /** It was not accepted, or ended otherwise. */
  | {
      readonly type: 'message.undelivered';
      readonly id: string | undefined;
      readonly topic: string;
      readonly error: IotError;
    }
  /** This client did not accept a filter, and what was subscribed before stays. What the broker refuses is `filter.refused`. */
  | { readonly type: 'subscription.failed'; readonly filter: string; readonly error: IotError };

/** What an app may ask of it. */
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
  | MessageCommand
  /** One more holds this filter, or one fewer: the promise API of the client counts for its callers. */
  | {
      readonly type: 'filter.wanted';
      readonly filter: string;
      readonly qos: QoS;
      readonly options?: SubscriptionOptions;
    }
  | { readonly type: 'filter.unwanted'; readonly filter: string }
  /** A device shadow is used from now on, as the child `id`: `shadow/<thing>` or `shadow/<thing>/<name>`. */
  | { readonly type: 'shadow.opened'; readonly id: string; readonly ports: Handle<DeviceShadowPorts> }
  | { readonly type: 'shadow.closed'; readonly id: string }
  | Extract<OfflineQueueEvent, { type: 'pace' | 'backlog.recovered' }>
  | Extract<SubscriptionsCommand, { type: 'filter.poisoned' }>;

/** What the client machine hears of its children. It routes each fact, tells its parent, and emits it. */
export type ClientFact = ConnectionFact | OfflineQueueFact | SubscriptionsFact | MessageFact;

/** All that it takes: commands, and the facts of its children. */
export type ClientEvent =
  | ClientCommand
  | ClientFact
  /** The actor that carries out what is asked about messages threw. */
  | { readonly type: 'actor.failed'; readonly error: IotError };
