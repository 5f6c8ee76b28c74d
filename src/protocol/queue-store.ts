import type { Clock } from './clock.ts';
import type { OutgoingMessage } from './message.ts';

/** Where accepted messages are kept until they are delivered. */
export type QueueStore = MemoryStore | DurableStore;

/** They live and die with the process. */
export interface MemoryStore {
  readonly kind: 'memory';
}

/**
 * Every accepted QoS 1 publish is written here before it is sent, so that the next process finds what this one could not
 * deliver. A store knows nothing of messages: it keeps records under numbers.
 */
export interface DurableStore {
  readonly kind: 'durable';
  /**
   * Opens it for this process alone. Also called again, after a write has failed.
   *
   * Rejects with an IotError: `STORE_LOCKED` (another process has it), `STORE_INCOMPATIBLE` (a newer version wrote it; nothing
   * was touched), `STORE_FULL`, `STORE_FAILED`.
   *
   * @param clock the source of time, for stores that need one
   */
  open(clock: Clock): Promise<OpenStore>;
}

/** A record under its number, from 1. */
export interface StoreRecord {
  /** Its place in the order of all. */
  readonly number: number;
  /** As it was written, byte for byte. */
  readonly value: Uint8Array;
}

/** What is to become of one number: it has this value from now on, or none. */
export interface StoreChange {
  /** From 1. */
  readonly number: number;
  /** Undefined removes what is there. */
  readonly value: Uint8Array | undefined;
}

/** A durable store in the hands of the one process that has it. Its calls are made one after another, but for `close`. */
export interface OpenStore {
  /**
   * Everything that it holds, by ascending number, some records at a time. What cannot be read back as it was written is left
   * out; the numbers tell that it is missing.
   */
  read(): AsyncIterable<readonly StoreRecord[]>;
  /**
   * All of these changes, or none. Resolves once they are kept as safely as the store promises; rejects with an IotError
   * `STORE_FULL` or `STORE_FAILED`, and is not written to again then, only closed.
   *
   * @param options `mayLag`: nothing is lost when the end of the machine undoes these changes (messages that have ended would
   * be sent again), so nobody has to wait for the disk. Later ones never overtake them.
   */
  write(changes: readonly StoreChange[], options?: { readonly mayLag: boolean }): Promise<void>;
  /** Frees it for the next process. Never rejects. */
  close(): Promise<void>;
}

/** What an earlier process left in a durable store. */
export interface RecoveredMessages {
  /** How many messages it could not deliver; they are sent now. */
  readonly messages: number;
  /** How many are known to have been kept and cannot be found, because the store was damaged. */
  readonly missing: number;
}

/** A message as it is kept, and until when it is of use: milliseconds since the epoch, or Infinity. */
export interface DurableMessage {
  readonly message: OutgoingMessage;
  readonly expiresAt: number;
}
