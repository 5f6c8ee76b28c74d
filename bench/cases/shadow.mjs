import { startChild } from '../lib/child.mjs';
import { fixed, interleave, median, ratios, spread } from '../lib/stats.mjs';
import { verdict } from '../lib/table.mjs';

const ROUNDS = 7;
/** In a process that has done little, what is not compiled yet would be measured. */
const WARMUPS = 3;
const ROUND_MS = 1_500;
const NAMES = { ours: 'ours', v2: 'aws-iot-device-sdk-v2 (V2 client)' };
const SHADOWS = [1, 10];
const OPERATIONS = ['update', 'get'];

/** Round trips of shadows on one connection, on the same local core, whose own cost is in every one of them. */
export async function shadow() {
  const core = await startChild(new URL('../lib/shadow-core-process.mjs', import.meta.url));
  const rows = [];
  for (const shadows of SHADOWS) {
    const clients = await startClients(core, shadows);
    for (const operation of OPERATIONS) {
      const results = await interleave(roundsOf(clients, operation), ROUNDS, WARMUPS);
      const what = `${operation}, ${shadows} ${shadows === 1 ? 'shadow' : 'shadows'}`;
      rows.push(...rowsOf(what, results, await filtersOf(core, clients, shadows)));
    }
    for (const { client } of Object.values(clients)) await client.stop();
  }
  await core.stop();
  return rows;
}

async function startClients(core, shadows) {
  const clients = {};
  for (const kind of Object.keys(NAMES)) {
    const clientId = `${kind}-${shadows}`;
    const client = await startChild(new URL('../lib/shadow-process.mjs', import.meta.url), {
      args: [kind, String(core.ready.port), clientId],
      execArgv: ['--expose-gc'],
    });
    // A thing of its own for each client: neither hears what the other does.
    const things = Array.from({ length: shadows }, (_, n) => `${clientId}-${n}`);
    await client.ask('open', { things });
    clients[kind] = { client, clientId, things };
  }
  return clients;
}

function roundsOf(clients, operation) {
  const rounds = Object.entries(clients).map(([kind, { client, things }]) => [
    kind,
    () => client.ask('roundTrips', { operation, things, forMs: ROUND_MS }),
  ]);
  return Object.fromEntries(rounds);
}

/** What each client has subscribed, from its beginning until now. */
async function filtersOf(core, clients, shadows) {
  const filters = {};
  for (const [kind, { clientId }] of Object.entries(clients)) {
    const { most, subscribes } = await core.ask('subscriptions', clientId);
    filters[kind] = { most: most / shadows, subscribes };
  }
  return filters;
}

function rowsOf(what, results, filters) {
  const of = (kind, field) => results[kind].map((result) => result[field]);
  const shown = (kind, field, digits) => fixed(digits)(median(of(kind, field)));
  const beside = {
    rate: ratios(of('ours', 'rate'), of('v2', 'rate')),
    p50: ratios(of('v2', 'p50'), of('ours', 'p50')),
    p99: ratios(of('v2', 'p99'), of('ours', 'p99')),
    cpuMs: ratios(of('v2', 'cpuMs'), of('ours', 'cpuMs')),
  };
  const isAhead = Object.values(beside).every((all) => median(all) > 1);
  return Object.entries(NAMES).map(([kind, client]) => ({
    what,
    client,
    'round trips a second': shown(kind, 'rate', 0),
    'p50 / p99, ms': `${shown(kind, 'p50', 2)} / ${shown(kind, 'p99', 2)}`,
    'CPU ms each': shown(kind, 'cpuMs', 2),
    'never answered': of(kind, 'failed').reduce((sum, failed) => sum + failed),
    'filters per shadow, at most': fixed(1)(filters[kind].most),
    'SUBSCRIBEs so far': filters[kind].subscribes,
    ...(kind === 'ours'
      ? {}
      : {
          'ours beside it: rate, p50, p99, CPU': Object.values(beside)
            .map((all) => spread(all, fixed(2)))
            .join(', '),
          ...verdict('> 1 each', isAhead),
        }),
  }));
}
