// What one more message costs, by how many wait already: to add, to add where one is evicted for it, and to send and
// acknowledge; and what each takes of the heap. The outbox has no entry point of its own, so it is taken from the file of the
// installed package; and beside it `publish` of an offline client, which everybody has.
// Argument: how many wait.
import { createIotClient, plainTcp } from 'aws-iot-machines';
import { stopwatch } from './stats.mjs';

const outboxFile = new URL('delivery/outbox.js', import.meta.resolve('aws-iot-machines'));
const { Outbox } = await import(outboxFile.href);

const WAITING = Number(process.argv[2]);
/** So many of each are measured, at any length. */
const MEASURED = Math.max(200_000, WAITING);
/** So many are put beside those that wait, and taken out again. */
const PROBE = 1_000;
const MESSAGE = { topic: 'bench/device-1/telemetry', payload: 'x'.repeat(64), qos: 1, retain: false };
const NOWHERE = { maxMessages: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY };
const clock = { now: () => performance.now(), setTimeout, clearTimeout };
const observer = { queued() {}, delivered() {}, failed() {} };
const ended = new Error('measured');

function filled(limits, waiting) {
  const outbox = new Outbox({ clock, enabled: true, overflow: 'dropNewest', ...NOWHERE, ...limits });
  for (let i = 0; i < waiting; i++) outbox.add(MESSAGE, observer);
  return outbox;
}

const nanoseconds = ({ cpu }, count) => (cpu * 1e9) / count;

function addCost(waiting, measured) {
  const outbox = filled({}, waiting);
  globalThis.gc();
  let sum = 0;
  for (let done = 0; done < measured; done += PROBE) {
    const entries = [];
    const seconds = stopwatch();
    for (let i = 0; i < PROBE; i++) entries.push(outbox.add(MESSAGE, observer));
    sum += nanoseconds(seconds(), measured);
    for (const entry of entries) outbox.end(entry, ended);
  }
  return sum;
}

/** Each evicts the oldest, and is the newest. */
function evictCost(waiting, measured) {
  const outbox = filled({ maxMessages: waiting, overflow: 'dropOldest' }, waiting);
  globalThis.gc();
  const seconds = stopwatch();
  for (let i = 0; i < measured; i++) outbox.add(MESSAGE, observer);
  return nanoseconds(seconds(), measured);
}

/** Until all that waited are acknowledged: a window at a time, in as many outboxes as it takes to be measured. */
function drainCost(waiting, measured) {
  const outboxes = Array.from({ length: Math.ceil(measured / waiting) }, () => filled({}, waiting));
  globalThis.gc();
  const seconds = stopwatch();
  for (const outbox of outboxes) drain(outbox);
  return nanoseconds(seconds(), waiting * outboxes.length);
}

function drain(outbox) {
  let open = [];
  const wire = { receiveMaximum: 100, publish: (_message, done) => open.push(done) };
  outbox.setFlow('free');
  outbox.attach(wire);
  while (open.length > 0) {
    const answered = open;
    open = [];
    for (const done of answered) done();
  }
  if (outbox.waiting + outbox.inFlight > 0) throw new Error('not drained');
}

function used() {
  for (let i = 0; i < 4; i++) globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Of many outboxes when few wait in each, because one alone is too small to be seen. */
function heapBytes(waiting) {
  const number = Math.ceil(10_000 / waiting);
  const outboxes = [];
  const before = used();
  for (let i = 0; i < number; i++) outboxes.push(filled({}, waiting));
  const bytes = used() - before;
  return bytes / outboxes.reduce((sum, outbox) => sum + outbox.waiting, 0);
}

async function publishCosts(waiting, measured) {
  const client = createIotClient({
    endpoint: '127.0.0.1',
    clientId: 'bench',
    auth: plainTcp(),
    offlineQueue: NOWHERE,
  });
  const before = used();
  await publish(client, waiting);
  const bytes = (used() - before) / waiting;
  const seconds = stopwatch();
  await publish(client, measured);
  return { publish: nanoseconds(seconds(), measured), publishHeap: bytes };
}

async function publish(client, count) {
  for (let i = 0; i < count; i++) await client.publish(MESSAGE.topic, MESSAGE.payload, { qos: 1 });
}

// Once, so that all is compiled.
for (const cost of [addCost, evictCost, drainCost]) cost(PROBE, 100_000);
await publishCosts(PROBE, 50_000);

const costs = {
  add: addCost(WAITING, MEASURED),
  evict: evictCost(WAITING, MEASURED),
  drain: drainCost(WAITING, MEASURED),
  heap: heapBytes(WAITING),
};
process.send({ ready: { ...costs, ...(await publishCosts(WAITING, 50_000)) } });
