import { IotError, type PublishReceipt, type QoS } from '../../../src/index.ts';
import type { HistoryLine } from '../../../src/testing/index.ts';

interface Message {
  readonly id: string;
  readonly qos: QoS;
  readonly bytes: number;
}

/** Every message that one client was given to publish, and what its caller was told. */
export class Ledger {
  readonly lines: HistoryLine[] = [];
  readonly #open = new Map<string, Message>();

  /** How much has no end yet. */
  get open(): { readonly messages: number; readonly bytes: number } {
    let bytes = 0;
    for (const message of this.#open.values()) bytes += message.bytes;
    return { messages: this.#open.size, bytes };
  }

  /** Notes a publish and its ends. Returns the same promise as a new one: when nobody handles it, that is still told. */
  async publish(message: Message, published: Promise<PublishReceipt>): Promise<PublishReceipt> {
    const { id, qos } = message;
    if (this.lines.some((line) => line.id === id))
      throw new Error(
        `${id} was published before: give each message of a test a payload (or topic) of its own`,
      );
    this.lines.push({ t: this.lines.length, op: 'accepted', id, qos });
    this.#open.set(id, message);
    try {
      const receipt = await published;
      if (receipt.state === 'queued') this.#note('queued', id);
      receipt.delivered.then(
        () => this.#note('delivered', id),
        (error: unknown) => this.#rejected(id, error),
      );
      return receipt;
    } catch (error) {
      this.#rejected(id, error);
      throw error;
    }
  }

  written(id: string): void {
    this.#note('written', id);
  }

  /** The history, with what the broker took. */
  judged(taken: readonly string[]): readonly HistoryLine[] {
    return [...this.lines, ...taken.map((id, index): HistoryLine => ({ t: index, op: 'received', id }))];
  }

  #note(op: 'queued' | 'delivered' | 'written', id: string): void {
    if (op === 'delivered') this.#open.delete(id);
    this.lines.push({ t: this.lines.length, op, id });
  }

  #rejected(id: string, error: unknown): void {
    this.#open.delete(id);
    // The reason of a caller's own signal says nothing about the outcome.
    const outcomeUnknown = IotError.is(error) ? error.outcomeUnknown : true;
    this.lines.push({ t: this.lines.length, op: 'rejected', id, outcomeUnknown });
  }
}
