// @ts-check
// An app that is a machine (greenhouse.mjs) with the client machine inside, by events alone. And the promise API on that same
// client, for what is easier to write with promises: here the story.

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
  const measure = (/** @type {number} */ moisture) => {
    tell('sensor', `moisture ${moisture}`);
    app.send({ type: 'measured', moisture });
  };
  try {
    // Before there is a line: the client keeps it.
    measure(0.5);
    await client.when('live', { signal });

    measure(0.2);
    await waitFor(app, (snapshot) => snapshot.matches('watering'), { signal });
    app.send({ type: 'watered' });

    // Whoever may publish to this topic waters from afar. Here it is the device itself, by the promise API.
    tell('story', 'somebody says: water');
    await client.publish('greenhouse/command', 'water', { qos: 1, signal });
    await waitFor(app, (snapshot) => snapshot.matches('watering'), { signal });
    app.send({ type: 'watered' });
  } finally {
    await client.close();
    app.stop();
  }
});
