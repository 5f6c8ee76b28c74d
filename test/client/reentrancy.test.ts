import { describe, expect, it } from 'vitest';
import type { IotClient, StatusState } from '../../src/index.ts';
import {
  clientOf,
  closeNow,
  failureOf,
  freshId,
  liveClient,
  settled,
  stillClient,
  useCore,
} from './support.ts';

const theCore = useCore();

/** Runs `call` once, inside of the first status event that has this state, and gives what it returned. */
function inside<T>(client: IotClient, state: StatusState, call: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = client.on('status', (status) => {
      if (status.state !== state) return;
      stop();
      call().then(resolve, reject);
    });
  });
}

describe('fault:G-4 calls from inside of a status event', () => {
  const states = ['connecting', 'resubscribing', 'draining', 'live'] as const;

  it.each(states)('%s: publish, subscribe, connect, when', async (state) => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId, offlineQueue: { drain: { perSecond: Infinity } } });
    const got: string[] = [];
    const called = inside(client, state, async () => {
      const subscribed = client.subscribe(`${clientId}/+`, (message) => void got.push(message.text()));
      const published = client.publish(`${clientId}/a`, state, { qos: 1 });
      const connected = client.connect();
      await client.when('live');
      const [receipt, subscription] = await Promise.all([published, subscribed, connected]);
      await Promise.all([receipt.delivered, subscription.granted]);
    });
    await client.connect();
    await called;
    expect(core.received.filter((one) => one.clientId === clientId)).toHaveLength(1);
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });

  it.each(states)('%s: disconnect() ends at idle', async (state) => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    const ended = inside(client, state, () => client.disconnect());
    const [connecting] = await Promise.allSettled([client.connect(), ended]);
    expect(connecting.status).toBe(state === 'connecting' ? 'rejected' : 'fulfilled');
    expect(client.status.state).toBe('idle');
    await settled();
    expect(core.clients.map((one) => one.clientId)).not.toContain(clientId);
  });

  it.each(states)('%s: close() ends at closed', async (state) => {
    const client = clientOf(theCore());
    const closed = inside(client, state, () => client.close());
    await Promise.allSettled([client.connect()]);
    await closed;
    expect(client.status.state).toBe('closed');
  });

  it('idle: connect() begins anew, and is not ended by the disconnect() that led here', async () => {
    const core = theCore();
    const client = await liveClient(core);
    const again = inside(client, 'idle', () => client.connect());
    await client.disconnect();
    await again;
    await client.when('live');
  });

  it('idle after a connect() that was given up: the next one begins anew', async () => {
    const core = theCore();
    const { client } = stillClient(core);
    core.faults.refuse({ returnCode: 3, times: 1 });
    const giveUp = new AbortController();
    const first = client.connect({ signal: giveUp.signal }).catch((reason: unknown) => reason);
    await client.when('backingOff');
    const again = inside(client, 'idle', () => client.connect());
    giveUp.abort('enough');
    expect(await first).toBe('enough');
    await again;
  });

  it('disconnecting: connect() comes back after the planned end', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const again = inside(client, 'disconnecting', () => client.connect());
    await client.disconnect();
    await again;
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(2);
  });

  it('backing off: connect, disconnect and connect again', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client } = stillClient(core, { clientId });
    core.faults.refuse({ returnCode: 3, times: 1 });
    const called = inside(client, 'backingOff', async () => {
      const first = failureOf(client.connect());
      const ended = client.disconnect();
      const again = client.connect();
      await Promise.all([ended, again]);
      return await first;
    });
    const initial = failureOf(client.connect());
    expect((await called).code).toBe('DISCONNECTED');
    expect((await initial).code).toBe('DISCONNECTED');
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(2);
  });

  it('failed: connect() tries once more', async () => {
    const core = theCore();
    const { client } = stillClient(core);
    core.faults.refuse({ returnCode: 2, times: 1 });
    const again = inside(client, 'failed', () => client.connect());
    expect(await failureOf(client.connect())).toMatchObject({ code: 'INVALID_CLIENT_ID' });
    await again;
  });

  it('closed: everything is refused with CLOSED, and nothing hangs', async () => {
    const client = await liveClient(theCore());
    const late = inside(client, 'closed', () =>
      Promise.all(
        [
          client.connect(),
          client.publish('a', 'b'),
          client.subscribe('a', () => undefined),
          client.when('live'),
        ].map(failureOf),
      ),
    );
    await client.close();
    expect((await late).map(({ code }) => code)).toEqual(['CLOSED', 'CLOSED', 'CLOSED', 'CLOSED']);
    await Promise.all([client.disconnect(), client.unsubscribe('a'), client.close()]);
  });
});

