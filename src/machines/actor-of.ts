import type { ActorRefFrom } from 'xstate';
import { invalid } from '../protocol/errors.ts';
import type { ClientMachine } from './client.machine.ts';

/** The running client machine of a client. Its children are `connection`, `queue` and `subscriptions`. */
export type ClientActorRef = ActorRefFrom<ClientMachine>;

/** Where a client keeps its actor. A registered symbol, so that two copies of this package agree on it. */
export const ACTOR: unique symbol = Symbol.for('aws-iot-machines.actor') as never;

/**
 * The actor behind a client: to watch its snapshots, to send it events, to hand it to an inspector.
 *
 * @param client what `createIotClient` returned
 * @throws IotError `INVALID_ARGUMENT` when it is not such a client
 */
export function actorOf(client: object): ClientActorRef {
  const actor = (client as { [ACTOR]?: ClientActorRef } | null | undefined)?.[ACTOR];
  if (actor === undefined) throw invalid('client', 'what createIotClient() returned', client);
  return actor;
}
