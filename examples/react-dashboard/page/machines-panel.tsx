import { useSelector } from '@xstate/react';
import type { IotClient } from 'aws-iot-machines';
import { actorOf } from 'aws-iot-machines/machines';
import type { AnyActorRef, AnyMachineSnapshot } from 'xstate';

/** All machines of the client as they are: the shadows are there too, each by its address. */
export function MachinesPanel({ client }: { readonly client: IotClient }) {
  const children = useSelector(actorOf(client), (snapshot) => snapshot.children);
  return (
    <section aria-labelledby="machines">
      <h2 id="machines">The machines themselves</h2>
      <dl>
        {Object.entries<AnyActorRef | undefined>(children).map(
          ([id, actor]) => isMachine(actor) && <Machine key={id} id={id} actor={actor} />,
        )}
      </dl>
    </section>
  );
}

/** Other actors have no state to show. */
function isMachine(actor: AnyActorRef | undefined): actor is AnyActorRef {
  return actor !== undefined && 'value' in (actor.getSnapshot() as object);
}

function Machine({ id, actor }: { readonly id: string; readonly actor: AnyActorRef }) {
  const state = useSelector(actor, (snapshot: AnyMachineSnapshot) => JSON.stringify(snapshot.value));
  return (
    <>
      <dt>{id}</dt>
      <dd>
        <code>{state}</code>
      </dd>
    </>
  );
}
