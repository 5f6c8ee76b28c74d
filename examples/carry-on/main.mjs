// @ts-check
// A device that carries on where it was killed: what it published is in a durable queue, and what it had subscribed and which
// deltas it had handled is in a file (notes.mjs). With --local it plays that by itself (story.mjs).

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { levelStore } from 'aws-iot-machines';
import { Option } from 'commander';
import {
  aborted,
  clientOptions,
  deviceCommand,
  runExample,
  thingOption,
  wholeNumber,
  withClient,
} from '../support/device.mjs';
import { tell } from '../support/tell.mjs';
import { noteTaker, readNotes } from './notes.mjs';
import { tellStory } from './story.mjs';

/**
 * @typedef {import('../support/device.mjs').DeviceFlags & {
 *   directory?: string, count?: number, forget?: boolean,
 * }} Flags
 */

const EVERY_MS = 200;
/** How long the part of the app that takes orders needs until it comes for them. */
const LATE_MS = 1_000;

const command = deviceCommand('carry-on', 'sdk-nodejs-carryOn', { needed: '--directory <path>' })
  .description('Publish numbers, take orders and do what two shadows desire, also after a kill -9.')
  .addOption(thingOption())
  .addOption(
    new Option('--directory <path>', 'what is kept for the next start; --local makes its own').conflicts(
      'local',
    ),
  )
  .option('--count <number>', 'publish so many; 0 only delivers (default: no end)', wholeNumber(0, 1_000_000))
  .option('--forget', 'do not read what the start before has written down, to see what that costs');

await runExample(command, async ({ core, flags, signal }) => {
  await (core ? tellStory(core, flags, signal) : runDevice(flags, signal));
});

/**
 * @param {Flags} flags
 * @param {AbortSignal} signal
 */
async function runDevice(flags, signal) {
  const { directory, forget, thingName } = flags;
  if (!directory) {
    return command.error('error: --directory <path> is missing: where is it kept what the next start needs?');
  }
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'client.json');
  const resume = forget ? undefined : readNotes(file);
  const options = {
    ...clientOptions(flags),
    offlineQueue: {
      maxMessages: Number.POSITIVE_INFINITY,
      drain: { perSecond: 5 },
      store: levelStore({ directory: join(directory, 'queue') }),
    },
    ...(resume && { resume }),
  };
  await withClient(options, async (client) => {
    const takeNotes = noteTaker(client, file);
    const { messages } = await client.queue.recovered;
    tell('device', `pid ${process.pid}, recovered ${messages}`);
    const shadows = ['light', 'fan'].map((name) => client.shadow(thingName, { name }));
    for (const shadow of shadows) {
      shadow.onDelta(({ state, version }) => {
        tell('device', `${shadow.name} does ${JSON.stringify(state)}, version ${version}`);
        // It reports nothing, so this stays desired: as with a device that is killed between doing and reporting.
        // Handled is a delta when its handler has ended, so the notes are taken a turn later.
        setImmediate(takeNotes);
      });
    }
    const work = Promise.all([
      client.connect({ signal }),
      publishNumbers(client, flags, signal),
      takeOrders(client, flags, signal).then(takeNotes),
      ...shadows.map((shadow) => shadow.whenSynced({ signal })),
    ]);
    await Promise.race([work, aborted(signal)]);
    await client.when('live', { signal });
    await client.disconnect();
    tell('device', `left in the queue: ${client.queue.queued + client.queue.inFlight}`);
  });
}

/**
 * A part of an app that takes its time: until it comes, orders for it wait, if the client knows that it will.
 *
 * @param {import('aws-iot-machines').IotClient} client
 * @param {Flags} flags
 * @param {AbortSignal} signal
 */
async function takeOrders(client, { topic }, signal) {
  await client.when('live', { signal });
  await sleep(LATE_MS, undefined, { signal });
  tell('device', 'comes for its orders');
  await client.subscribe(`${topic}/orders`, { qos: 1, signal }, (message) => {
    tell('device', `takes the order ${message.text()}`);
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
    const { state } = await client.publish(`${topic}/numbers`, `${number}`, { qos: 1 });
    tell('device', `accepted ${number}: ${state}`);
    await sleep(EVERY_MS, undefined, { signal });
  }
}
