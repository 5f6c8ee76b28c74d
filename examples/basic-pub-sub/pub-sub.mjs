// @ts-check
// Subscribes to a topic, and publishes a numbered message to it every second.

import { setTimeout as sleep } from 'node:timers/promises';
import { aborted } from '../support/device.mjs';

const EVERY_MS = 1_000;

/**
 * @typedef {object} PubSub
 * @property {string} topic
 * @property {'both' | 'publish' | 'subscribe'} [mode]
 * @property {string} message
 * @property {number} [count] ends after so many
 */

/**
 * @param {import('aws-iot-machines').IotClient} client
 * @param {PubSub} what
 * @param {AbortSignal} signal
 */
export async function publishAndSubscribe(client, what, signal) {
  const { topic, mode = 'both', message, count = Number.POSITIVE_INFINITY } = what;
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
}
