import Denque from 'denque';

import type { Clock } from '../protocol/clock.ts';
import { Alarm } from './alarm.ts';
import type { LocalIotCoreLimits } from './limits.ts';
import type { PacketFacts } from './packet.ts';
import { Rate } from './rate.ts';

/** A packet of the broker for the client. */
export interface Outgoing {
  readonly facts: PacketFacts;
  readonly bytes: Buffer;
}

export interface TrafficPorts {
  readonly limits: LocalIotCoreLimits;
  readonly clock: Clock;
  /** The packet may go to the client now. */
  deliver(outgoing: Outgoing): void;
  /** What may not come from the client yet may be asked for again. */
  retry(): void;
  /** What waited here has become less. */
  hasRoom(): void;
  warn(what: string): void;
}

/** As much as a lane keeps. */
const FULL_BYTES = 4 * 1024 * 1024;
/** Who sends too much does so all the time: one warning a second says it. */
const WARNING_MS = 1_000;

/**
 * How much of one connection AWS IoT Core carries: its messages and bytes a second, and its messages without an
 * acknowledgement. It stands on the broker's side of the tap. Only messages wait here: answers and acknowledgements pass them
 * by, since AWS promises no order between the two, and a client that hears no PINGRESP would give up its line.
 */
export class Traffic {
  readonly #ports: TrafficPorts;
  readonly #publishes: Rate;
  readonly #bytes: Rate;
  readonly #unacknowledged = new Set<number>();
  /** QoS 1 and 2, for an acknowledgement or for the rate of messages. */
  readonly #forTurn = new Denque<Outgoing>();
  /** All messages that may go, for the rate of bytes. */
  readonly #forBytes = new Denque<Outgoing>();
  readonly #fromClient: Alarm;
  readonly #toClient: Alarm;
  readonly #warnedAt = new Map<keyof LocalIotCoreLimits, number>();
  #waitingBytes = 0;
  #stopped = false;

  constructor(ports: TrafficPorts) {
    const { limits, clock } = ports;
    this.#ports = ports;
    this.#publishes = new Rate(limits.publishesPerSecond, clock);
    this.#bytes = new Rate(limits.bytesPerSecond, clock);
    this.#fromClient = new Alarm(clock, () => ports.retry());
    this.#toClient = new Alarm(clock, () => this.#pump());
  }

  /** Whether so many bytes of the client may come now; they are counted. If not, `retry` is called when to ask again. */
  mayCome(bytes: number): boolean {
    const waitMs = this.#bytes.waitMs(bytes);
    if (waitMs > 0) {
      this.#fromClient.set(waitMs);
      this.#warnOfBytes();
      return false;
    }
    this.#bytes.take(bytes);
    return true;
  }

  /** Whether the client may publish now; it is counted. What it may not is lost. */
  mayPublish(): boolean {
    if (this.#publishes.waitMs() > 0) {
      this.#warnOfPublishes('published', 'it is discarded, and QoS 1 gets no PUBACK');
      return false;
    }
    this.#publishes.take();
    return true;
  }

  /** The client has acknowledged a message. */
  acknowledged(messageId: number | undefined): void {
    if (messageId !== undefined && this.#unacknowledged.delete(messageId)) this.#pump();
  }

  get full(): boolean {
    return this.#waitingBytes > FULL_BYTES;
  }

  /** Takes a packet for the client, and delivers it when it may go. */
  add(outgoing: Outgoing): void {
    const { packet, qos, bytes } = outgoing.facts;
    if (this.#stopped) return;
    if (packet !== 'publish') {
      this.#bytes.take(bytes);
      this.#ports.deliver(outgoing);
    } else if (qos === 0 && this.#publishes.waitMs() > 0) {
      this.#warnOfPublishes('was sent', 'it is discarded, as QoS 0 is');
    } else if (qos === 0) {
      this.#publishes.take();
      this.#wait(this.#forBytes, outgoing);
    } else {
      this.#wait(this.#forTurn, outgoing);
    }
  }

  /** What waits is thrown away; nothing is delivered any more. */
  stop(): void {
    this.#stopped = true;
    this.#fromClient.clear();
    this.#toClient.clear();
    this.#forTurn.clear();
    this.#forBytes.clear();
    this.#waitingBytes = 0;
  }

  #wait(queue: Denque<Outgoing>, outgoing: Outgoing): void {
    queue.push(outgoing);
    this.#waitingBytes += outgoing.bytes.length;
    this.#pump();
  }

  #pump(): void {
    const wasFull = this.full;
    const waitMs = Math.min(this.#takeTurns(), this.#sendBytes());
    this.#toClient.set(waitMs);
    if (wasFull && this.#waitingBytes <= FULL_BYTES) this.#ports.hasRoom();
  }

  /** Moves on what may have its turn; gives how long until the next one may. */
  #takeTurns(): number {
    for (let next = this.#forTurn.peekFront(); next !== undefined; next = this.#forTurn.peekFront()) {
      const most = this.#ports.limits.unacknowledgedPublishes;
      if (this.#unacknowledged.size >= most) {
        this.#warn('unacknowledgedPublishes', `has not acknowledged ${most} messages: AWS sends it no more`);
        return Infinity;
      }
      const waitMs = this.#publishes.waitMs();
      if (waitMs > 0) {
        this.#warnOfPublishes('was sent', 'it comes later, as QoS 1 does');
        return waitMs;
      }
      this.#publishes.take();
      this.#unacknowledged.add(next.facts.messageId ?? 0);
      this.#forTurn.shift();
      this.#forBytes.push(next);
    }
    return Infinity;
  }

  #sendBytes(): number {
    for (let next = this.#forBytes.peekFront(); next !== undefined; next = this.#forBytes.peekFront()) {
      const waitMs = this.#bytes.waitMs(next.bytes.length);
      if (waitMs > 0) {
        this.#warnOfBytes();
        return waitMs;
      }
      this.#bytes.take(next.bytes.length);
      this.#forBytes.shift();
      this.#waitingBytes -= next.bytes.length;
      this.#ports.deliver(next);
    }
    return Infinity;
  }

  #warnOfPublishes(what: string, fate: string): void {
    const most = this.#ports.limits.publishesPerSecond;
    this.#warn(
      'publishesPerSecond',
      `${what} more than ${most} messages a second, in and out together: ${fate}`,
    );
  }

  #warnOfBytes(): void {
    const most = this.#ports.limits.bytesPerSecond;
    this.#warn(
      'bytesPerSecond',
      `has more than ${most} bytes a second, in and out together: they come later`,
    );
  }

  #warn(limit: keyof LocalIotCoreLimits, what: string): void {
    const now = this.#ports.clock.now();
    if (now - (this.#warnedAt.get(limit) ?? -Infinity) < WARNING_MS) return;
    this.#warnedAt.set(limit, now);
    this.#ports.warn(what);
  }
}
