import type { Clock } from '../protocol/clock.ts';
import type { QueueLimits, RateLimit } from '../protocol/queue-limits.ts';
import type { Journal } from './journal.ts';

export interface OutboxOptions extends QueueLimits {
  readonly clock: Clock;
  /** Whether messages may be added without a live line. What was accepted with one is resent in any case. */
  readonly enabled: boolean;
  /** Has every QoS 1 message before it is written. Default: none. */
  readonly journal?: Pick<Journal, 'keep' | 'open' | 'release'>;
  /** How much may be written in a second. Default: no limit. */
  readonly rate?: RateLimit;
  /**
   * How many QoS 1 publishes may be unacknowledged; the broker's receive maximum binds too.
   * @default 100, as many as AWS IoT Core takes
   */
  readonly window?: number;
  /**
   * How many bytes of QoS 0 publishes a wire may hold that its socket has not taken; the message that exceeds them is the
   * last. What comes after it waits, where `maxBytes` binds.
   * @default 1 MiB
   */
  readonly maxUntakenBytes?: number;
  /**
   * Hears, in its own microtask, what an observer, a flush callback or a wire threw; delivery goes on.
   * By default the error is thrown there, where nothing but the process can catch it.
   */
  readonly reportError?: (error: unknown) => void;
}

export interface AddOptions {
  /** The message is of no use after this time. Once it is on the wire its PUBACK still counts as delivered. */
  readonly expiresInMs?: number;
}
