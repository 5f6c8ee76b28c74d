import { createBrowserTransport } from '../adapters/browser-transport.ts';
import type { ClientInput } from '../machines/client.types.ts';
import { invalid } from '../protocol/errors.ts';
import type { MemoryStore } from '../protocol/queue-store.ts';
import { type ClientInputOptions, checkedClientInput } from './client-input.ts';
import type { IotClient } from './iot-client.ts';
import {
  type IotClientOptions as NodeClientOptions,
  type ResolvedOptions,
  resolveOptions,
} from './options.ts';
import type { OfflineQueueOptions as NodeQueueOptions } from './queue-options.ts';
import { startClient } from './start-client.ts';

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
  return startClient(resolveHere(options), BROWSER);
}

/**
 * The input of a `clientMachine` that an app starts itself: as a root, by `spawn` or by `invoke`. `clientOf(actor)` is its promise
 * API; by events alone it does the same. It is for one actor.
 *
 * @param options as for `createIotClient()`; `inspect` belongs to the app's own `createActor()`, and so does a `clock` too: the
 *   machines go by the one of their system
 * @throws IotError `INVALID_ARGUMENT` for bad options: which field, what it may be, what was given
 */
export function clientInput(options: IotClientOptions, more: ClientInputOptions = {}): ClientInput {
  return checkedClientInput(resolveHere(options), BROWSER, more);
}

function resolveHere(options: IotClientOptions): ResolvedOptions {
  const resolved = resolveOptions(options);
  if (resolved.store === undefined) return resolved;
  throw invalid('offlineQueue.store', 'memoryStore() or left out in a browser', resolved.store);
}
