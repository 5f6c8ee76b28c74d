import { invalid } from '../protocol/errors.ts';
import type { IotClient } from './iot-client.ts';

/** The clients of running machines, by the actor. */
const clients = new WeakMap<object, IotClient>();

/** Keeps the client of an actor, for {@link clientOf}. */
export function rememberClient(actor: object, client: IotClient): void {
  clients.set(actor, client);
}

/**
 * The promise API of a running client machine that somebody else has started, with an input that `clientInput()` made: every call
 * of `IotClient`, on the same line, queue and shadows. The same actor gives the same client.
 *
 * @param actor a reference to an actor of `clientMachine`, started
 * @throws IotError `INVALID_ARGUMENT` when it is not such an actor, or was not started
 */
export function clientOf(actor: object): IotClient {
  const isObject = typeof (actor as unknown) === 'object' && (actor as unknown) !== null;
  const client = isObject ? clients.get(actor) : undefined;
  if (client === undefined)
    throw invalid('actor', 'a started actor of clientMachine whose input clientInput() made', actor);
  return client;
}
