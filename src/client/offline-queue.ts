import type { Outbox } from '../delivery/outbox.ts';
import type { DrainPolicy } from '../protocol/drain.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import type { QueueLimits } from '../protocol/queue-limits.ts';
import type { RecoveredMessages } from '../protocol/queue-store.ts';
import { PRINTED } from './printing.ts';
import { type QueueChanges, resolveChanges } from './queue-options.ts';

/** A message that has not ended, as the client keeps it. */
export interface QueuedMessage extends OutgoingMessage {
  /**
   * `inFlight`: sent, and not yet acknowledged. `toResend`: it was in flight when a line ended, and goes first on the next one.
   * `waiting`: not sent yet.
   */
  readonly state: 'inFlight' | 'toResend' | 'waiting';
}

/** What a client has accepted and not yet delivered. Iterating it gives the messages in the order in which they are sent. */
export interface OfflineQueue extends Iterable<QueuedMessage> {
  /** Messages that wait for their first write, or to be written again. */
  readonly queued: number;
  /** Messages that are written and not yet acknowledged. */
  readonly inFlight: number;
  /** Bytes (topics, payloads, properties) of the messages that wait for their first write: what `maxBytes` bounds. */
  readonly bytes: number;
  /** The limits and the pace in force. */
  readonly options: QueueLimits & { readonly drain: DrainPolicy };
  /**
   * What an earlier process left in the durable store, once that is open; with a store in memory at once, and nothing. Rejects
   * when it cannot be opened at first (`STORE_LOCKED`, `STORE_INCOMPATIBLE`, `STORE_FULL`, `STORE_FAILED`, `MISSING_PACKAGE`),
   * or with `CLOSED`. Nobody has to await it: it never becomes an unhandled rejection, and the events `recovered` and `storeError`
   * tell too.
   */
  readonly recovered: Promise<RecoveredMessages>;
  /**
   * Changes limits and pace; what is left out stays. What waits is kept also when it is more than the new limits: then a message
   * that is added makes as much way as it needs, or is refused, as `overflow` says.
   *
   * @throws IotError `INVALID_ARGUMENT`
   */
  configure(changes: QueueChanges): void;
}

/** What the view is a view of. */
interface QueueParts {
  readonly outbox: Outbox;
  readonly recovered: () => Promise<RecoveredMessages>;
  readonly drain: () => DrainPolicy;
  readonly pace: (drain: DrainPolicy) => void;
}

/** Shows the outbox to the app, and takes its changes. Decides nothing. */
export class QueueView implements OfflineQueue {
  readonly #parts: QueueParts;
  readonly #outbox: Outbox;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#outbox = parts.outbox;
  }

  get queued(): number {
    return this.#outbox.waiting + this.#outbox.toResend;
  }

  get inFlight(): number {
    return this.#outbox.inFlight;
  }

  get bytes(): number {
    return this.#outbox.bytes;
  }

  get options(): QueueLimits & { readonly drain: DrainPolicy } {
    return { ...this.#outbox.limits, drain: { ...this.#parts.drain() } };
  }

  get recovered(): Promise<RecoveredMessages> {
    return this.#parts.recovered();
  }

  configure(changes: QueueChanges): void {
    const { limits, drain } = resolveChanges(changes, {
      limits: this.#outbox.limits,
      drain: this.#parts.drain(),
    });
    this.#outbox.limits = limits;
    if (changes.drain !== undefined) this.#parts.pace(drain);
  }

  *[Symbol.iterator](): IterableIterator<QueuedMessage> {
    for (const { message, place: state } of this.#outbox.entries()) {
      if (state !== 'ended') yield { ...copyOf(message), state };
    }
  }

  [PRINTED](): object {
    const { queued, inFlight, bytes, options } = this;
    return { queued, inFlight, bytes, options };
  }
}

/** What is sent is not the app's any more. */
function copyOf({ payload, properties, ...message }: OutgoingMessage): OutgoingMessage {
  return {
    ...message,
    payload: typeof payload === 'string' ? payload : new Uint8Array(payload),
    ...(properties === undefined ? {} : { properties: structuredClone(properties) }),
  };
}
