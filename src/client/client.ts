import { createMqttTransport } from '../adapters/mqtt-transport.ts';
import { Journal } from '../delivery/journal.ts';
import { DeviceClient } from './device-client.ts';
import type { IotClient } from './iot-client.ts';
import { type IotClientOptions, resolveOptions } from './options.ts';
import type { Platform } from './platform.ts';
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
  return new DeviceClient(resolveOptions(options), NODE);
}
