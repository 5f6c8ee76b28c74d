import type { MessageProperties, QoS, SubscriptionOptions } from '../protocol/message.ts';
import type { PayloadInput } from '../protocol/payload.ts';
import type { Message } from '../protocol/received-message.ts';
import type { JsonObject } from '../protocol/shadow-state.ts';
import type { CallOptions } from './deadline.ts';
import type { ClientEvents } from './events.ts';
import type { Overflow } from './message-queue.ts';
import type { OfflineQueue } from './offline-queue.ts';
import type { PublishReceipt } from './publication.ts';
import type { DehydratedClient } from './resume.ts';
import type { Shadow, ShadowOptions } from './shadow.ts';
import type { Status, StatusState } from './status.ts';
import type { MessageHandler, Subscription } from './subscription.ts';

/** How a message is sent, and how long it is of use. */
export interface PublishOptions extends CallOptions {
  /** Default 0. */
  readonly qos?: QoS;
  /** The broker keeps it for later subscribers. Default false. */
  readonly retain?: boolean;
  /** The message is of no use after this time, in milliseconds: while it waits it then ends with `MESSAGE_EXPIRED`. */
  readonly expiresInMs?: number;
  /**
   * What else the message says (3.3.2.3). MQTT 5 only. Texts and `correlationData` have at most 65,535 bytes, the response
   * topic has no wildcards, and `messageExpirySeconds` is a whole number from 1 to 4,294,967,295, on AWS to 604,800. It is
   * the broker's own: how long the message may wait here is said by `expiresInMs`.
   */
  readonly properties?: MessageProperties;
}

/** `noLocal`, `retainAsPublished` and `retainHandling` are MQTT 5 only (3.8.3.1); `noLocal` is refused for shared filters. */
export interface SubscribeOptions extends CallOptions, SubscriptionOptions {
  /** The highest QoS that messages may come with. Default 0. */
  readonly qos?: QoS;
}

/** `noLocal`, `retainAsPublished` and `retainHandling` are MQTT 5 only (3.8.3.1); `noLocal` is refused for shared filters. */
export interface MessagesOptions extends SubscriptionOptions {
  /** The highest QoS that messages may come with. Default 0. */
  readonly qos?: QoS;
  /** How many messages may wait for a slow consumer. Default 1,000. */
  readonly bufferSize?: number;
  /** Which message a full buffer loses; `client.on('overflow', …)` tells. Default `dropOldest`. */
  readonly overflow?: Overflow;
}

/** How a planned end goes. */
export interface EndOptions {
  /** How long to wait for the acknowledgement of what is in flight, in milliseconds. Default 5,000. */
  readonly flushTimeoutMs?: number;
}

/**
 * An MQTT client that comes back by itself.
 *
 * One rule for every call: what you await ends when the broker has it, or, when there is no line, as soon as the client
 * has it safely; the result says which, and its named promise (`delivered`, `granted`) ends when the broker has it. Every
 * promise settles; it rejects with an `IotError` (match on its `code`) or with the reason of the caller's own signal.
 */
export interface IotClient extends AsyncDisposable {
  /**
   * The client id in use: that of the options, a random one, or the one that the broker assigned. Empty as long as the broker
   * has not assigned one (MQTT 5 without a client id, before the first CONNACK).
   */
  readonly clientId: string;

  /** What was accepted and is not delivered yet. */
  readonly queue: OfflineQueue;

  /** Where the connection stands now. */
  readonly status: Status;

  /** The changes of the status from now on, until the client is closed. A change that nobody takes is kept, up to 1,000. */
  statusChanges(): AsyncIterableIterator<Status, undefined>;

  /**
   * Resolves when the status has this state, at once when it has it now. Rejects when the client is closed, or has
   * failed, before.
   */
  when(state: StatusState, options?: CallOptions): Promise<Status>;

  /**
   * Brings the line up; it comes back by itself from then on. Resolves at CONNACK, and retries until then. Rejects at
   * the first refusal that a person must mend (the client goes on trying, slowly, unless the status is `failed`), and at
   * its own deadline or abort: then the line is dropped, if nobody else asked for it.
   */
  connect(options?: CallOptions): Promise<void>;

