// A device with a durable queue, as a process of its own: its orders are its one parameter. What has happened it says in lines.
import { writeSync } from 'node:fs';
import { createIotClient, type IotClient, levelStore, plainTcp } from '../../../src/index.ts';

export interface Orders {
  readonly directory: string;
  /** Of a broker on this machine; without one it never connects. */
  readonly port?: number;
  /** How many it publishes, to the topics `t1`, `t2` and so on; some at a time, as fast as the store takes them. */
  readonly publishes?: number;
  /** Of the first of these. */
  readonly expiresInMs?: number;
}

const AT_A_TIME = 7;

const say = (line: string): void => void writeSync(1, `${line}\n`);

async function run({ directory, port, publishes = 0, expiresInMs }: Orders): Promise<void> {
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

async function publish(client: IotClient, count: number, expiresInMs: number | undefined): Promise<void> {
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

await run(JSON.parse(process.argv[2] ?? '') as Orders);
