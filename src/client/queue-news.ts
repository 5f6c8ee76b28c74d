import { missingError } from '../delivery/endings.ts';
import type { EndObserver } from '../delivery/entry.ts';
import type { IotError } from '../protocol/errors.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import type { RecoveredMessages } from '../protocol/queue-store.ts';
import type { Emitter } from './events.ts';
import { Outcome } from './outcome.ts';
import type { PublicationNews } from './publication.ts';

/** Tells the app what becomes of its messages, beside the promises of each publish. */
export class QueueNews implements PublicationNews {
  readonly #emitter: Emitter;
  readonly #countQueued: () => number;
  /** Ends when the store was opened, or could not be. */
  readonly opening = new Outcome<RecoveredMessages>();

  constructor(emitter: Emitter, countQueued: () => number) {
    this.#emitter = emitter;
    this.#countQueued = countQueued;
  }

  queued({ topic, qos }: OutgoingMessage): void {
    if (this.#emitter.has('queued'))
      this.#emitter.emit('queued', { topic, qos, queued: this.#countQueued() });
  }

  dropped({ topic, qos }: OutgoingMessage, error: IotError): void {
    this.#emitter.emit('dropped', { topic, qos, error });
  }

  undelivered({ topic, qos }: OutgoingMessage, error: IotError): void {
    this.#emitter.emit('undelivered', { topic, qos, error });
  }

  /** Who hears of the end of a message that an earlier process accepted: nobody holds its receipt. */
  observe(message: OutgoingMessage): EndObserver {
    return {
      delivered: () => undefined,
      failed: (error) => {
        if (error.code === 'QUEUE_EVICTED') this.dropped(message, error);
        this.undelivered(message, error);
      },
    };
  }

  recovered(found: RecoveredMessages): void {
    this.opening.resolve(found);
    this.#emitter.emit('recovered', found);
    if (found.missing > 0) this.#emitter.emit('storeError', { error: missingError(found.missing) });
  }

  storeFailed(error: IotError): void {
    this.opening.reject(error);
    this.#emitter.emit('storeError', { error });
  }
}