  /**
   * Ends the line: nothing new is written, what is in flight is finished within `flushTimeoutMs`, DISCONNECT is sent (so
   * that the broker publishes no will). Subscriptions and queue stay; `connect()` brings all back.
   */
  disconnect(options?: EndOptions): Promise<void>;

  /**
   * Ends the client for good. What is still queued is rejected with `CLOSED`; so is everything that is called later. What a
   * durable store has accepted stays there, and the next process sends it.
   */
  close(options?: EndOptions): Promise<void>;

  /**
   * Tells that the network has come back: a backoff ends at once. In a browser the client hears of it by itself, from
   * `connect()` until the end of the line that was asked for.
   */
  networkOnline(): void;

  /**
   * Publishes. Text and bytes go out as they are, numbers, booleans and objects as JSON. Resolves with `delivered` when
   * the broker has it (QoS 1) or the socket has (QoS 0), with `queued` when there is no live line and the client keeps it;
   * with a durable store: once the store has it (QoS 1).
   *
   * Rejects with `QUEUE_FULL`, `QUEUE_EVICTED`, `NOT_CONNECTED` (offline queue switched off), `PUBLISH_REFUSED`,
   * `POISON_PUBLISH`, `MESSAGE_EXPIRED`, `STORE_FULL` and the other codes of the store, `TIMEOUT`, `CLOSED`,
   * `INVALID_ARGUMENT`, or the signal's reason. A message that was on the wire when it ended is not sent again, and
   * `outcomeUnknown` says so.
   */
  publish(topic: string, payload: PayloadInput, options?: PublishOptions): Promise<PublishReceipt>;

  /**
   * Subscribes. Resolves with `granted` when the broker has granted it, with `recorded` when there is no line; it is
   * asked for again by itself after every lost session. Rejects with `SUBSCRIPTION_REFUSED` when the broker refuses
   * it, with `POISON_SUBSCRIPTION` when the broker closes line after line over it, and with `TIMEOUT`, `ABORTED` (unsubscribed
   * meanwhile), `CLOSED`, `INVALID_ARGUMENT`, or the signal's reason.
   *
   * A filter that is held several times is one subscription for the broker: the highest QoS counts, and the MQTT 5 options
   * of the newest call. Messages of a persistent session that were held until now come to the handler first, in their order,
   * and may do so before the promise of this call is settled: a handler must not use what it resolves to.
   */
  subscribe(filter: string, handler: MessageHandler): Promise<Subscription>;
  /** The same, with a QoS and the options of MQTT 5. */
  subscribe(filter: string, options: SubscribeOptions, handler: MessageHandler): Promise<Subscription>;

  /** Ends every subscription of this filter. Resolves at UNSUBACK, or at once when there is no line. */
  unsubscribe(filter: string, options?: CallOptions): Promise<void>;

  /**
   * The messages of a filter as an async iterable: `for await` subscribes, leaving the loop unsubscribes. Ends when the
   * client is closed; throws `SUBSCRIPTION_REFUSED` or `POISON_SUBSCRIPTION` when the filter is refused.
   */
  messages(filter: string, options?: MessagesOptions): AsyncIterable<Message, undefined>;

  /**
   * A device shadow: the classic one of a thing, or with `name` a named one. The same address gives the same object, until that is
   * closed. `T` is what desired and reported state may be; without a `schema` nothing checks it.
   *
   * @throws IotError `INVALID_ARGUMENT` for a name that AWS does not have, or options other than the ones that it is in use with;
   *   `CLOSED`
   */
  shadow<T = JsonObject>(thingName: string, options?: ShadowOptions<T>): Shadow<T>;

  /**
   * What the next process needs to carry on, as plain JSON without secrets: its option `resume` takes it back. It is a picture of now:
   * take it anew when a subscription has changed or a delta was handled, and before `close()`: a closed client wants nothing. A delta
   * that `deltas()` gave is told again, because nobody knows when its loop has done with it. Messages are not in it: those that wait are kept by a
   * durable store.
   */
  dehydrate(): DehydratedClient;

  /**
   * Adds a listener; the returned function removes it. Listeners are called when the step that they hear of is over, so
   * they may make any call.
   */
  on<K extends keyof ClientEvents>(event: K, listener: (event: ClientEvents[K]) => unknown): () => void;
}
