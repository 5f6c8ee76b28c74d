import { describe, expect, it, vi } from 'vitest';
import type { IotClient } from '../../src/index.ts';
import type { LocalIotCore } from '../../src/local/index.ts';
import {
  clientOf,
  closeNow,
  failureOf,
  freshId,
  liveClient,
  settled,
  stillClient,
  unacknowledged,
  useCore,
} from './support.ts';

const theCore = useCore();

/** How to bring a client with a still clock into a state; `free` ends what was held for that. */
type Lead = (
  core: LocalIotCore,
  client: IotClient,
  clientId: string,
) => Promise<{ readonly free?: () => void; readonly connecting?: Promise<unknown> } | undefined>;

const LEADS: readonly (readonly [string, Lead])[] = [
  ['idle', async () => undefined],
  [
    'connecting',
    async (core, client, clientId) => {
      const held = core.tap.hold({ packet: 'connack', clientId });
      const connecting = failureOf(client.connect());
      await held.caught();
      return { free: () => held.release(), connecting };
    },
  ],
  [
    'resubscribing',
    async (core, client, clientId) => {
      await client.subscribe('a', () => undefined);
      const held = core.tap.hold({ packet: 'suback', clientId });
      await client.connect();
      await held.caught();
      return { free: () => held.release() };
    },
  ],
  [
    'draining',
    async (_core, client) => {
      await client.publish('a', '1', { qos: 1 });
      await client.publish('a', '2', { qos: 1 });
      await client.connect();
      await client.when('draining');
      return undefined;
    },
  ],
  [
    'live',
    async (_core, client) => {
      await client.connect();
      await client.when('live');
      return undefined;
    },
  ],
  [
    'disconnecting',
    async (core, client, clientId) => {
      await client.connect();
      await client.when('live');
      const held = core.tap.hold({ packet: 'puback', clientId });
      client.publish('a', 'b', { qos: 1 }).catch(() => undefined);
      await held.caught();
      client.disconnect().catch(() => undefined);
      return { free: () => held.release() };
    },
  ],
  [
    'backingOff',
    async (core, client) => {
      core.faults.refuse({ returnCode: 3, times: 1 });
      const connecting = failureOf(client.connect());
      await client.when('backingOff');
      return { connecting };
    },
  ],
  [
    'failed',
    async (core, client) => {
      core.faults.refuse({ returnCode: 2, times: 1 });
      await failureOf(client.connect());
      return undefined;
    },
  ],
];

describe('fault:G-3 close() in each state, twice, with flushTimeoutMs 0', () => {
  it.each(LEADS)('%s', async (state, lead) => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    const led = await lead(core, client, clientId);
    expect(client.status.state).toBe(state);
    const closing = [
      client.close({ flushTimeoutMs: 0 }),
      client.close({ flushTimeoutMs: 0 }),
      client.close(),
    ];
    clock.advance(60_000);
    await Promise.all(closing);
    led?.free?.();
    expect(client.status.state).toBe('closed');
    expect(clock.pending).toBe(0);
    if (led?.connecting !== undefined) expect(await led.connecting).toMatchObject({ code: 'CLOSED' });
    await core.when(() => !core.connections.some((one) => one.clientId === clientId));
    const dialed = core.tap.packets({ packet: 'connect', clientId }).length;
    clock.advance(60_000);
    await settled();
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(dialed);
    await client.close();
  });
});

describe('close()', () => {
  it('finishes what is in flight, says DISCONNECT, and rejects what waits', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client } = stillClient(core, { clientId });
    for (const text of ['1', '2', '3']) await client.publish('a', text, { qos: 1 });
    const waiting = await client.publish('a', '4', { qos: 1 });
    const undelivered: unknown[] = [];
    client.on('undelivered', ({ error }) => undelivered.push(error.code));
    const held = core.tap.hold({ packet: 'puback', clientId });
    await client.connect();
    await held.caught();
    const closing = client.close();
    held.release();
    await closing;
    expect(await failureOf(waiting.delivered)).toMatchObject({ code: 'CLOSED', outcomeUnknown: false });
    expect(waiting.state).toBe('undelivered');
    expect(undelivered).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
    expect(core.tap.packets({ packet: 'disconnect', clientId })).toHaveLength(1);
  });

  it('says outcomeUnknown of what was on the wire and not acknowledged in time', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    await client.connect();
    await client.when('live');
    const { held, published } = await unacknowledged(core, client, clientId);
    await closeNow(client, clock);
    held.release();
    const receipt = await published;
    expect(await failureOf(receipt.delivered)).toMatchObject({ code: 'CLOSED', outcomeUnknown: true });
  });

  it('refuses every later call with CLOSED, while it closes and afterwards', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const { held, published } = await unacknowledged(core, client, clientId);
    const closing = client.close();
    const refused = async (): Promise<unknown[]> => {
      const all = [client.connect(), client.publish('a', 'b'), client.subscribe('a', () => undefined)];
      return await Promise.all(all.map(async (call) => (await failureOf(call)).code));
    };
    expect(await refused()).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
    expect(() => client.messages('a')[Symbol.asyncIterator]()).toThrow(/closed/);
    held.release();
    await Promise.all([closing, published]);
    expect(await refused()).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
  });

  it('ends subscriptions, iterators and waits', async () => {
    const core = theCore();
    const client = clientOf(core);
    const subscription = await client.subscribe('a', () => undefined);
    const next = client.messages('b')[Symbol.asyncIterator]().next();
    const change = client.statusChanges().next();
    const waited = failureOf(client.when('live'));
    const closed = client.when('closed');
    await client.close();
    expect(subscription.state).toBe('ended');
    expect(await failureOf(subscription.granted)).toMatchObject({ code: 'CLOSED' });
    expect(await next).toEqual({ value: undefined, done: true });
    expect(await change).toMatchObject({ value: { state: 'closed' } });
    expect(await waited).toMatchObject({ code: 'CLOSED' });
    expect(await closed).toMatchObject({ state: 'closed' });
    await subscription.unsubscribe();
  });

  it('prints nothing, however often and late anything is called', async () => {
    const printed = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error'), vi.spyOn(console, 'log')];
    const client = await liveClient(theCore());
    const subscription = await client.subscribe('a', () => undefined);
    await client.close();
    client.networkOnline();
    await Promise.all([
      client.close(),
      client.disconnect(),
      subscription.unsubscribe(),
      client.unsubscribe('a'),
    ]);
    for (const spy of printed) expect(spy).not.toHaveBeenCalled();
  });
});
