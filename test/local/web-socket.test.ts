import { describe, expect, it } from 'vitest';
import { createIotClient } from '../../src/index.ts';
import { startCore } from './support.ts';

describe('MQTT over WebSocket on the local core', () => {
  it('carries messages of a client that signs with keys of this core', async () => {
    const core = await startCore();
    const client = createIotClient(core.webSocketOptions('lamp'));
    await client.connect();
    const receipt = await client.publish('a', 'b', { qos: 1 });
    expect(receipt.state).toBe('delivered');
    expect(core.clients).toMatchObject([{ clientId: 'lamp' }]);
    await client.close();
    await core.when(() => core.connections.length === 0);
    expect(core.warnings).toEqual([]);
  });
});
