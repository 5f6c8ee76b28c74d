// Shadows of one client in a process of its own. Arguments: which client, the port of the broker, the client id.
import { serve } from './child.mjs';
import { SHADOW_CLIENTS } from './shadow-clients.mjs';
import { quantile, stopwatch } from './stats.mjs';

const [kind, port, clientId] = process.argv.slice(2);
const client = await SHADOW_CLIENTS[kind]({ port: Number(port), clientId });
let deltas = 0;

serve({
  /** What a device does with each of its shadows: listens for deltas, gets, and reports. */
  async open({ things }) {
    for (const thing of things) {
      await client.onDelta(thing, () => {
        deltas++;
      });
      await client.update(thing, { n: 0 });
      await client.get(thing);
    }
  },
  /** Round trips, one after the other for each shadow, and all shadows at once. */
  async roundTrips({ operation, things, count }) {
    const latencies = [];
    globalThis.gc?.();
    const seconds = stopwatch();
    await Promise.all(
      things.map(async (thing) => {
        for (let n = 1; n <= count; n++) {
          const began = performance.now();
          if (operation === 'get') await client.get(thing);
          else await client.update(thing, { n });
          latencies.push(performance.now() - began);
        }
      }),
    );
    return { ...seconds(), p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), deltas };
  },
});
