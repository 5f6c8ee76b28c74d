import { startClients } from '../lib/child.mjs';
import { startMosquitto } from '../lib/mosquitto.mjs';
import { besideRows, KINDS } from '../lib/peers.mjs';
import { interleave } from '../lib/stats.mjs';

const ROUNDS = 5;
const WARMUPS = 1;
const OPEN = 100;
const PUBLISHER = 'raw-publisher';
const VARIANTS = [
  { qos: 0, payloadBytes: 128, count: 100_000 },
  { qos: 0, payloadBytes: 4_096, count: 50_000 },
  { qos: 1, payloadBytes: 128, count: 50_000 },
  { qos: 1, payloadBytes: 4_096, count: 25_000 },
];

const topicOf = (kind) => `bench/${kind}/telemetry`;

/** Receives from mosquitto what a raw socket publishes there: one subscription with a wildcard, one handler. */
export async function receiving() {
  const broker = await startMosquitto();
  const clients = await startClients(broker, [...KINDS, PUBLISHER]);
  for (const kind of KINDS) await clients[kind].ask('subscribe', { filters: [`bench/${kind}/+`] });
  const receive = async (kind, variant) => {
    await clients[kind].ask('expect', { count: variant.count });
    await clients[PUBLISHER].ask('publish', { ...variant, topic: topicOf(kind), open: OPEN });
    return await clients[kind].ask('expected');
  };
  const rows = [];
  for (const variant of VARIANTS) {
    const { qos, payloadBytes, count } = variant;
    const results = await interleave(
      Object.fromEntries(KINDS.map((kind) => [kind, () => receive(kind, variant)])),
      ROUNDS,
      WARMUPS,
    );
    rows.push(...besideRows(`receive QoS ${qos}, ${payloadBytes} B`, count, results));
  }
  for (const child of [...Object.values(clients), broker]) await child.stop();
  return rows;
}
