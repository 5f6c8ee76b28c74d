// @ts-check
// Subscribes to a topic, and publishes a numbered message to it every second: what basicPubSub.py of the AWS IoT Device SDK
// for Python does, with the same flags.

import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { aborted, deviceCommand, runDevice, wholeNumber } from '../support/device.mjs';

/**
 * @typedef {import('../support/device.mjs').DeviceFlags & {
 *   mode: 'both' | 'publish' | 'subscribe', message: string, count?: number,
 * }} Flags
 */

const EVERY_MS = 1_000;

const command = deviceCommand('basic-pub-sub', 'basicPubSub')
  .description('Subscribe to a topic and publish a numbered message to it every second.')
  .addOption(
    new Option('-m, --mode <mode>', 'what to do').choices(['both', 'publish', 'subscribe']).default('both'),
  )
  .option('-M, --message <text>', 'what to publish', 'Hello World!')
  .option('--count <number>', 'end after so many messages (default: never)', wholeNumber(1, 1_000_000));

await runDevice(command, async ({ client, flags, signal }) => {
  const { topic, mode, message, count = Number.POSITIVE_INFINITY } = /** @type {Flags} */ (flags);
  const enough = new AbortController();
  let received = 0;

  await client.connect({ signal });
  if (mode !== 'publish') {
    await client.subscribe(topic, { qos: 1, signal }, (incoming) => {
      console.log(`received ${incoming.text()} from ${incoming.topic}`);
      received += 1;
      if (received === count) enough.abort();
    });
    console.log(`subscribed to ${topic}`);
  }
  if (mode !== 'subscribe') {
    let receipt;
    for (let sequence = 0; sequence < count; sequence++) {
      receipt = await client.publish(topic, { message, sequence }, { qos: 1, signal });
      console.log(`published ${sequence} to ${topic}: ${receipt.state}`);
      if (sequence + 1 < count) await sleep(EVERY_MS, undefined, { signal });
    }
    // They go in order: when the broker has the last one, it has all.
    await Promise.race([receipt?.delivered, aborted(signal)]);
  }
  // Until as many came as were asked for, or somebody presses Ctrl-C.
  if (mode !== 'publish' && received < count) await aborted(AbortSignal.any([signal, enough.signal]));
});
