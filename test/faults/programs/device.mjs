// A device with a durable queue, as a process of its own, on the package at the address that is its first parameter. Its
// orders are the second one. What has happened it says in lines.
import { writeSync } from 'node:fs';

const AT_A_TIME = 7;

const [, , address = '', orders = ''] = process.argv;
/** @type {import('../../../src/index.ts')} */
const { createIotClient, levelStore, plainTcp } = await import(address);

/** @type {(line: string) => void} */
const say = (line) => void writeSync(1, `${line}\n`);

/** @param {import('../support/device-process.ts').Orders} orders */
async function run({ directory, port, publishes = 0, expiresInMs }) {
  const client = createIotClient({
    ...{ endpoint: '127.0.0.1', port: port ?? 1, clientId: 'device', auth: plainTcp() },
    offlineQueue: {
      maxMessages: Number.POSITIVE_INFINITY,
      drain: { perSecond: Number.POSITIVE_INFINITY },
      store: levelStore({ directory, sync: 'never' }),
    },
  });
  client.on('message', ({ topic }) => say(`got ${topic}`));
  say('opening');
  const { messages, missing } = await client.queue.recovered;
  say(`recovered ${messages}, missing ${missing}`);
  if (port !== undefined) {
    await client.subscribe('orders', () => undefined);
    await client.connect();
    await client.when('live');
    say('live');
  }
  await publish(client, publishes, expiresInMs);
  say('done');
}

/** @type {(client: import('../../../src/index.ts').IotClient, count: number, expiresInMs?: number) => Promise<void>} */
async function publish(client, count, expiresInMs) {
  for (let number = 1; number <= count; number += AT_A_TIME) {
    const last = Math.min(number + AT_A_TIME - 1, count);
    const calls = Array.from({ length: last - number + 1 }, async (_, index) => {
      const expires = number + index === 1 && expiresInMs !== undefined ? { expiresInMs } : {};
      await client.publish(`t${number + index}`, 'x'.repeat(100), { qos: 1, ...expires });
      say(`kept ${number + index}`);
    });
    await Promise.all(calls);
  }
}

await run(JSON.parse(orders));
