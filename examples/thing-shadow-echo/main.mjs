// @ts-check
// Reports whatever is desired in a shadow: what ThingShadowEcho.py of the AWS IoT Device SDK for Python does, with the same
// flags. With --local an app desires something (story.mjs); with AWS its console does, or any other client.

import { aborted, deviceCommand, explain, runDevice, thingOption, wholeNumber } from '../support/device.mjs';
import { tell } from '../support/tell.mjs';
import { tellStory } from './story.mjs';

/** @typedef {import('../support/device.mjs').DeviceFlags & { count?: number }} Flags */

const command = deviceCommand('thing-shadow-echo', 'ThingShadowEcho', { about: thingOption })
  .description('Report whatever is desired in a shadow.')
  .option('--count <number>', 'end after so many reports (default: never)', wholeNumber(1, 1_000_000));

await runDevice(command, async ({ client, core, flags, signal }) => {
  const { thingName, count } = /** @type {Flags} */ (flags);
  const shadow = client.shadow(thingName);
  const enough = new AbortController();
  let reports = 0;
  await client.connect({ signal });
  client.on('handlerError', ({ error }) => tell('failed', explain(error)));
  shadow.onDelta(async ({ state, version }) => {
    const text = JSON.stringify(state);
    tell('delta', `${text}  version ${version}`);
    // When this fails the delta is offered again, at the next change or on the next line.
    const accepted = await shadow.update({ reported: state });
    tell('reported', `${text}  version ${accepted.version}`);
    reports += 1;
    if (reports === count) enough.abort();
  });
  await shadow.whenSynced({ signal });
  console.log(`listening to the deltas of ${thingName}`);
  const end = AbortSignal.any([signal, enough.signal]);
  await (core ? Promise.race([aborted(end), tellStory(core, thingName, end)]) : aborted(end));
});
