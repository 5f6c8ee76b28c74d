import type { AnyActorRef } from 'xstate';
import type { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import type { ClientEvent, ClientFact, ClientPorts, MessageCommand } from './client.types.ts';
import type { FactListener } from './connection.types.ts';
import { guardedActor } from './guarded-actor.ts';

// Not an interface: one would have to be exported for the declarations of the machine.
type MessagesInput = {
  readonly ports: Handle<ClientPorts>;
  readonly client: AnyActorRef;
  readonly parent: FactListener<ClientFact> | undefined;
};

/** Carries out what an app asks about messages, and tells what becomes of them. */
export const messages = guardedActor<MessageCommand, MessagesInput, ClientEvent>(
  ({ input, send, receive, onEnd }) => {
    const { client, parent } = input;
    const calls = Handle.open(input.ports).open(client, (fact) => {
      if (isActive(client)) send(fact);
      // What ends with the client is known when its machine has ended, and nobody but the parent can hear it then.
      else if (parent !== undefined && isActive(parent)) parent.send(fact);
    });
    onEnd(calls.free);
    receive(calls.ask);
  },
  (error: IotError) => ({ type: 'actor.failed', error }),
);

/** XState warns of what is sent to an actor that has ended. */
function isActive(actor: object): boolean {
  const { getSnapshot } = actor as { readonly getSnapshot?: () => { readonly status?: unknown } };
  return getSnapshot === undefined || getSnapshot.call(actor).status === 'active';
}