describe('fault:G-4 calls from inside of the other callbacks', () => {
  it('py:S18 a message handler may publish, subscribe, unsubscribe and disconnect', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const echo = new Promise<string>((resolve, reject) => {
      const handle = async (): Promise<void> => {
        await client.subscribe(`${clientId}/out`, (message) => resolve(message.text()));
        await client.publish(`${clientId}/out`, 'echo', { qos: 1 });
        await client.unsubscribe(`${clientId}/in`);
      };
      client.subscribe(`${clientId}/in`, () => handle().catch(reject)).catch(reject);
    });
    await client.publish(`${clientId}/in`, 'go', { qos: 1 });
    expect(await echo).toBe('echo');
    const ended = new Promise<void>((resolve) => {
      client.on('message', () => resolve(client.disconnect()));
    });
    await core.publish(`${clientId}/out`, 'end');
    await ended;
    expect(client.status.state).toBe('idle');
  });

  it('close() from a message handler ends the client', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const closed = new Promise<void>((resolve, reject) => {
      client.subscribe(clientId, () => resolve(client.close())).catch(reject);
    });
    await core.when(() =>
      core.clients.some((one) => one.clientId === clientId && one.subscriptions.length === 1),
    );
    await core.publish(clientId, 'end');
    await closed;
    expect(client.status.state).toBe('closed');
  });

  it('an undelivered event may connect and publish', async () => {
    const core = theCore();
    const drain = { perSecond: Infinity };
    const client = clientOf(core, { offlineQueue: { maxMessages: 1, overflow: 'dropOldest', drain } });
    const live = new Promise((resolve, reject) => {
      client.on('undelivered', () => {
        client.connect().then(() => resolve(client.when('live')), reject);
      });
    });
    await client.publish('a', '1', { qos: 1 });
    await client.publish('a', '2', { qos: 1 });
    await live;
  });

  it('an abort inside of the event that the call itself causes is heard', async () => {
    const client = clientOf(theCore(), { offlineQueue: { maxMessages: 1, overflow: 'dropOldest' } });
    await client.publish('a', '1');
    const stop = new AbortController();
    client.on('undelivered', () => stop.abort('stop'));
    const receipt = await client.publish('a', '2', { signal: stop.signal });
    await expect(receipt.delivered).rejects.toBe('stop');
    expect(client.status.queued).toBe(0);
  });

  it('a refused filter may be replaced at once', async () => {
    const core = theCore();
    const client = await liveClient(core);
    const replaced = new Promise((resolve, reject) => {
      client.on('subscriptionRefused', ({ error }) => {
        client.subscribe('allowed', () => undefined).then((one) => resolve([error.code, one.state]), reject);
      });
    });
    const refused = failureOf(client.subscribe('$share/g/a', () => undefined));
    expect(await replaced).toEqual(['SUBSCRIPTION_REFUSED', 'granted']);
    await refused;
  });

  it('no callback runs before the call that causes it has returned', async () => {
    const { client, clock } = stillClient(theCore());
    const order: string[] = [];
    client.on('status', ({ state }) => order.push(state));
    const connecting = client.connect().catch(() => undefined);
    order.push('connect returned');
    await Promise.resolve();
    const disconnecting = client.disconnect();
    order.push('disconnect returned');
    await Promise.all([connecting, disconnecting]);
    const closing = closeNow(client, clock);
    order.push('close returned');
    await closing;
    expect(order).toEqual([
      'connect returned',
      'connecting',
      'disconnect returned',
      'idle',
      'close returned',
      'closed',
    ]);
  });
});
