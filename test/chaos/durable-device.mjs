// @ts-check
// The program of a user that is killed: it publishes numbers as fast as its durable queue keeps them, until much waits. What it
// knows it says to the third descriptor at once, so that what was said is true whenever it dies; its orders come in one piece on
// stdin.
import { readFileSync, writeSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { createIotClient, levelStore } from 'aws-iot-machines';
import { optionsOn, TOPIC } from './line.mjs';

/**
 * @typedef {object} Orders
 * @property {import('./line.mjs').Line} line
 * @property {string} directory
 * @property {'always' | 'everySecond' | 'never'} sync
 * @property {number} life which process of the device this is
 * @property {boolean} publishes else it only delivers what it finds, and ends
 * @property {number} payloadBytes
 */

const REPORT = 3;
const PUBLISHING_AT_ONCE = 50;
/** One life gathers no more than this: else more is published than the broker takes, and no drain ever ends. */
const ENOUGH = 2_000;

/** @type {Orders} */
const { line, directory, sync, life, publishes, payloadBytes } = JSON.parse(readFileSync(0, 'utf8'));
const say = (/** @type {string} */ text) => writeSync(REPORT, `${text}\n`);

say('opening');
const client = createIotClient({
  ...optionsOn(line),
  offlineQueue: {
    maxMessages: Number.POSITIVE_INFINITY,
    maxBytes: Number.POSITIVE_INFINITY,
    drain: { perSecond: 3_000 },
    store: levelStore({ directory, sync }),
  },
});
client.on('status', ({ state }) => say(`status ${state}`));
client.on('warning', ({ message }) => console.log(`life ${life} warns: ${message}`));
client.on('undelivered', ({ error }) => console.log(`life ${life} did not deliver: ${error.message}`));
client.on('storeError', ({ error }) => console.log(`life ${life}, its store: ${error.message}`));
let mostQueued = ENOUGH;
client.queue.recovered.then(
  ({ messages, missing }) => {
    mostQueued += messages;
    say(`recovered ${messages} ${missing}`);
  },
  (error) => say(`refused ${life}-0 ${error.code}`),
);
const isConnected = client.connect();

if (publishes) {
  const padding = '.'.repeat(payloadBytes);
  let number = 0;
  const publishAll = async () => {
    for (;;) {
      while (client.queue.queued > mostQueued) await sleep(5);
      const id = `${life}-${++number}`;
      say(`called ${id}`);
      try {
        await client.publish(`${TOPIC}${id}`, `${id} ${padding}`, { qos: 1 });
        say(`kept ${id}`);
        // An app has other things to do too.
        await nextTurn();
      } catch (error) {
        say(`refused ${id} ${String(error)}`);
        await sleep(10);
      }
    }
  };
  for (let index = 0; index < PUBLISHING_AT_ONCE; index++) void publishAll();
} else {
  await client.queue.recovered;
  await isConnected;
  while (client.status.state !== 'live' || client.queue.queued + client.queue.inFlight > 0) await sleep(5);
  say('emptied');
  await client.close();
}
