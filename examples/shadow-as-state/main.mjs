// @ts-check
// A lamp whose state is its shadow (lamp.mjs), of the type that a schema says. With --local an app makes its life hard
// (story.mjs); with AWS the console does, or any other client.

import { aborted, deviceCommand, runDevice, thingOption } from '../support/device.mjs';
import { LampState, runLamp } from './lamp.mjs';
import { tellStory } from './story.mjs';

const command = deviceCommand('shadow-as-state', 'shadowAsState', { about: thingOption }).description(
  'Be a lamp whose state is its shadow.',
);

await runDevice(command, async ({ client, core, flags, signal }) => {
  const shadow = client.shadow(flags.thingName, { schema: LampState });
  await client.connect({ signal });
  await runLamp(shadow, signal);
  await (core ? tellStory(core, flags.thingName, signal) : aborted(signal));
});
