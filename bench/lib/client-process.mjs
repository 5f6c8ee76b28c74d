// One client in a process of its own: the CPU seconds of this process are the client's.
// Arguments: which client, the port of the broker, the client id, and more options of the client in JSON.
import { serve } from './child.mjs';
import { CLIENTS } from './clients.mjs';
import { stopwatch } from './stats.mjs';

const [kind, port, clientId, options] = process.argv.slice(2);
const client = await CLIENTS[kind]({ ...JSON.parse(options), port: Number(port), clientId });

/** What is being received now. */
let receiving;
let count = 0;

function onMessage() {
  count++;
  if (count === receiving?.count) receiving.resolve(receiving.seconds());
}

/** Publishes `count` messages with at most `open` without their end; `send(done)` starts one. */
function publish(count, open, send) {
  return new Promise((resolve) => {
    let sent = 0;
    let ended = 0;
    let isPumping = false;
    const done = () => {
      ended++;
      if (ended === count) resolve();
      else if (!isPumping) pump();
    };
    // Some clients call back inside of the call: the loop then goes on by itself.
    const pump = () => {
      isPumping = true;
      while (sent < count && sent - ended < open) {
        sent++;
        send(done);
      }
      isPumping = false;
    };
    pump();
  });
}

serve({
  /** Seconds of CPU and of the clock until all were published. */
  async publish({ topic, payloadBytes, qos, count, open }) {
    const payload = 'x'.repeat(payloadBytes);
    globalThis.gc?.();
    const seconds = stopwatch();
    await publish(count, open, (done) => client.publish(topic, payload, qos, done));
    return seconds();
  },
  /** Seconds, the same. */
  async subscribe({ filters }) {
    const seconds = stopwatch();
    // In portions, so that the event loop can answer in between.
    for (let i = 0; i < filters.length; i += 500)
      await client.subscribe(filters.slice(i, i + 500), onMessage);
    return seconds();
  },
  expect(input) {
    globalThis.gc?.();
    count = 0;
    receiving = { count: input.count, seconds: stopwatch() };
    receiving.done = new Promise((resolve) => {
      receiving.resolve = resolve;
    });
  },
  /** Seconds, the same, until all that were expected had come. */
  expected: () => receiving.done,
});
