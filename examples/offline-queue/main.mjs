// @ts-check
// Five may wait, seven are published while there is no line: the story that the README of the AWS IoT Device SDK for Python
// tells of its offline queue, for both drop behaviours.

import { deviceCommand, runDevice, wholeNumber } from '../support/device.mjs';

/** @typedef {import('../support/device.mjs').DeviceFlags & { perSecond: number }} Flags */
/** @typedef {import('aws-iot-machines').IotClient} IotClient */
/** @typedef {import('aws-iot-machines').IotError} IotError */

const QUEUE_SIZE = 5;
const PUBLISHES = 7;

const command = deviceCommand('offline-queue', 'sdk-nodejs-offlineQueue')
  .description(`Publish ${PUBLISHES} messages without a line, with a queue of ${QUEUE_SIZE}, then connect.`)
  .option('--per-second <number>', 'how many leave the queue each second', wholeNumber(1, 100), 2);

await runDevice(command, async ({ client, flags, signal }) => {
  const { topic, perSecond } = /** @type {Flags} */ (flags);
  for (const overflow of /** @type {const} */ (['dropOldest', 'dropNewest'])) {
    console.log(`\n${overflow}: ${PUBLISHES} publishes without a line, ${QUEUE_SIZE} may wait`);
    client.queue.configure({ maxMessages: QUEUE_SIZE, overflow, drain: { perSecond } });
    const queued = await publishAll(client, topic);
    showQueue(client);

    await client.connect({ signal });
    await client.when('draining', { signal });
    const since = performance.now();
    for (const { name, delivered } of queued) {
      const tell = () => console.log(`${name}  delivered after ${secondsSince(since)} s`);
      delivered.then(tell, () => undefined);
    }
    await client.when('live', { signal });
    // So that there is no line for the second round. It would be the same if a network took the line away.
    await client.disconnect();
  }
});

/**
 * Publishes without a line. Who is told at once that there is no room, and who later that another took the place?
 *
 * @param {IotClient} client
 * @param {string} topic
 */
async function publishAll(client, topic) {
  const queued = [];
  for (let number = 1; number <= PUBLISHES; number++) {
    const name = `pub_req${number}`;
    const tellLoss = (/** @type {IotError} */ { code, message }) =>
      console.log(`${name}  ${code}: ${message}`);
    try {
      const { state, delivered } = await client.publish(topic, name, { qos: 1 });
      console.log(`${name}  ${state}`);
      delivered.catch(tellLoss);
      queued.push({ name, delivered });
    } catch (error) {
      tellLoss(/** @type {IotError} */ (error));
    }
    if (number === QUEUE_SIZE) showQueue(client);
  }
  return queued;
}

/** @param {IotClient} client */
function showQueue(client) {
  const names = [...client.queue].map(({ payload }) => `'${Buffer.from(payload).toString()}'`);
  console.log(`HEAD [${names.join(', ')}]`);
}

/** @param {number} start */
function secondsSince(start) {
  return ((performance.now() - start) / 1_000).toFixed(1);
}
