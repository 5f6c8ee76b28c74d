import { startClients } from '../lib/child.mjs';
import { startMosquitto } from '../lib/mosquitto.mjs';
import { besideRows, KINDS } from '../lib/peers.mjs';
import { interleave } from '../lib/stats.mjs';

const ROUNDS = 5;
const WARMUPS = 1;
const OPEN = 100;
const VARIANTS = [
  { qos: 0, payloadBytes: 128, count: 100_000 },
  { qos: 0, payloadBytes: 4_096, count: 50_000 },
  { qos: 1, payloadBytes: 128, count: 50_000 },
  { qos: 1, payloadBytes: 4_096, count: 25_000 },
];

/** Publishes to mosquitto, with a next publish for each that ended. */
export async function publishing() {
  const broker = await startMosquitto();
  const clients = await startClients(broker, KINDS);
  const rows = [];
  for (const variant of VARIANTS) {
    const { qos, payloadBytes, count } = variant;
    const work = { ...variant, topic: 'bench/device-1/telemetry', open: OPEN };
    const results = await interleave(
      Object.fromEntries(KINDS.map((kind) => [kind, () => clients[kind].ask('publish', work)])),
      ROUNDS,
      WARMUPS,
    );
    rows.push(...besideRows(`publish QoS ${qos}, ${payloadBytes} B`, count, results));
  }
  for (const child of [...Object.values(clients), broker]) await child.stop();
  return rows;
}
