// @ts-check
// The program of a user: a device publishes numbers, a listener receives them. It knows nothing of what happens to the line.
import { setTimeout as sleep } from 'node:timers/promises';
import { createIotClient } from 'aws-iot-machines';
import { optionsOn, TOPIC } from './line.mjs';

const PER_SECOND = 160;

/**
 * Publishes so many numbers. `tell` hears what becomes of each.
 *
 * @param {(clientId: string) => Promise<import('./line.mjs').Line>} line
 * @param {number} messages
 * @param {(what: 'accepted' | 'delivered' | 'rejected' | 'received', id: string, error?: Error) => void} tell
 */
export async function publishNumbers(line, messages, tell) {
  const offlineQueue = { maxMessages: Number.POSITIVE_INFINITY, drain: { perSecond: 1_000 } };
  const listener = createIotClient({ ...optionsOn(await line('listener')), session: 'persistent' });
  const device = createIotClient({ ...optionsOn(await line('device')), offlineQueue });
  await listener.connect();
  await listener.subscribe(`${TOPIC}+`, { qos: 1 }, (message) => tell('received', message.text()));
  await device.connect();
  const publish = async (/** @type {number} */ number) =>
    (await device.publish(`${TOPIC}${number}`, number, { qos: 1 })).delivered;
  const progress = { published: 0 };
  void (async () => {
    const began = performance.now();
    while (progress.published < messages) {
      const aheadMs = (progress.published * 1_000) / PER_SECOND - (performance.now() - began);
      if (aheadMs > 0) await sleep(aheadMs);
      const number = progress.published + 1;
      tell('accepted', `${number}`);
      publish(number).then(
        () => tell('delivered', `${number}`),
        (error) => tell('rejected', `${number}`, error),
      );
      progress.published = number;
    }
  })();
  return { device, listener, progress };
}
