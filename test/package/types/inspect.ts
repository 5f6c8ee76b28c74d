// A user's program that watches machines, and starts a client's by itself. It is compiled, and never run.
import { clientInput, clientOf, createIotClient, type IotClient, plainTcp } from 'aws-iot-machines';
import { type Inspector, serveInspector, statelyInspector } from 'aws-iot-machines/inspect';
import { startLocalIotCore } from 'aws-iot-machines/local';
import { type ClientFact, clientMachine, connectionMachine } from 'aws-iot-machines/machines';
import { createActor, setup } from 'xstate';

const options = { endpoint: 'a', clientId: 'lamp', auth: plainTcp() } as const;

export async function watch(client: IotClient): Promise<string> {
  const core = await startLocalIotCore();
  const inspector: Inspector = await serveInspector(client, { port: 0, payloads: 'size', core });
  inspector.watch(createActor(clientMachine, { input: clientInput(options) }));
  // @ts-expect-error no such way to show payloads
  await serveInspector(client, { payloads: 'all' });
  // @ts-expect-error a machine that nobody runs
  await serveInspector(connectionMachine);
  const stately = await statelyInspector({ via: 'webSocket' });
  createIotClient({ ...options, inspect: stately.inspect });
  await inspector.close();
  return inspector.url;
}

export const home = setup({
  types: { events: {} as ClientFact, children: {} as { lamp: 'client' } },
  actors: { client: clientMachine },
}).createMachine({
  invoke: { id: 'lamp', src: 'client', input: ({ self }) => clientInput(options, { parent: self }) },
  on: { 'connection.live': {}, 'connection.failed': {} },
});
const { lamp } = createActor(home).getSnapshot().children;
if (lamp !== undefined) {
  lamp.send({ type: 'connect' });
  // @ts-expect-error no such command
  lamp.send({ type: 'reconnect' });
  void clientOf(lamp).publish('a', 'b', { qos: 1 });
}
