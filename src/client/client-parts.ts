import type { Journal } from '../delivery/journal.ts';
import type { Outbox } from '../delivery/outbox.ts';
import type { RequestSlots } from '../delivery/request-slots.ts';
import type { Emitter } from './events.ts';
import type { ResolvedOptions } from './options.ts';
import type { QueueNews } from './queue-news.ts';

/** What of a client is there before its machine starts. */
export interface ClientParts {
  readonly options: ResolvedOptions;
  readonly emitter: Emitter;
  readonly outbox: Outbox;
  readonly journal: Journal | undefined;
  readonly news: QueueNews;
  readonly slots: RequestSlots;
}
