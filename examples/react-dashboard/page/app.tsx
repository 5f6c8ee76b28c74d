import { useSelector } from '@xstate/react';
import type { IotClient } from 'aws-iot-machines';
import { actorOf } from 'aws-iot-machines/machines';
import { useState } from 'react';
import { type Broker, optionsFor } from './broker.ts';
import { ConnectionPanel } from './connection-panel.tsx';
import { LinePanel } from './line-panel.tsx';
import { MachinesPanel } from './machines-panel.tsx';
import { QueuePanel } from './queue-panel.tsx';
import { ShadowPanel } from './shadow-panel.tsx';
import { useIotClient } from './use-iot-client.ts';

export function App({ broker }: { readonly broker: Broker }) {
  // Once: other options would be another client.
  const [options] = useState(() => optionsFor(broker));
  const client = useIotClient(options);
  return (
    <main>
      <header>
        <h1>A client, seen in React</h1>
        <p>
          Its machines say what is shown here. Cut the line, publish meanwhile, and watch it come back by
          itself.
        </p>
      </header>
      {client && <Panels client={client} broker={broker} />}
    </main>
  );
}

function Panels({ client, broker }: { readonly client: IotClient; readonly broker: Broker }) {
  const actor = actorOf(client);
  // Undefined once the client is closed.
  const connection = useSelector(actor, ({ children }) => children.connection);
  const queue = useSelector(actor, ({ children }) => children.queue);
  return (
    <div className="panels">
      <div>
        {connection && <ConnectionPanel connection={connection} broker={broker} />}
        <LinePanel />
        <ShadowPanel client={client} thingName={broker.thingName} />
      </div>
      <div>
        {queue && <QueuePanel client={client} queue={queue} />}
        <MachinesPanel client={client} />
      </div>
    </div>
  );
}
