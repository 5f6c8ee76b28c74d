import type { DeliveryObserver } from '../delivery/entry.ts';
import type { IotError } from '../protocol/errors.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import { Outcome } from './outcome.ts';
import { PRINTED } from './printing.ts';

/** What a publish came to, as far as it is known now. */
export interface PublishReceipt {
  /**
   * `delivered`: the broker has it (QoS 1), or the socket has (QoS 0). `queued`: the client keeps it and will send it.
   * `undelivered`: it was queued, and ended otherwise; `delivered` tells why.
   */
  readonly state: 'delivered' | 'queued' | 'undelivered';
  /**
   * Ends when the broker has it (QoS 1), or the socket has (QoS 0). Rejects when the message ended otherwise: with
   * `QUEUE_EVICTED`, `MESSAGE_EXPIRED`, `PUBLISH_REFUSED`, `POISON_PUBLISH` (the broker closed line after line over it) or
   * `CLOSED`. Nobody has to await it: it never becomes an unhandled rejection, and `client.on('undelivered', …)` tells too.
   */
  readonly delivered: Promise<void>;
}

/** What is told of a publish to others than its caller. */
export interface PublicationNews {
  /** It waits. */
  queued(message: OutgoingMessage): void;
  /** It made way for a newer one. */
  dropped(message: OutgoingMessage, error: IotError): void;
  /** It had been accepted as queued, and was not delivered. */
  undelivered(message: OutgoingMessage, error: IotError): void;
}

/**
 * Turns what the outbox tells of one message into the promises of its publish: that of the call ends at the first thing
 * that is told, that of the delivery at the last. This is the fast path: what few need is made when it is asked for.
 */
export class Publication implements DeliveryObserver {
  readonly #message: OutgoingMessage;
  readonly #news: PublicationNews;
  readonly #resolveCall: (receipt: PublishReceipt) => void;
  readonly #rejectCall: (reason: unknown) => void;
  #state: PublishReceipt['state'] | 'open' = 'open';
  #failure: unknown;
  #outcome: Outcome<void> | undefined;
  /** Frees the timer and the abort listener of the call. */
  release: (() => void) | undefined;
  /** The caller's own reason to end it: the promises reject with this instead of the outbox's error. */
  abortReason: { readonly value: unknown } | undefined;

  constructor(
    message: OutgoingMessage,
    news: PublicationNews,
    resolveCall: (receipt: PublishReceipt) => void,
    rejectCall: (reason: unknown) => void,
  ) {
    this.#message = message;
    this.#news = news;
    this.#resolveCall = resolveCall;
    this.#rejectCall = rejectCall;
  }

  queued(): void {
    this.#state = 'queued';
    this.#resolveCall(new Receipt(this));
    this.#news.queued(this.#message);
  }

  delivered(): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'delivered';
    this.release?.();
    if (wasOpen) this.#resolveCall(new Receipt(this));
    else this.#outcome?.resolve();
  }

  failed(error: IotError): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'undelivered';
    this.#failure = this.abortReason === undefined ? error : this.abortReason.value;
    this.release?.();
    if (error.code === 'QUEUE_EVICTED') this.#news.dropped(this.#message, error);
    if (wasOpen) {
      this.#rejectCall(this.#failure);
      return;
    }
    this.#outcome?.reject(this.#failure);
    this.#news.undelivered(this.#message, error);
  }

  get state(): PublishReceipt['state'] {
    return this.#state === 'open' ? 'queued' : this.#state;
  }

  get isEnded(): boolean {
    return this.#state === 'delivered' || this.#state === 'undelivered';
  }

  get delivery(): Promise<void> {
    if (this.#outcome === undefined) {
      this.#outcome = new Outcome();
      if (this.#state === 'delivered') this.#outcome.resolve();
      if (this.#state === 'undelivered') this.#outcome.reject(this.#failure);
    }
    return this.#outcome.promise;
  }
}

/** The half of a publication that its caller sees. */
class Receipt implements PublishReceipt {
  readonly #publication: Publication;

  constructor(publication: Publication) {
    this.#publication = publication;
  }

  get state(): PublishReceipt['state'] {
    return this.#publication.state;
  }

  get delivered(): Promise<void> {
    return this.#publication.delivery;
  }

  [PRINTED](): object {
    return { state: this.state };
  }
}
