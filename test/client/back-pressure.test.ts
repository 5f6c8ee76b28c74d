import { expect, it } from 'vitest';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { livePeerClient } from './peer-client.ts';
import { closeNow, failureOf, settled } from './support.ts';

const MIB = 1024 * 1024;
const packetMemory = (): number => process.memoryUsage().arrayBuffers;

it('a broker that reads nothing: QoS 0 fills the queue and not the memory, and all of it ends at close', async () => {
  await using peer = await ScriptedBroker.start({ automatic: false });
  const { client, clock, there } = await livePeerClient(peer, { offlineQueue: { maxBytes: 32 * MIB } });
  there.stream.pause();

  // A text is kept as it is: only the packets that are written take memory of their own.
  const payload = 'x'.repeat(100_000);
  const before = packetMemory();
  const outcomes: (string | undefined)[] = [];
  const all = Array.from({ length: 2_000 }, async (_, index) => {
    const published = client.publish('a', payload, { qos: 0 }).then((receipt) => receipt.delivered);
    outcomes[index] = await published.then(
      () => 'delivered',
      async () => (await failureOf(published)).code,
    );
  });
  await settled();
  // The buffers of the kernel take some megabytes and make room for as many.
  expect(packetMemory() - before).toBeLessThan(24 * MIB);
  const refused = outcomes.filter((outcome) => outcome === 'QUEUE_FULL').length;
  expect(refused).toBeGreaterThan(1_500);
  expect(refused).toBeLessThan(2_000 - (32 * MIB) / 100_001);

  await closeNow(client, clock);
  await Promise.all(all);
  expect(new Set(outcomes)).toEqual(new Set(['delivered', 'QUEUE_FULL', 'CLOSED']));
});
