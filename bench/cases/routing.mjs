import { startClients, startSink } from '../lib/child.mjs';
import { fixed, interleave, median, ratios, spread, thousands } from '../lib/stats.mjs';
import { verdict } from '../lib/table.mjs';

const ROUNDS = 7;
const SIZES = [10, 1_000, 10_000];
const COUNT = 100_000;
/** What still counts as flat: ten thousand filters do not fit into a processor's nearest cache, ten do. */
const FLAT = 0.8;

/** One flood of the sink; messages per CPU second of the process that received them. */
async function receive(sink, child, flood) {
  await child.ask('expect', { count: flood.count });
  await sink.ask('flood', { ...flood, payloadBytes: 64 });
  const { cpu } = await child.ask('expected');
  return flood.count / cpu;
}

/** Receive rate with many filters, each with its handler; the messages go to all of them in turn. */
export async function routing() {
  const sink = await startSink();
  const names = SIZES.map((size) => `ours-${size}`);
  const clients = await startClients(sink, names);
  const topics = Object.fromEntries(
    SIZES.map((size, i) => [names[i], Array.from({ length: size }, (_, n) => `bench/device-${n}/telemetry`)]),
  );
  const subscribing = {};
  for (const name of names) {
    // Half of them with a wildcard.
    const filters = topics[name].map((topic, n) => (n % 2 === 0 ? topic : topic.replace('telemetry', '+')));
    subscribing[name] = await clients[name].ask('subscribe', { filters });
  }
  const rates = await interleave(
    Object.fromEntries(
      names.map((name) => [
        name,
        () => receive(sink, clients[name], { clientId: name, count: COUNT, qos: 0, topics: topics[name] }),
      ]),
    ),
    ROUNDS,
    3,
  );
  for (const child of [...Object.values(clients), sink]) await child.stop();
  return names.map((name, i) => {
    const ratio = ratios(rates[name], rates[names[0]]);
    return {
      figure: `receive QoS 0, ${SIZES[i].toLocaleString('en')} filters`,
      ours: `${thousands(median(rates[name]))}/s; subscribing took ${subscribing[name].cpu.toFixed(2)} CPU s`,
      peer: i === 0 ? '' : `10 filters ${thousands(median(rates[names[0]]))}/s`,
      'ours : peer': i === 0 ? '' : spread(ratio, fixed(2)),
      ...(i === 0 ? {} : verdict(`>= ${FLAT.toFixed(2)}`, median(ratio) >= FLAT)),
    };
  });
}
