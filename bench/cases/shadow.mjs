import { startChild } from '../lib/child.mjs';
import { fixed, interleave, median, ratios, spread } from '../lib/stats.mjs';
import { verdict } from '../lib/table.mjs';

const ROUNDS = 9;
const ROUND_TRIPS = 2_000;
const NAMES = { ours: 'ours', v2: 'aws-iot-device-sdk-v2 (V2 client)' };

/** Round trips of shadows on one connection, on the same local core, whose own cost is in every one of them. */
export async function shadow() {
  const core = await startChild(new URL('../lib/shadow-core-process.mjs', import.meta.url));
  const rows = [];
  for (const shadows of [1, 10]) {
    const clients = {};
    const filters = {};
    for (const kind of Object.keys(NAMES)) {
      const clientId = `${kind}-${shadows}`;
      const client = await startChild(new URL('../lib/shadow-process.mjs', import.meta.url), {
        args: [kind, String(core.ready.port), clientId],
        execArgv: ['--expose-gc'],
      });
      // A thing of its own for each client: neither hears what the other does.
      const things = Array.from({ length: shadows }, (_, n) => `${clientId}-${n}`);
      await client.ask('open', { things });
      filters[kind] = (await core.ask('subscriptions', clientId)).length / shadows;
      clients[kind] = { client, things };
    }
    for (const operation of ['update', 'get']) {
      const count = ROUND_TRIPS / shadows;
      const results = await interleave(
        Object.fromEntries(
          Object.entries(clients).map(([kind, { client, things }]) => [
            kind,
            () => client.ask('roundTrips', { operation, things, count }),
          ]),
        ),
        ROUNDS,
      );
      rows.push(...rowsOf(`${operation}, ${shadows === 1 ? '1 shadow' : `${shadows} shadows`}`, results, filters));
    }
    for (const { client } of Object.values(clients)) await client.stop();
  }
  await core.stop();
  return rows;
}

function rowsOf(what, results, filters) {
  const of = (kind, field) => results[kind].map((result) => result[field]);
  return Object.entries(NAMES).map(([kind, client]) => {
    const beside = (field) => median(ratios(of(kind, field), of('ours', field)));
    const ahead = Math.min(beside('wall'), beside('p50'), beside('p99'), beside('cpu'));
    return {
      what,
      client,
      'round trips a second': Math.round(ROUND_TRIPS / median(of(kind, 'wall'))),
      'p50, p99 in ms': `${median(of(kind, 'p50')).toFixed(2)}, ${median(of(kind, 'p99')).toFixed(2)}`,
      'CPU ms each': ((median(of(kind, 'cpu')) / ROUND_TRIPS) * 1_000).toFixed(3),
      'subscriptions per shadow': filters[kind],
      ...(kind === 'ours'
        ? {}
        : {
            'ours: rate, p50, p99, CPU': ['wall', 'p50', 'p99', 'cpu']
              .map((field) => spread(ratios(of(kind, field), of('ours', field)), fixed(2)))
              .join(', '),
            ...verdict('> 1 each', ahead > 1 && filters[kind] > filters.ours),
          }),
    };
  });
}
