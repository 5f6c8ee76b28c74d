import type { MqttTransportOptions } from '../adapters/mqtt-options.ts';
import type { Journal, JournalOptions } from '../delivery/journal.ts';
import type { OpenTransport } from '../protocol/transport.ts';
import type { storeFirst } from './store-first.ts';

/** What a client has of the place where it runs. Its sign-in brings its own. */
export interface Platform {
  createTransport(options: MqttTransportOptions): OpenTransport;
  /** What a durable store needs; absent where there is none. */
  readonly durable?: {
    createJournal(options: JournalOptions): Journal;
    readonly storeFirst: typeof storeFirst;
  };
}
