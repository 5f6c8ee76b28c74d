// One client in a process of its own: the CPU seconds of this process are the client's.
// Arguments: which client, the port of the sink, the client id.
import { serve } from './child.mjs';
import { CLIENTS } from './clients.mjs';
import { cpuSeconds } from './stats.mjs';

const [kind, port, clientId] = process.argv.slice(2);
const client = await CLIENTS[kind]({ port: Number(port), clientId });

/** What is being received now. */
let receiving;
let count = 0;

function onMessage() {
  count++;
  if (count === receiving?.count) receiving.resolve(cpuSeconds(receiving.start));
}

serve({
  /** Publishes; the result is messages per CPU second. */
  async publish({ mode, payloadBytes, ...rest }) {
    const payload = 'x'.repeat(payloadBytes);
    globalThis.gc?.();
    const start = process.cpuUsage();
    await client[mode]({ ...rest, topic: 'bench/device-1/telemetry', payload });
    return rest.count / cpuSeconds(start);
  },
  async subscribe({ filters }) {
    const start = process.cpuUsage();
    // In portions, so that the event loop can answer in between.
    for (let i = 0; i < filters.length; i += 500)
      await client.subscribe(filters.slice(i, i + 500), onMessage);
    return cpuSeconds(start);
  },
  expect(input) {
    count = 0;
    receiving = { count: input.count, start: process.cpuUsage() };
    receiving.done = new Promise((resolve) => {
      receiving.resolve = resolve;
    });
  },
  /** Messages per CPU second, once all that were expected have come. */
  async expected() {
    return receiving.count / (await receiving.done);
  },
});
