import type { ActorRefFrom } from 'xstate';
import type { ClientMachine } from './client.machine.ts';

/** The running client machine of a client. Its children are `connection`, `queue` and `subscriptions`. */
export type ClientActorRef = ActorRefFrom<ClientMachine>;

/** Where a client keeps its actor. A registered symbol, so that two copies of this package agree on it. */
export const ACTOR: unique symbol = Symbol.for('aws-iot-machines.actor') as never;

/**
 * The actor behind a client: to watch its snapshots, to send it events, to hand it to an inspector.
 *
 * @param client what `createIotClient` returned
 * @throws TypeError when it is not such a client
 */
export function actorOf(client: object): ClientActorRef {
  const actor = (client as { [ACTOR]?: ClientActorRef })[ACTOR];
  if (actor === undefined) throw new TypeError('actorOf() takes what createIotClient() returned');
  return actor;
}
