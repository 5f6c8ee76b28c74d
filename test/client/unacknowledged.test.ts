import { expect, it } from 'vitest';
import type { IotClient } from '../../src/index.ts';
import type { BrokerConnection } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { livePeerClient } from './peer-client.ts';
import { settled } from './support.ts';

/** Answers a ping, and returns once the client has read the answer: a message behind it has arrived. */
async function answerPing(there: BrokerConnection, client: IotClient): Promise<void> {
  await there.next('pingreq');
  const read = new Promise<void>((resolve) => {
    const remove = client.on('message', () => {
      remove();
      resolve();
    });
  });
  there.send(
    { cmd: 'pingresp' },
    { cmd: 'publish', topic: 'mark', payload: '', qos: 0, retain: false, dup: false },
  );
  await read;
}

it('fault:B-1 a broker that answers pings and discards publishes: they are sent again on a new line, once and in order', async () => {
  await using peer = await ScriptedBroker.start({ automatic: false });
  const { client, clock, there: deaf } = await livePeerClient(peer);

  const ended: string[] = [];
  const published = ['1', '2', '3'].map(async (payload) => {
    const receipt = await client.publish('a', payload, { qos: 1 });
    await receipt.delivered;
    ended.push(payload);
  });
  for (let i = 0; i < 3; i++) await deaf.next('publish');
  const lost = client.when('backingOff');
  for (let ping = 0; ping < 3; ping++) {
    clock.advance(5_000);
    await answerPing(deaf, client);
    clock.advance(5_000);
    await settled();
  }
  await lost;
  expect(client.status).toMatchObject({ reason: { code: 'OPERATION_TIMEOUT' } });
  expect(ended).toEqual([]);

  clock.advance(1_000);
  const there = await peer.connection();
  await there.accept();
  for (const payload of ['1', '2', '3']) {
    const { payload: resent, messageId } = await there.next('publish');
    expect(String(resent)).toBe(payload);
    there.send({ cmd: 'puback', messageId: messageId as number });
  }
  await Promise.all(published);
  expect(ended).toEqual(['1', '2', '3']);
  expect(there.count('publish')).toBe(3);
});
