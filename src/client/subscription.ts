import { IotError, type IotErrorCode } from '../protocol/errors.ts';
import type { QoS, SubscriptionOptions } from '../protocol/message.ts';
import type { Message } from '../protocol/received-message.ts';
import type { CallOptions } from './deadline.ts';
import { Outcome } from './outcome.ts';
import { PRINTED } from './printing.ts';

/** Gets each message of a subscription. What it throws, or its promise rejects with, goes to `handlerError`. */
export type MessageHandler = (message: Message) => unknown;

/** One subscription of the app. Several may hold the same filter; the broker sees one. */
export interface Subscription extends AsyncDisposable {
  readonly filter: string;
  /** The QoS that was asked for. */
  readonly qos: QoS;
  /**
   * `recorded`: wanted, and asked for as soon as there is a line. `granted`: the broker has granted it in a session of
   * this client; it is asked for again by itself after every lost session. `ended`: unsubscribed, refused, or closed.
   */
  readonly state: 'recorded' | 'granted' | 'ended';
  /**
   * Ends at the first grant, with the QoS that the broker granted. Rejects when it ended before: with `SUBSCRIPTION_REFUSED`,
   * `POISON_SUBSCRIPTION` (the broker closed line after line over it), `ABORTED` (unsubscribed) or `CLOSED`. Nobody has to
   * await it.
   */
  readonly granted: Promise<{ readonly qos: QoS }>;
  /** Ends it: no handler is called from now on. Resolves at UNSUBACK, or at once when there is no line. */
  unsubscribe(options?: CallOptions): Promise<void>;
}

/** What one call to subscribe asked for. */
export interface SubscriptionRequest {
  readonly filter: string;
  readonly qos: QoS;
  /** MQTT 5 only. */
  readonly options: SubscriptionOptions | undefined;
  readonly handler: MessageHandler;
  /** Is told of each grant: one for each session. */
  readonly granted?: () => void;
  /** Is told once why it ended. */
  readonly ended?: (reason: unknown) => void;
  /** The client wants it for something else that the app has asked for, such as a shadow. Default false. */
  readonly isInternal?: boolean;
}

/** One subscription, as the client keeps it. */
export class HeldSubscription implements Subscription {
  readonly filter: string;
  readonly qos: QoS;
  readonly options: SubscriptionOptions | undefined;
  readonly isInternal: boolean;
  readonly handler: MessageHandler;
  /** Handlers of one message are called in the order in which they subscribed. */
  readonly order: number;
  readonly #granted = new Outcome<{ readonly qos: QoS }>();
  /** The promise of the `subscribe` call. */
  readonly #call = new Outcome<Subscription>();
  readonly #unsubscribe: (held: HeldSubscription, options: CallOptions) => Promise<void>;
  readonly #grantedAgain: (() => void) | undefined;
  readonly #ended: ((reason: unknown) => void) | undefined;
  /** Frees the timer and the abort listener of the call. */
  release: (() => void) | undefined;
  #state: Subscription['state'] = 'recorded';

  constructor(
    request: SubscriptionRequest,
    order: number,
    unsubscribe: (held: HeldSubscription, options: CallOptions) => Promise<void>,
  ) {
    this.filter = request.filter;
    this.qos = request.qos;
    this.options = request.options;
    this.isInternal = request.isInternal === true;
    this.handler = request.handler;
    this.order = order;
    this.#grantedAgain = request.granted;
    this.#ended = request.ended;
    this.#unsubscribe = unsubscribe;
  }

  get state(): Subscription['state'] {
    return this.#state;
  }

  get granted(): Promise<{ readonly qos: QoS }> {
    return this.#granted.promise;
  }

  get call(): Promise<Subscription> {
    return this.#call.promise;
  }

  unsubscribe(options: CallOptions = {}): Promise<void> {
    return this.#unsubscribe(this, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe();
  }

  [PRINTED](): object {
    const { filter, qos, state } = this;
    return { filter, qos, state };
  }

  /** The client has it safely: the call need not wait for the broker. */
  recorded(): void {
    this.#answered();
  }

  grant(qos: QoS): void {
    if (this.#state === 'ended') return;
    this.#state = 'granted';
    this.#granted.resolve({ qos });
    this.#answered();
    this.#grantedAgain?.();
  }

  /** It has ended, for this reason if it was not yet granted. */
  end(reason: unknown): void {
    this.#state = 'ended';
    this.release?.();
    this.#call.reject(reason);
    this.#granted.reject(reason);
    this.#ended?.(reason);
  }

  #answered(): void {
    this.release?.();
    this.#call.resolve(this);
  }
}

const REFUSALS: readonly IotErrorCode[] = ['SUBSCRIPTION_REFUSED', 'POISON_SUBSCRIPTION'];

/** The other ends of a subscription (unsubscribed, closed) end an iterator too, but are no error of it. */
export function isRefusal(reason: unknown): boolean {
  return IotError.is(reason) && REFUSALS.includes(reason.code);
}
