import type { Timer } from '../protocol/clock.ts';
import type { IotError } from '../protocol/errors.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import { payloadBytes } from '../protocol/payload.ts';
import { propertiesBytes } from '../protocol/property-bytes.ts';
import { utf8Bytes } from '../protocol/utf8.ts';
import type { Kept } from './journal.ts';

/** Hears how one message ends: one of the two is called, once. */
export interface EndObserver {
  /**
   * QoS 1: the broker acknowledged it. QoS 0: it was handed to the wire, which is all that QoS 0 promises: when the line
   * ends before the socket took it, it still ends here, because sending it again could deliver it twice.
   */
  delivered(): void;
  /** It ended otherwise. `outcomeUnknown` says whether the broker may have it all the same. */
  failed(error: IotError): void;
}

/**
 * Hears how one message fares: `queued` at most once, then exactly one of `delivered` and `failed`.
 *
 * Nothing is ever called inside a call of the wire or inside another observer's call, so each of the three may call
 * the outbox. `queued` may come before the `add` that caused it has returned.
 */
export interface DeliveryObserver extends EndObserver {
  /** It cannot go now, and is kept: with a durable store, once the store has it. */
  queued(): void;
}

/** Where an entry stands in the order `[in flight | to resend | waiting]`. */
export type Place = 'waiting' | 'toResend' | 'inFlight' | 'ended';

/** One accepted message on its way to its end. For its holder it is a ticket; only the outbox and its list write to it. */
export class Entry {
  readonly message: OutgoingMessage;
  readonly observer: DeliveryObserver;
  place: Place = 'waiting';
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  /** What it counts for while it waits. Stays 0 when it never had to wait. */
  bytes = 0;
  /** How often it was given to a wire. */
  writes = 0;
  /** Whether it had to wait for a line, so that the observer is told `queued`. */
  announced = false;
  /** What the journal calls it; undefined without one, and for QoS 0. */
  kept: Kept | undefined = undefined;
  /** Whether it is accepted, and may be written: the journal has it, or need not have it. */
  isAccepted = true;
  expiresAt = Number.POSITIVE_INFINITY;
  timer: Timer = undefined;

  constructor(message: OutgoingMessage, observer: DeliveryObserver) {
    this.message = message;
    this.observer = observer;
  }

  /** What an earlier process accepted: it is waited for by nobody here, and may have been sent. */
  static recovered(kept: Kept, observer: EndObserver): Entry {
    const entry = new Entry(kept.message, {
      queued: () => undefined,
      delivered: () => observer.delivered(),
      failed: (error) => observer.failed(error),
    });
    entry.kept = kept;
    entry.announced = true;
    entry.bytes = sizeOf(kept.message);
    entry.writes = 1;
    entry.expiresAt = kept.expiresAt;
    return entry;
  }
}

/** What a message counts for against `maxBytes` and `maxUntakenBytes`: the bytes of its topic, payload and properties. */
export function sizeOf({ topic, payload, properties }: OutgoingMessage): number {
  const more = properties === undefined ? 0 : propertiesBytes(properties);
  return utf8Bytes(topic) + payloadBytes(payload) + more;
}
