import type { Timer } from '../protocol/clock.ts';
import type { IotError } from '../protocol/errors.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import { payloadBytes } from '../protocol/payload.ts';
import { propertiesBytes } from '../protocol/property-bytes.ts';
import type { Wire } from '../protocol/transport.ts';
import { utf8Bytes } from '../protocol/utf8.ts';

/**
 * Hears how one message fares: `queued` at most once, then exactly one of `delivered` and `failed`.
 *
 * Nothing is ever called inside a call of the wire or inside another observer's call, so each of the three may call
 * the outbox. `queued` may come before the `add` that caused it has returned.
 */
export interface DeliveryObserver {
  /** It cannot go now, and is kept. */
  queued(): void;
  /**
   * QoS 1: the broker acknowledged it. QoS 0: it was handed to the wire, which is all that QoS 0 promises: when the line
   * ends before the socket took it, it still ends here, because sending it again could deliver it twice.
   */
  delivered(): void;
  /** It ended otherwise. `outcomeUnknown` says whether the broker may have it all the same. */
  failed(error: IotError): void;
}

/** A wire from attach to detach, and what it can still take. */
export interface Line {
  readonly wire: Wire;
  /** How many QoS 1 publishes may be unacknowledged. */
  readonly window: number;
  /** How many more may be so. */
  slots: number;
  /**
   * Present while it has to be found out who closes the lines: then nothing is sent before the flow opens, and each of these
   * goes alone. Once the flow is open and they have ended, it is as good as any line.
   */
  readonly suspects: Set<Entry> | undefined;
  /** How many more bytes of QoS 0 the wire may hold that the socket has not taken; the last publish may exceed it. */
  untakenRoom: number;
  /** The wire threw: nothing more is written to it, so that nothing overtakes the message that it did not take. */
  stopped: boolean;
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
  /** What it counts for while its line holds it untaken. */
  untakenBytes = 0;
  /** How often it was given to a wire. */
  writes = 0;
  /** The line whose answer is still to come. It outlives the entry's end: an aborted message keeps its slot. */
  line: Line | undefined = undefined;
  /** Whether the observer was told `queued`. */
  announced = false;
  expiresAt = Number.POSITIVE_INFINITY;
  timer: Timer = undefined;

  constructor(message: OutgoingMessage, observer: DeliveryObserver) {
    this.message = message;
    this.observer = observer;
  }
}

/** What a message counts for against `maxBytes` and `maxUntakenBytes`: the bytes of its topic, payload and properties. */
export function sizeOf({ topic, payload, properties }: OutgoingMessage): number {
  const more = properties === undefined ? 0 : propertiesBytes(properties);
  return utf8Bytes(topic) + payloadBytes(payload) + more;
}
