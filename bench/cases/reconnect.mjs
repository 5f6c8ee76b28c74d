import { createIotClient, mutualTls } from 'aws-iot-machines';
import mqtt from 'mqtt';
import { startChild } from '../lib/child.mjs';
import { fixed, median, quantile } from '../lib/stats.mjs';

const CUTS = 50;
const DELAY_MS = 200;

const soon = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Each connects, and tells by the clock that all processes of a machine share when it is back. */
async function ours({ clientId, endpoint, port, ca, cert, key }) {
  const client = createIotClient({
    endpoint,
    port,
    clientId,
    ca,
    auth: mutualTls({ cert, key }),
    reconnect: { baseMs: DELAY_MS, maxMs: DELAY_MS, jitter: 'none' },
  });
  await client.connect();
  await client.subscribe('bench/+', () => {});
  await client.when('live');
  return {
    back: async () => {
      await client.when('backingOff');
      await client.when('live');
    },
    close: () => client.close(),
  };
}

async function mqttjs({ clientId, endpoint, port, ca, cert, key }) {
  const client = await mqtt.connectAsync(`mqtts://${endpoint}:${port}`, {
    clientId,
    ca,
    cert,
    key,
    reconnectPeriod: DELAY_MS,
  });
  await client.subscribeAsync('bench/+');
  return {
    back: () => new Promise((resolve) => client.once('connect', resolve)),
    close: () => client.endAsync(true),
  };
}

/** From the cut to being back, less the delay that was computed: dialing, TLS, CONNECT, resubscribing, and ourselves. */
export async function reconnect() {
  const core = await startChild(new URL('../lib/core-process.mjs', import.meta.url));
  const clients = {
    ours: await ours(await core.ask('credentials', 'ours')),
    mqttjs: await mqttjs(await core.ask('credentials', 'mqttjs')),
  };
  const beyond = { ours: [], mqttjs: [] };
  for (let cut = -3; cut < CUTS; cut++) {
    for (const [name, client] of Object.entries(clients)) {
      const back = client.back().then(() => process.hrtime.bigint());
      const at = BigInt(await core.ask('cut', name));
      const ms = Number((await back) - at) / 1e6;
      if (cut >= 0) beyond[name].push(ms - DELAY_MS);
      await soon(20);
    }
  }
  for (const client of Object.values(clients)) await client.close();
  await core.stop();
  const shown = (name) => [0, 0.5, 0.9, 1].map((q) => quantile(beyond[name], q).toFixed(1)).join(' / ');
  return [
    {
      figure: `cut to live, beyond the ${DELAY_MS} ms of backoff: min / median / 90 % / max of ${CUTS}`,
      ours: `${shown('ours')} ms`,
      peer: `mqtt.js to CONNACK ${shown('mqttjs')} ms`,
      'ours : peer': fixed(2)(median(beyond.ours) / median(beyond.mqttjs)),
    },
  ];
}
