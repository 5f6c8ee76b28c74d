import { startClients, startSink } from '../lib/child.mjs';
import { fixed, interleave, median, ratios, spread, thousands } from '../lib/stats.mjs';

const ROUNDS = 9;
const VARIANTS = [
  { qos: 0, count: 100_000 },
  { qos: 1, count: 50_000 },
];

/** One flood of the sink; messages per CPU second of the process that received them. */
export async function receive(sink, child, { clientId, ...flood }) {
  await child.ask('expect', { count: flood.count });
  await Promise.all([sink.ask('flood', { ...flood, clientId, payloadBytes: 64 }), child.ask('expected')]);
  return await child.ask('expected');
}

/** Receive rate per CPU second, 64 bytes, one subscription with one handler. */
export async function receiving() {
  const sink = await startSink();
  const clients = await startClients(sink, ['ours', 'mqttjs']);
  for (const client of Object.values(clients))
    await client.ask('subscribe', { filters: ['bench/+/telemetry'] });
  const rows = [];
  for (const { qos, count } of VARIANTS) {
    const flood = { count, qos, topics: ['bench/device-1/telemetry'] };
    const rates = await interleave(
      {
        ours: () => receive(sink, clients.ours, { clientId: 'ours', ...flood }),
        mqttjs: () => receive(sink, clients.mqttjs, { clientId: 'mqttjs', ...flood }),
      },
      ROUNDS,
      3,
    );
    const ratio = ratios(rates.ours, rates.mqttjs);
    rows.push({
      figure: `receive QoS ${qos}`,
      ours: `${thousands(median(rates.ours))}/s`,
      peer: `mqtt.js ${thousands(median(rates.mqttjs))}/s`,
      ratio: spread(ratio, fixed(2)),
      budget: '>= 0.90',
      met: median(ratio) >= 0.9,
    });
  }
  for (const child of [...Object.values(clients), sink]) await child.stop();
  return rows;
}
