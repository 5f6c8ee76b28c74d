import { Readable } from 'node:stream';

import type { Clock } from '../protocol/clock.ts';
import { Alarm } from './alarm.ts';
import type { KeptPacket } from './persistence.ts';

export interface KeptMessagesOptions {
  readonly perSecond: number;
  /** Whether one that was sent before says so. */
  readonly marksDuplicates: boolean;
  readonly clock: Clock;
}

/** What a session kept for its client, one message at a time, and not faster than it may. */
export class KeptMessages extends Readable {
  readonly #source: Readable;
  readonly #intervalMs: number;
  readonly #marksDuplicates: boolean;
  readonly #next: Alarm;
  #messages: readonly KeptPacket[] = [];
  #given = 0;

  constructor(source: Readable, { perSecond, marksDuplicates, clock }: KeptMessagesOptions) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#source = source;
    this.#intervalMs = 1_000 / perSecond;
    this.#marksDuplicates = marksDuplicates;
    this.#next = new Alarm(clock, () => this.#give());
  }

  override _construct(done: (error?: Error) => void): void {
    const take = async (): Promise<void> => {
      this.#messages = (await this.#source.toArray()) as KeptPacket[];
    };
    take().then(() => done(), done);
  }

  override _read(): void {
    if (this.#given === 0 || this.#intervalMs === 0) this.#give();
    else this.#next.set(this.#intervalMs);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#next.clear();
    done(error);
  }

  #give(): void {
    const message = this.#messages[this.#given];
    this.#given += 1;
    if (message !== undefined) this.push(this.#marked(message));
    if (this.#given >= this.#messages.length) this.push(null);
  }

  #marked(message: KeptPacket): KeptPacket {
    const wasSent = message.cmd === 'publish' && message.messageId !== undefined;
    return wasSent && this.#marksDuplicates ? { ...message, dup: true } : message;
  }
}
