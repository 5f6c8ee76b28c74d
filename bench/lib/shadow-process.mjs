// Shadows of one client in a process of its own. Arguments: which client, the port of the broker, the client id.
import { serve } from './child.mjs';
import { SHADOW_CLIENTS } from './shadow-clients.mjs';
import { quantile, stopwatch } from './stats.mjs';

const [kind, port, clientId] = process.argv.slice(2);
const client = await SHADOW_CLIENTS[kind]({ port: Number(port), clientId });

serve({
  /** What a device does with each of its shadows: listens for deltas, gets, and reports. */
  async open({ things }) {
    for (const thing of things) {
      await client.onDelta(thing, () => {});
      await client.update(thing, { n: 0 });
      await client.get(thing);
    }
  },
  /** Round trips for so long: one after the other for each shadow, and all shadows at once. */
  async roundTrips({ operation, things, forMs }) {
    const latencies = [];
    let failed = 0;
    globalThis.gc?.();
    const seconds = stopwatch();
    const end = performance.now() + forMs;
    await Promise.all(
      things.map(async (thing) => {
        for (let n = 1, began = performance.now(); began < end; n++) {
          try {
            await (operation === 'get' ? client.get(thing) : client.update(thing, { n }));
            latencies.push(performance.now() - began);
          } catch {
            failed++;
          }
          began = performance.now();
        }
      }),
    );
    const { cpu, wall } = seconds();
    const count = latencies.length;
    return {
      rate: count / wall,
      cpuMs: (cpu / count) * 1_000,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      failed,
    };
  },
});
