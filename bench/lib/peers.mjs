// One row a client: what its messages cost, beside ours in the same rounds.
import { fixed, median, ratios, spread, thousands } from './stats.mjs';
import { verdict } from './table.mjs';

/** How each is called, and how much we may cost beside it. A raw socket does less than a client must: it is the limit. */
const PEERS = {
  ours: { name: 'ours' },
  raw: { name: 'raw socket with mqtt-packet' },
  mqttjs: { name: 'bare mqtt.js', budget: 0.9 },
  crt5: { name: 'aws-crt (MQTT 5)', budget: 1 },
  crt311: { name: 'aws-crt (3.1.1)', budget: 1 },
};

export const KINDS = Object.keys(PEERS);

const PORTION = 100_000;

/** Rows of what was measured: `results` has `{ cpu, wall }`, seconds for `count` messages, of each round of each client. */
export function besideRows(what, count, results) {
  const cpu = (kind) => results[kind].map((result) => result.cpu);
  return Object.entries(PEERS).map(([kind, { name, budget }]) => {
    const ratio = ratios(cpu(kind), cpu('ours'));
    return {
      what,
      client: name,
      'CPU s per 100,000': ((median(cpu(kind)) / count) * PORTION).toFixed(2),
      'messages a second': thousands(count / median(results[kind].map((result) => result.wall))),
      'ours per CPU second beside it': kind === 'ours' ? '' : spread(ratio, fixed(2)),
      ...(budget === undefined ? {} : verdict(`>= ${budget.toFixed(2)}`, median(ratio) >= budget)),
    };
  });
}
