// @ts-check
// Shows what is desired in a shadow and not reported, at each change: what basicShadowDeltaListener.py of the AWS IoT Device SDK
// for Python does, with the same flags. basic-shadow-updater makes the changes.

import { aborted, deviceCommand, runDevice, thingOption, wholeNumber } from '../support/device.mjs';
import { withOtherHalf } from '../support/local-device.mjs';
import { tell } from '../support/tell.mjs';

/** @typedef {import('../support/device.mjs').DeviceFlags & { count?: number }} Flags */

const UPDATER = { name: 'basic-shadow-updater', clientId: 'basicShadowUpdater' };

const command = deviceCommand('basic-shadow-delta-listener', 'basicShadowDeltaListener', {
  about: thingOption,
})
  .description('Show each delta of a shadow: what is desired and not reported.')
  .option('--count <number>', 'end after so many deltas (default: never)', wholeNumber(1, 1_000_000));

await runDevice(command, async ({ client, core, flags, signal }) => {
  const { thingName, count } = /** @type {Flags} */ (flags);
  const shadow = client.shadow(thingName);
  await withOtherHalf(core, { ...UPDATER, thingName }, async () => {
    const enough = new AbortController();
    let seen = 0;
    await client.connect({ signal });
    shadow.onDelta(({ state, version }) => {
      tell('delta', `${JSON.stringify(state)}  version ${version}`);
      seen += 1;
      if (seen === count) enough.abort();
    });
    await shadow.whenSynced({ signal });
    console.log(`listening to the deltas of ${thingName}`);
    await aborted(AbortSignal.any([signal, enough.signal]));
  });
});
