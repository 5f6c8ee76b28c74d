// @ts-check
// Subscribes to a topic, and publishes a numbered message to it every second: what basicPubSub.py of the AWS IoT Device SDK
// for Python does, with the same flags.

import { Option } from 'commander';
import { deviceCommand, runDevice, wholeNumber } from '../support/device.mjs';
import { publishAndSubscribe } from './pub-sub.mjs';

/** @typedef {import('../support/device.mjs').DeviceFlags & import('./pub-sub.mjs').PubSub} Flags */

const command = deviceCommand('basic-pub-sub', 'basicPubSub')
  .description('Subscribe to a topic and publish a numbered message to it every second.')
  .addOption(
    new Option('-m, --mode <mode>', 'what to do').choices(['both', 'publish', 'subscribe']).default('both'),
  )
  .option('-M, --message <text>', 'what to publish', 'Hello World!')
  .option('--count <number>', 'end after so many messages (default: never)', wholeNumber(1, 1_000_000));

await runDevice(command, async ({ client, flags, signal }) => {
  await publishAndSubscribe(client, /** @type {Flags} */ (flags), signal);
});
