import { describe, expect, it } from 'vitest';
import { clientOf, cutLine, freshId, liveClient, useCore } from './support.ts';

const theCore = useCore();

describe('the will', () => {
  it.each<[string, object, object]>([
    ['as text', { payload: 'gone' }, { payload: Buffer.from('gone'), qos: 0, retain: false }],
    [
      'as an object, with QoS and retain',
      { payload: { gone: true }, qos: 1, retain: true },
      { payload: Buffer.from('{"gone":true}'), qos: 1, retain: true },
    ],
    ['without a payload', {}, { payload: Buffer.alloc(0) }],
  ])('is published when the line is cut: %s', async (_what, will, published) => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId, tls: true, will: { topic: `gone/${clientId}`, ...will } });
    await client.connect();
    await core.faults.dropConnections({ clientId });
    const isWill = (one: { topic: string }): boolean => one.topic === `gone/${clientId}`;
    await core.when(() => core.received.some(isWill));
    expect(core.received.find(isWill)).toMatchObject(published);
  });

  it.each(['disconnect', 'close'] as const)('is not published after %s()', async (end) => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId, will: { topic: `gone/${clientId}` } });
    await client[end]();
    await core.when(() => !core.clients.some((one) => one.clientId === clientId));
    // A later client's message comes after anything that the broker still had to say for this one.
    const later = await liveClient(core);
    await later.publish(`later/${clientId}`, 'x', { qos: 1 });
    expect(core.received.filter((one) => one.topic.endsWith(clientId))).toMatchObject([
      { topic: `later/${clientId}` },
    ]);
  });

  it('is given anew for each line', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId, will: { topic: `gone/${clientId}`, payload: 'x' } });
    for (const cuts of [1, 2]) {
      await cutLine(core, client, clientId);
      await core.when(() => core.received.filter((one) => one.topic === `gone/${clientId}`).length === cuts);
      await client.when('live');
    }
  });
});
