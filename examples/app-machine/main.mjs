// @ts-check
// An app that is a machine (greenhouse.mjs) with the client machine inside, by events alone; and, for what is easier to write
// with promises, the promise API on the same actor.

import { clientOf } from 'aws-iot-machines';
import { createActor, waitFor } from 'xstate';
import { clientOptions, deviceCommand, runExample } from '../support/device.mjs';
import { tell } from '../support/tell.mjs';
import { greenhouseMachine } from './greenhouse.mjs';

const command = deviceCommand('app-machine', 'greenhouse').description(
  'Be a greenhouse: a machine of an app that has the client machine inside.',
);

await runExample(command, async ({ flags, core, signal }) => {
  const options = clientOptions(flags, core);
  const app = createActor(greenhouseMachine, { input: { options, tell } }).start();
  const { client: clientActor } = app.getSnapshot().children;
  if (clientActor === undefined) throw new Error('the greenhouse has no client');
  const client = clientOf(clientActor);
  try {
    app.send({ type: 'measured', moisture: 0.5 });
    await client.when('live', { signal });

    app.send({ type: 'measured', moisture: 0.2 });
    await waitFor(app, (snapshot) => snapshot.matches('watering'), { signal });
    app.send({ type: 'watered' });

    // Whoever may publish to it waters from afar. Here it is the device itself, by the promise API.
    await client.publish('greenhouse/command', 'water', { qos: 1, signal });
    await waitFor(app, (snapshot) => snapshot.matches('watering'), { signal });
    app.send({ type: 'watered' });
  } finally {
    await client.close();
    app.stop();
  }
});
