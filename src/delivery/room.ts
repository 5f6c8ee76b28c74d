import type { QueueLimits } from '../protocol/queue-limits.ts';
import { queueFullError } from './endings.ts';
import type { Entry } from './entry.ts';
import type { EntryList } from './entry-list.ts';

/**
 * How much may wait. Refuses what finds no room, and says which ones make way for what does.
 *
 * A message that the journal must have first is only *pending* until then. It makes way for others like it, but no accepted one
 * goes for it before it is accepted too: a store that fails would empty the queue for nothing.
 */
export class Room {
  limits: QueueLimits;
  readonly #list: EntryList;
  readonly #pending = new Set<Entry>();
  #pendingBytes = 0;

  constructor(limits: QueueLimits, list: EntryList) {
    const { maxMessages, maxBytes, overflow } = limits;
    this.limits = { maxMessages, maxBytes, overflow };
    this.#list = list;
  }

  /** Throws `QUEUE_FULL` if this entry, which is not in the list yet, may not wait. */
  check(entry: Entry, isOpen: boolean): void {
    const { maxBytes, overflow } = this.limits;
    const { waiting, waitingBytes } = this.#list;
    const maxMessages = this.#maxMessages(isOpen);
    const canMakeRoom = overflow === 'dropOldest' && maxMessages >= 1 && entry.bytes <= maxBytes;
    if (!canMakeRoom && (waiting >= maxMessages || waitingBytes + entry.bytes > maxBytes))
      throw queueFullError();
  }

  /**
   * Ends the oldest of its kind, pending or accepted, as many as must go for this one. What waits since the limits were wider
   * only makes way for as much as comes.
   *
   * @param as whether it is one of them already (so that it may be the oldest itself), and whether it came on a live line
   */
  evictFor(
    entry: Entry,
    { isCounted, isOpen }: { readonly isCounted: boolean; readonly isOpen: boolean },
    end: (oldest: Entry) => void,
  ): void {
    // Then `check` has refused what is too much, and what it let in while a line was live stays.
    if (this.limits.overflow === 'dropNewest') return;
    const own = isCounted ? 1 : 0;
    const others = () => {
      const { messages, bytes } = this.#count(entry);
      return { messages: messages - own, bytes: bytes - own * entry.bytes };
    };
    const before = others();
    const maxMessages = Math.max(this.#maxMessages(isOpen), before.messages);
    const maxBytes = Math.max(this.limits.maxBytes, before.bytes);
    for (
      let now = before;
      now.messages >= maxMessages || now.bytes + entry.bytes > maxBytes;
      now = others()
    ) {
      const oldest = entry.isAccepted ? this.#oldestAccepted() : this.#oldestPending();
      if (oldest === undefined) return;
      end(oldest);
      if (oldest === entry) return;
    }
  }

  /** This one waits for the journal. */
  hold(entry: Entry): void {
    this.#pending.add(entry);
    this.#pendingBytes += entry.bytes;
  }

  /** The journal has it, or it has ended. */
  free(entry: Entry): void {
    if (this.#pending.delete(entry)) this.#pendingBytes -= entry.bytes;
  }

  #count({ isAccepted }: Entry): { readonly messages: number; readonly bytes: number } {
    const pending = { messages: this.#pending.size, bytes: this.#pendingBytes };
    if (!isAccepted) return pending;
    const { waiting, waitingBytes } = this.#list;
    return { messages: waiting - pending.messages, bytes: waitingBytes - pending.bytes };
  }

  /** A live line bounds nothing but bytes: what waits there waits for the window only. */
  #maxMessages(isOpen: boolean): number {
    return isOpen ? Number.POSITIVE_INFINITY : this.limits.maxMessages;
  }

  #oldestPending(): Entry | undefined {
    const [oldest] = this.#pending;
    return oldest;
  }

  #oldestAccepted(): Entry | undefined {
    let entry = this.#list.firstWaiting;
    while (entry?.isAccepted === false) entry = entry.next;
    return entry;
  }
}
