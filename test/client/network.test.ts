import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  clientOf,
  cutLine,
  failureOf,
  freshId,
  liveClient,
  settled,
  stillClient,
  useCore,
} from './support.ts';

const theCore = useCore();

describe('networkOnline()', () => {
  it('fault:E-6 ends a backoff at once, and is nothing without one', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client } = stillClient(core, { clientId });
    client.networkOnline();
    expect(client.status.state).toBe('idle');
    await client.connect();
    await client.when('live');
    client.networkOnline();
    expect(client.status.state).toBe('live');
    await cutLine(core, client, clientId);
    client.networkOnline();
    expect(client.status.state).toBe('connecting');
    await client.when('live');
  });

  it('is nothing to a closed client', async () => {
    const client = clientOf(theCore());
    await client.close();
    client.networkOnline();
    expect(client.status.state).toBe('closed');
  });
});

describe('in a browser', () => {
  /** The listeners that a page has for `online`. */
  const listeners = new Set<() => void>();
  const online = (): void => {
    for (const listener of [...listeners]) listener();
  };

  beforeEach(() => {
    listeners.clear();
    vi.stubGlobal('addEventListener', (type: string, listener: () => void) => {
      expect(type).toBe('online');
      listeners.add(listener);
    });
    vi.stubGlobal('removeEventListener', (_type: string, listener: () => void) => listeners.delete(listener));
  });

  it('fault:E-6 the event `online` ends a backoff at once', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client } = stillClient(core, { clientId });
    await client.connect();
    await client.when('live');
    await cutLine(core, client, clientId);
    online();
    expect(client.status.state).toBe('connecting');
    await client.when('live');
  });

  it('nothing is listened to before connect()', () => {
    clientOf(theCore());
    expect(listeners.size).toBe(0);
  });

  it.each(['disconnect', 'close'] as const)(
    'one listener is there from connect() until %s()',
    async (end) => {
      const core = theCore();
      const clientId = freshId();
      const client = clientOf(core, { clientId });
      const connecting = client.connect();
      expect(listeners.size).toBe(1);
      await Promise.all([connecting, client.connect()]);
      await client.when('live');
      await cutLine(core, client, clientId);
      await client.when('live');
      expect(listeners.size).toBe(1);
      await client[end]();
      expect(listeners.size).toBe(0);
    },
  );

  it('the listener comes back with the next connect(), also while the line is ending', async () => {
    const client = await liveClient(theCore());
    const ending = client.disconnect();
    const again = client.connect();
    await Promise.all([ending, again]);
    await client.when('live');
    expect(listeners.size).toBe(1);
    await client.disconnect();
    await client.connect();
    expect(listeners.size).toBe(1);
  });

  it('the listener goes with the last who wanted the line, and with a client that has failed', async () => {
    const core = theCore();
    const { client, clock } = stillClient(core);
    core.faults.stopListening();
    const asking = failureOf(client.connect({ timeoutMs: 1 }));
    await client.when('backingOff');
    expect(listeners.size).toBe(1);
    clock.advance(1);
    await asking;
    await client.when('idle');
    expect(listeners.size).toBe(0);
    await core.faults.listen();
    core.faults.refuse({ returnCode: 2, times: 1 });
    await failureOf(client.connect());
    expect(client.status.state).toBe('failed');
    expect(listeners.size).toBe(0);
    await client.connect();
    expect(listeners.size).toBe(1);
  });

  it('is the listener of each client its own', async () => {
    const core = theCore();
    const [one, other] = await Promise.all([liveClient(core), liveClient(core)]);
    expect(listeners.size).toBe(2);
    await one.close();
    expect(listeners.size).toBe(1);
    await other.close();
    expect(listeners.size).toBe(0);
    await settled(2);
  });
});

it('a refused connect() of a closed client leaves no listener', async () => {
  const added = vi.fn();
  vi.stubGlobal('addEventListener', added);
  const client = clientOf(theCore());
  await client.close();
  await failureOf(client.connect());
  expect(added).not.toHaveBeenCalled();
});
