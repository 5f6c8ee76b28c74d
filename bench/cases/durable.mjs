import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startChild, startClients } from '../lib/child.mjs';
import { startMosquitto } from '../lib/mosquitto.mjs';
import { removeFolder, temporaryFolder } from '../lib/package.mjs';
import { fixed, interleave, median, ratios, spread, thousands } from '../lib/stats.mjs';

const ROUNDS = 5;
const PAYLOAD_BYTES = 128;
const POLICIES = ['never', 'everySecond', 'always'];
const STORES = {
  'ours-memory': { name: '`memoryStore()`' },
  ...Object.fromEntries(
    POLICIES.map((sync) => [`ours-${sync}`, { name: `\`levelStore\`, \`${sync}\``, sync }]),
  ),
};
const VARIANTS = [
  { open: 1, count: 1_000 },
  { open: 100, count: 20_000 },
];

/** Seconds for one message. */
const each = (results, count) => results.map(({ cpu, wall }) => ({ cpu: cpu / count, wall: wall / count }));

function row(open, name, results, memory) {
  const of = (from, what) => from.map((result) => result[what]);
  return {
    'publishes open': open,
    store: name,
    'publishes a second': thousands(1 / median(of(results, 'wall'))),
    'CPU s per 100,000': (median(of(results, 'cpu')) * 100_000).toFixed(2),
    'CPU beside memory': memory && spread(ratios(of(results, 'cpu'), of(memory, 'cpu')), fixed(2)),
  };
}

/** QoS 1 on a live line to mosquitto, by where an accepted message is kept; and what the disk itself can do. */
export async function durable() {
  const broker = await startMosquitto();
  const folder = temporaryFolder();
  const disk = await startChild(new URL('../lib/disk-process.mjs', import.meta.url), { args: [folder] });
  const names = Object.keys(STORES);
  const options = Object.fromEntries(
    POLICIES.map((sync) => [`ours-${sync}`, { store: { directory: join(folder, sync), sync } }]),
  );
  for (const { store } of Object.values(options)) mkdirSync(store.directory, { mode: 0o700 });
  const clients = await startClients(broker, names, options);
  const rows = [];
  for (const { open, count } of VARIANTS) {
    const work = { qos: 1, payloadBytes: PAYLOAD_BYTES, topic: 'bench/device-1/telemetry', count, open };
    const results = await interleave(
      {
        disk: () => disk.ask('synced', { count: VARIANTS[0].count }),
        ...Object.fromEntries(names.map((name) => [name, () => clients[name].ask('publish', work)])),
      },
      ROUNDS,
      1,
    );
    const memory = each(results['ours-memory'], count);
    for (const name of names) {
      const isMemory = name === 'ours-memory';
      rows.push(row(open, STORES[name].name, each(results[name], count), isMemory ? '' : memory));
    }
    rows.push(row(1, 'write and fdatasync, without a client', each(results.disk, VARIANTS[0].count), ''));
  }
  for (const child of [...Object.values(clients), disk, broker]) await child.stop();
  removeFolder(folder);
  return rows;
}
