import { createMqttTransport } from '../adapters/mqtt-transport.ts';
import { Journal } from '../delivery/journal.ts';
import type { ClientInput } from '../machines/client.types.ts';
import { type ClientInputOptions, checkedClientInput } from './client-input.ts';
import type { IotClient } from './iot-client.ts';
import { type IotClientOptions, resolveOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { startClient } from './start-client.ts';
import { storeFirst } from './store-first.ts';

const NODE: Platform = {
  createTransport: createMqttTransport,
  durable: { createJournal: (options) => new Journal(options), storeFirst },
};

/**
 * Makes a client. It dials nothing and keeps no process alive until `connect()`.
 *
 * @throws IotError `INVALID_ARGUMENT` for bad options: which field, what it may be, what was given
 */
export function createIotClient(options: IotClientOptions): IotClient {
  return startClient(resolveOptions(options), NODE);
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
  return checkedClientInput(resolveOptions(options), NODE, more);
}
