// @ts-check
// The program of a user: a device publishes numbers, a listener receives them. It knows nothing of what happens to the line.
import { setTimeout as sleep } from 'node:timers/promises';
import { createIotClient } from 'aws-iot-machines';
import { optionsOn, TOPIC } from './line.mjs';

const PER_SECOND = 160;
/** While more than `MANY` wait, so that a slow machine is not drowned. */
const FEWER_PER_SECOND = 40;
const MANY = 1_000;
/** So much it catches up; what it missed beyond that it does not publish in a burst. */
const LATE_MS = 50;

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
    let due = performance.now();
    for (let number = 1; number <= messages; number++) {
      const perSecond = device.status.queued > MANY ? FEWER_PER_SECOND : PER_SECOND;
      due = Math.max(due + 1_000 / perSecond, performance.now() - LATE_MS);
      if (due > performance.now()) await sleep(due - performance.now());
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
