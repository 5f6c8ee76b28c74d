// A user's program that runs every machine: those of a client below it, and the connection by itself.
import { createIotClient } from 'aws-iot-machines';
import { startLocalIotCore } from 'aws-iot-machines/local';
import { actorOf, connectionMachine, Handle, offlineQueueMachine } from 'aws-iot-machines/machines';
import { createActor, waitFor } from 'xstate';

const core = await startLocalIotCore();
const client = createIotClient(core.deviceOptions('lamp'));
const shadow = client.shadow('lamp');
await client.connect();
await client.subscribe('a', { qos: 1 }, () => {});
await client.when('live');
const { version } = await shadow.update({ reported: { on: true } });
shadow.onState(() => {});
await shadow.whenSynced();
const { children } = actorOf(client).getSnapshot();
console.log('client     ', client.status.state, version);
for (const id of ['connection', 'queue', 'subscriptions', 'shadow/lamp']) {
  console.log('child      ', id, children[id].getSnapshot().status);
}
await core.faults.dropConnections();
await client.when('backingOff');
await client.when('live');
await client.close();
console.log('client     ', client.status.state);
await core.stop();

const openTransport = (report) => {
  report({ type: 'transport.signedIn' });
  report({ type: 'transport.connected', session: { sessionPresent: false, receiveMaximum: 1 } });
  return { disconnect: () => {}, free: () => {} };
};
const connection = createActor(connectionMachine, { input: { ports: new Handle({ openTransport }) } });
connection.start();
connection.send({ type: 'connect' });
await waitFor(connection, (snapshot) =>
  snapshot.matches({ line: { connected: { session: { up: 'live' } } } }),
);
console.log('connection ', JSON.stringify(connection.getSnapshot().value));
connection.stop();

const outbox = {
  setFlow: (flow) => console.log('queue      ', flow),
  release: () => {},
  backlog: 0,
  joined: 0,
};
const queue = createActor(offlineQueueMachine, { input: { ports: new Handle({ outbox }) } });
queue.start();
queue.send({ type: 'drain' });
await waitFor(queue, (snapshot) => snapshot.matches('open'));
queue.stop();
