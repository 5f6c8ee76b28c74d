import { startClients, startSink } from '../lib/child.mjs';
import { fixed, interleave, median, ratios, spread, thousands } from '../lib/stats.mjs';

const OUTSTANDING = 100;
const ROUNDS = 9;
const VARIANTS = [
  { qos: 0, mode: 'bounded', count: 100_000, how: `not awaited, at most ${OUTSTANDING} open` },
  { qos: 0, mode: 'batched', count: 100_000, how: `awaited ${OUTSTANDING} at a time` },
  { qos: 1, mode: 'bounded', count: 40_000, how: `not awaited, at most ${OUTSTANDING} open` },
  { qos: 1, mode: 'batched', count: 40_000, how: `awaited ${OUTSTANDING} at a time` },
];

const NAMES = { mqttjs: 'mqtt.js', crt5: 'aws-crt (MQTT 5)', crt311: 'aws-crt (3.1.1)' };
const BUDGETS = { mqttjs: 0.9, crt5: 1, crt311: 1 };

/** Publish rate per CPU second of the client process, 64 bytes, beside each of the peers. */
async function publishBeside(peers) {
  const sink = await startSink();
  const kinds = ['ours', ...peers];
  const children = await startClients(sink, kinds);
  const rows = [];
  for (const { qos, mode, count, how } of VARIANTS) {
    const work = { mode, qos, count: count, payloadBytes: 64, batch: OUTSTANDING, bound: OUTSTANDING };
    const rates = await interleave(
      Object.fromEntries(kinds.map((kind) => [kind, () => children[kind].ask('publish', work)])),
      ROUNDS,
      3,
    );
    for (const peer of peers) {
      const ratio = ratios(rates.ours, rates[peer]);
      rows.push({
        figure: `publish QoS ${qos}, ${how}`,
        ours: `${thousands(median(rates.ours))}/s`,
        peer: `${NAMES[peer]} ${thousands(median(rates[peer]))}/s`,
        ratio: spread(ratio, fixed(2)),
        budget: `>= ${BUDGETS[peer].toFixed(2)}`,
        met: median(ratio) >= BUDGETS[peer],
      });
    }
  }
  for (const child of [...Object.values(children), sink]) await child.stop();
  return rows;
}

export const publish = () => publishBeside(['mqttjs']);
export const publishBesideCrt = () => publishBeside(['crt5', 'crt311']);
