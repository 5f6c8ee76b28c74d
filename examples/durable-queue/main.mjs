// @ts-check
// A device that publishes numbers and keeps each in a directory until the broker has it. Kill it, start it again on the same
// directory: nothing is lost. With --local it plays that by itself (story.mjs).

import { setTimeout as sleep } from 'node:timers/promises';
import { levelStore } from 'aws-iot-machines';
import { Option } from 'commander';
import {
  aborted,
  clientOptions,
  deviceCommand,
  runExample,
  wholeNumber,
  withClient,
} from '../support/device.mjs';
import { tellStory } from './story.mjs';

/**
 * @typedef {import('../support/device.mjs').DeviceFlags & {
 *   directory?: string, count?: number, memory?: boolean,
 * }} Flags
 */

const EVERY_MS = 200;

const command = deviceCommand('durable-queue', 'sdk-nodejs-durableQueue', { needed: '--directory <path>' })
  .description('Publish numbers that survive the end of this process.')
  .addOption(
    new Option('--directory <path>', 'where they are kept; --local makes its own').conflicts('local'),
  )
  .option('--count <number>', 'publish so many; 0 only delivers (default: no end)', wholeNumber(0, 1_000_000))
  .option('--memory', 'keep them in memory instead, to see what a kill then costs');

await runExample(command, async ({ core, flags, signal }) => {
  await (core ? tellStory(core, flags, signal) : runDevice(flags, signal));
});

/**
 * @param {Flags} flags
 * @param {AbortSignal} signal
 */
async function runDevice(flags, signal) {
  const { directory, memory } = flags;
  if (!directory && !memory) command.error('error: --directory <path> is missing: where are they kept?');
  const offlineQueue = {
    maxMessages: Number.POSITIVE_INFINITY,
    drain: { perSecond: 5 },
    ...(directory && { store: levelStore({ directory }) }),
  };
  await withClient({ ...clientOptions(flags), offlineQueue }, async (client) => {
    console.log(`pid ${process.pid}`);
    const { messages, missing } = await client.queue.recovered;
    console.log(`recovered ${messages}, missing ${missing}`);
    // Publishing does not wait for the line: without it, what is published is kept.
    const work = Promise.all([client.connect({ signal }), publishNumbers(client, flags, signal)]);
    await Promise.race([work, aborted(signal)]);
    await client.when('live', { signal });
    await client.disconnect();
    console.log(`left in the queue: ${client.queue.queued + client.queue.inFlight}`);
  });
}

/**
 * Publishes one number after the other, from behind the last that waits.
 *
 * @param {import('aws-iot-machines').IotClient} client
 * @param {Flags} flags
 * @param {AbortSignal} signal
 */
async function publishNumbers(client, { topic, count = Number.POSITIVE_INFINITY }, signal) {
  const newest = [...client.queue].at(-1);
  const last = newest ? Number(Buffer.from(newest.payload)) : 0;
  for (let number = last + 1; number <= last + count; number++) {
    // Without the signal: Ctrl-C ends the program, and takes back nothing that was accepted.
    const { state } = await client.publish(topic, `${number}`, { qos: 1 });
    console.log(`accepted ${number}: ${state}`);
    await sleep(EVERY_MS, undefined, { signal });
  }
}
