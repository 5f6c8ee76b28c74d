import { describe, expect, it } from 'vitest';
import { clientOf, freshId, liveClient, useCore } from './support.ts';

const theCore = useCore();

describe('await using', () => {
  it('closes the client at the end of the block, with DISCONNECT', async () => {
    const core = theCore();
    const clientId = freshId();
    const outer = { client: clientOf(core, { clientId }) };
    {
      await using client = outer.client;
      await client.connect();
    }
    expect(outer.client.status.state).toBe('closed');
    expect(core.tap.packets({ packet: 'disconnect', clientId })).toHaveLength(1);
  });

  it('closes it when the block throws', async () => {
    const outer = { client: clientOf(theCore()) };
    const block = async (): Promise<void> => {
      await using client = outer.client;
      await client.connect();
      throw new Error('boom');
    };
    await expect(block()).rejects.toThrow('boom');
    expect(outer.client.status.state).toBe('closed');
  });

  it('may come after close(), and close() after it', async () => {
    const client = await liveClient(theCore());
    await client.close();
    await client[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    await client.close();
  });

  it('ends a subscription', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    {
      await using subscription = await client.subscribe('a', () => undefined);
      expect(subscription.state).toBe('granted');
    }
    expect(core.clients.find((one) => one.clientId === clientId)?.subscriptions).toEqual([]);
  });
});
