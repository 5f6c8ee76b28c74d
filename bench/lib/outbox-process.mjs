// What it costs to add one more message, by how many wait already. The outbox has no entry point of its own, so it is
// taken from the file of the installed package; and beside it `publish` of an offline client, which everybody has.
import { createIotClient, plainTcp } from 'aws-iot-machines';

const outboxFile = new URL('delivery/outbox.js', import.meta.resolve('aws-iot-machines'));
const { Outbox } = await import(outboxFile.href);

const PROBE = 2_000;
const PROBES = 100;
const MESSAGE = { topic: 'bench/device-1/telemetry', payload: 'x'.repeat(64), qos: 1, retain: false };
const unbounded = {
  maxMessages: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  overflow: 'dropNewest',
};
const clock = { now: () => performance.now(), setTimeout, clearTimeout };
const observer = { queued() {}, delivered() {}, failed() {} };
const ended = new Error('measured');

/** An outbox, and the least that could stand in its place: a plain object a message at the end of an array. */
function outboxOf() {
  const outbox = new Outbox({ clock, enabled: true, ...unbounded });
  return {
    size: () => outbox.waiting,
    add: () => outbox.add(MESSAGE, observer),
    takeBack: (entries) => {
      for (const entry of entries) outbox.end(entry, ended);
    },
  };
}

function arrayOf() {
  const array = [];
  return {
    size: () => array.length,
    add: () => {
      const entry = { message: MESSAGE, observer, place: 'waiting', bytes: 64, writes: 0, line: undefined };
      array.push(entry);
      return entry;
    },
    takeBack: (entries) => {
      array.length -= entries.length;
    },
  };
}

/** Nanoseconds of CPU for each of the probed adds; what is probed is taken out again. */
function addCost(queue) {
  let nanoseconds = 0;
  for (let probe = 0; probe < PROBES; probe++) {
    const entries = [];
    const start = process.cpuUsage();
    for (let i = 0; i < PROBE; i++) entries.push(queue.add());
    const { user, system } = process.cpuUsage(start);
    nanoseconds += (user + system) * 1_000;
    queue.takeBack(entries);
  }
  return nanoseconds / (PROBE * PROBES);
}

const sizes = process.argv.slice(2).map(Number);
const costs = Object.fromEntries(sizes.map((size) => [size, {}]));
for (const [name, make] of Object.entries({ add: outboxOf, array: arrayOf })) {
  addCost(make());
  const queue = make();
  for (const size of sizes) {
    while (queue.size() < size) queue.add();
    globalThis.gc();
    costs[size][name] = addCost(queue);
  }
}

function offlineClient() {
  const { maxMessages, maxBytes } = unbounded;
  return createIotClient({
    endpoint: '127.0.0.1',
    clientId: 'bench',
    auth: plainTcp(),
    offlineQueue: { maxMessages, maxBytes },
  });
}

async function publish(client, count) {
  for (let i = 0; i < count; i++) await client.publish(MESSAGE.topic, MESSAGE.payload, { qos: 1 });
}

await publish(offlineClient(), 100_000);
const client = offlineClient();
for (const size of sizes) {
  await publish(client, size - client.status.queued);
  globalThis.gc();
  const start = process.cpuUsage();
  await publish(client, 20 * PROBE);
  const { user, system } = process.cpuUsage(start);
  costs[size].publish = ((user + system) * 1_000) / (20 * PROBE);
}
process.send({ ready: costs });
