// @ts-check
// Changes what is desired in a shadow, every second: what basicShadowUpdater.py of the AWS IoT Device SDK for Python does, with
// the same flags. Nobody reports it, so each change is a delta: basic-shadow-delta-listener shows them.

import { setTimeout as sleep } from 'node:timers/promises';
import { IotError, ShadowRejectedError } from 'aws-iot-machines';
import { deviceCommand, explain, runDevice, thingOption, wholeNumber } from '../support/device.mjs';
import { withOtherHalf } from '../support/local-device.mjs';
import { tell } from '../support/tell.mjs';

/** @typedef {import('../support/device.mjs').DeviceFlags & { count?: number }} Flags */
/** @typedef {import('aws-iot-machines').Shadow} Shadow */

const EVERY_MS = 1_000;
const LISTENER = { name: 'basic-shadow-delta-listener', clientId: 'basicShadowDeltaListener' };
/** The next update may fare better. */
const PASSING = ['TIMEOUT', 'OUTCOME_UNKNOWN', 'SHADOW_REJECTED'];

const command = deviceCommand('basic-shadow-updater', 'basicShadowUpdater', { about: thingOption })
  .description('Change the desired state of a shadow every second.')
  .option('--count <number>', 'end after so many updates (default: never)', wholeNumber(1, 1_000_000));

await runDevice(command, async ({ client, core, flags, signal }) => {
  const { thingName, count = Number.POSITIVE_INFINITY } = /** @type {Flags} */ (flags);
  const shadow = client.shadow(thingName);
  await withOtherHalf(core, { ...LISTENER, thingName }, async () => {
    await client.connect({ signal });
    await remove(shadow, signal);
    for (let property = 0; property < count; property++) {
      if (property > 0) await sleep(EVERY_MS, undefined, { signal });
      await desire(shadow, { property }, signal);
    }
  });
});

/**
 * @param {Shadow} shadow
 * @param {AbortSignal} signal
 */
async function remove(shadow, signal) {
  try {
    const version = await shadow.delete({ signal });
    tell('deleted', `the shadow of ${shadow.thingName}  version ${version}`);
  } catch (error) {
    if (!(error instanceof ShadowRejectedError && error.reasonCode === 404)) throw error;
    tell('deleted', `nothing: ${shadow.thingName} has no shadow`);
  }
}

/**
 * @param {Shadow} shadow
 * @param {import('aws-iot-machines').JsonObject} desired
 * @param {AbortSignal} signal
 */
async function desire(shadow, desired, signal) {
  const text = JSON.stringify(desired);
  try {
    const { version } = await shadow.update({ desired }, { signal, waitForConnection: true });
    tell('accepted', `${text}  version ${version}`);
  } catch (error) {
    if (!(IotError.is(error) && PASSING.includes(error.code))) throw error;
    tell('failed', `${text}  ${explain(error)}`);
  }
}
