import { createBrowserTransport } from '../adapters/browser-transport.ts';
import { invalid } from '../protocol/errors.ts';
import type { MemoryStore } from '../protocol/queue-store.ts';
import { DeviceClient } from './device-client.ts';
import type { IotClient } from './iot-client.ts';
import { type IotClientOptions as NodeClientOptions, resolveOptions } from './options.ts';
import type { OfflineQueueOptions as NodeQueueOptions } from './queue-options.ts';

/** Messages that are published while there is no live line. They wait as long as the page lives. */
export interface OfflineQueueOptions extends NodeQueueOptions {
  /** A page has no durable one. */
  readonly store?: MemoryStore;
}

export interface IotClientOptions extends Omit<NodeClientOptions, 'ca' | 'offlineQueue'> {
  /** Refused: a browser trusts the authorities of its own list and of its system. */
  readonly ca?: never;
  /** What happens to publishes while there is no live line; `false`: they are refused with `NOT_CONNECTED`. */
  readonly offlineQueue?: OfflineQueueOptions | false;
}

const BROWSER = { createTransport: createBrowserTransport };

/**
 * Makes a client. It dials nothing until `connect()`.
 *
 * @throws IotError `INVALID_ARGUMENT` for bad options: which field, what it may be, what was given
 */
export function createIotClient(options: IotClientOptions): IotClient {
  const resolved = resolveOptions(options);
  if (resolved.store !== undefined)
    throw invalid('offlineQueue.store', 'memoryStore() or left out in a browser', resolved.store);
  return new DeviceClient(resolved, BROWSER);
}
