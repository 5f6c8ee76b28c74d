import { describe, expect, it } from 'vitest';
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

const theCore = useCore({
  authorize: ({ action, topic }) => !(action === 'subscribe' && topic?.startsWith('forbidden/') === true),
});

function filtersAskedBy(clientId: string): (readonly string[])[] {
  return theCore()
    .tap.packets({ packet: 'subscribe', clientId })
    .map(({ filters = [] }) => filters);
}

function brokerHas(clientId: string): string[] {
  const client = theCore().clients.find((one) => one.clientId === clientId);
  return (client?.subscriptions ?? []).map(({ filter }) => filter).sort();
}

describe('subscribe()', () => {
  it('with a line: granted, at SUBACK and not before', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const held = core.tap.hold({ packet: 'suback', clientId });
    let isThere = false;
    const subscribing = client
      .subscribe('a', { qos: 1 }, () => undefined)
      .then((subscription) => {
        isThere = true;
        return subscription;
      });
    await held.caught();
    await settled();
    expect(isThere).toBe(false);
    held.release();
    const subscription = await subscribing;
    expect(subscription).toMatchObject({ filter: 'a', qos: 1, state: 'granted' });
    expect(await subscription.granted).toEqual({ qos: 1 });
  });

  it('without a line: recorded at once, granted later', async () => {
    const client = clientOf(theCore());
    const subscription = await client.subscribe('a', () => undefined);
    expect(subscription.state).toBe('recorded');
    await client.connect();
    expect(await subscription.granted).toEqual({ qos: 0 });
    expect(subscription.state).toBe('granted');
  });

  it('a line that breaks before the SUBACK: recorded, then granted by the next', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const held = core.tap.hold({ packet: 'suback', clientId });
    const subscribing = client.subscribe('a', () => undefined);
    await held.caught();
    await core.faults.dropConnections({ clientId });
    const subscription = await subscribing;
    expect(subscription.state).toBe('recorded');
    held.release();
    await subscription.granted;
  });

  it('py:S5 refused: rejects, tells, and is not asked for again', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const told: unknown[] = [];
    client.on('subscriptionRefused', ({ filter, error }) => told.push([filter, error.code]));
    const both = [
      client.subscribe('forbidden/a', () => undefined),
      client.subscribe('forbidden/a', () => undefined),
    ];
    expect(await Promise.all(both.map(failureOf))).toMatchObject([
      { code: 'SUBSCRIPTION_REFUSED', remediation: expect.stringMatching(/policy/) },
      { code: 'SUBSCRIPTION_REFUSED' },
    ]);
    expect(told).toEqual([['forbidden/a', 'SUBSCRIPTION_REFUSED']]);
    await cutLine(core, client, clientId);
    await client.when('live');
    expect(filtersAskedBy(clientId)).toEqual([['forbidden/a']]);
  });

  it('refused after it was recorded: granted rejects, and nobody has to look', async () => {
    const client = clientOf(theCore());
    const good = await client.subscribe('good', () => undefined);
    const bad = await client.subscribe('forbidden/b', () => undefined);
    const unlooked = await client.subscribe('forbidden/c', () => undefined);
    await client.connect();
    await good.granted;
    expect(await failureOf(bad.granted)).toMatchObject({ code: 'SUBSCRIPTION_REFUSED' });
    expect([good.state, bad.state, unlooked.state]).toEqual(['granted', 'ended', 'ended']);
    await Promise.all([bad.unsubscribe(), unlooked.unsubscribe()]);
  });
});

describe('several subscriptions of one filter (fault:G-6)', () => {
  it('are one to the broker; each handler gets each message once', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const got: string[] = [];
    const handle = (name: string) => (): void => void got.push(name);
    const [first, second] = await Promise.all([
      client.subscribe(clientId, handle('1')),
      client.subscribe(clientId, handle('2')),
    ]);
    const third = await client.subscribe(clientId, handle('3'));
    expect(third.state).toBe('granted');
    expect(filtersAskedBy(clientId)).toEqual([[clientId]]);
    await client.publish(clientId, 'x', { qos: 1 });
    await core.tap.waitFor({ packet: 'publish', direction: 'toClient', clientId });
    await settled(2);
    expect(got.splice(0)).toEqual(['1', '2', '3']);

    await first.unsubscribe();
    await third.unsubscribe();
    expect(core.tap.packets({ packet: 'unsubscribe', clientId })).toHaveLength(0);
    await client.publish(clientId, 'y', { qos: 1 });
    await core.tap.waitFor({ packet: 'publish', direction: 'toClient', clientId }, 2);
    await settled(2);
    expect(got).toEqual(['2']);

    await second.unsubscribe();
    await second.unsubscribe();
    expect(core.tap.packets({ packet: 'unsubscribe', clientId })).toHaveLength(1);
    expect(brokerHas(clientId)).toEqual([]);
  });

  it('py:S24 a higher QoS is asked for, a lower one is not; the next line asks for the higher', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const low = await client.subscribe('a', { qos: 0 }, () => undefined);
    const high = await client.subscribe('a', { qos: 1 }, () => undefined);
    await client.subscribe('a', { qos: 0 }, () => undefined);
    expect(await low.granted).toEqual({ qos: 0 });
    expect(await high.granted).toEqual({ qos: 1 });
    await cutLine(core, client, clientId);
    await client.when('live');
    const asked = core.tap.packets({ packet: 'subscribe', clientId });
    expect(asked.map(({ codes }) => codes)).toEqual([[0], [1], [1]]);
  });

  it('unsubscribe(filter) ends all of them, and no other', async () => {
    const clientId = freshId();
    const client = await liveClient(theCore(), { clientId });
    const all = [await client.subscribe('a', () => undefined), await client.subscribe('a', () => undefined)];
    const other = await client.subscribe('a/#', () => undefined);
    await client.unsubscribe('a');
    expect(all.map(({ state }) => state)).toEqual(['ended', 'ended']);
    expect(other.state).toBe('granted');
    expect(brokerHas(clientId)).toEqual(['a/#']);
    await client.unsubscribe('never/there');
  });
});

describe('overlapping filters (fault:G-6)', () => {
  it('py:S4 handlers are called in the order in which they subscribed, then the message event', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId, session: 'clean' });
    const got: string[] = [];
    client.on('message', (message) => got.push(`event ${message.topic}`));
    for (const filter of [`${clientId}/#`, `${clientId}/+`, `${clientId}/b`, `${clientId}/+`])
      await client.subscribe(filter, () => void got.push(filter));
    await core.publish(`${clientId}/b`, 'x');
    await core.tap.waitFor({ packet: 'publish', direction: 'toClient', clientId });
    await settled(2);
    expect(got).toEqual([
      `${clientId}/#`,
      `${clientId}/+`,
      `${clientId}/b`,
      `${clientId}/+`,
      `event ${clientId}/b`,
    ]);
  });

  it('a message that no handler matches is still told by the event', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const told = new Promise<string>((resolve) => client.on('message', ({ topic }) => resolve(topic)));
    const handle = await client.subscribe(clientId, () => undefined);
    const held = core.tap.hold({ packet: 'unsubscribe', clientId });
    const ending = handle.unsubscribe();
    await held.caught();
    await core.publish(clientId, 'x');
    expect(await told).toBe(clientId);
    held.release();
    await ending;
  });
});

describe('unsubscribe', () => {
  it('ends at UNSUBACK; no handler is called from the call on', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const got: string[] = [];
    const subscription = await client.subscribe(clientId, (message) => void got.push(message.text()));
    const held = core.tap.hold({ packet: 'unsubscribe', clientId });
    let isDone = false;
    const ending = subscription.unsubscribe().then(() => {
      isDone = true;
    });
    await held.caught();
    await core.publish(clientId, 'late');
    await core.tap.waitFor({ packet: 'publish', direction: 'toClient', clientId });
    await settled();
    expect([isDone, subscription.state]).toEqual([false, 'ended']);
    held.release();
    await ending;
    expect(got).toEqual([]);
  });

  it('inside of a handler, it holds for the handlers that would have been next', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const got: string[] = [];
    const later: { unsubscribe(): Promise<void> }[] = [];
    await client.subscribe(clientId, () => {
      got.push('first');
      void later[0]?.unsubscribe();
    });
    later.push(await client.subscribe(clientId, () => void got.push('second')));
    await core.publish(clientId, 'x');
    await core.tap.waitFor({ packet: 'publish', direction: 'toClient', clientId });
    await settled(2);
    expect(got).toEqual(['first']);
  });

  it('before SUBACK: the call rejects, and the broker has nothing in the end (fault:G-6)', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const held = core.tap.hold({ packet: 'suback', clientId });
    const subscribing = failureOf(client.subscribe('a', () => undefined));
    await held.caught();
    const ending = client.unsubscribe('a');
    expect(await subscribing).toMatchObject({ code: 'ABORTED' });
    held.release();
    await ending;
    expect(brokerHas(clientId)).toEqual([]);
  });

  it('and subscribe again at once: both end, and the broker has the filter', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const first = await client.subscribe('a', () => undefined);
    // The machine is busy with another filter, so that no UNSUBSCRIBE goes out in between.
    const held = core.tap.hold({ packet: 'suback', clientId });
    const other = client.subscribe('b', () => undefined);
    await held.caught();
    const ending = first.unsubscribe();
    const again = client.subscribe('a', () => undefined);
    held.release();
    await Promise.all([other, ending]);
    expect((await again).state).toBe('granted');
    expect(brokerHas(clientId)).toEqual(['a', 'b']);
  });

  it('and subscribe again while the UNSUBSCRIBE is on the wire', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const first = await client.subscribe('a', () => undefined);
    const held = core.tap.hold({ packet: 'unsuback', clientId });
    const ending = first.unsubscribe();
    await held.caught();
    const again = client.subscribe('a', () => undefined);
    held.release();
    await ending;
    expect((await again).state).toBe('granted');
    expect(brokerHas(clientId)).toEqual(['a']);
  });

  it('py:S11 offline: ends at once, and is never subscribed again', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const subscription = await client.subscribe('a', () => undefined);
    await client.subscribe('b', () => undefined);
    await client.disconnect();
    await subscription.unsubscribe();
    await client.connect();
    await client.when('live');
    expect(filtersAskedBy(clientId)).toEqual([['a'], ['b'], ['b']]);
    expect(brokerHas(clientId)).toEqual(['b']);
  });

  it('py:S11 offline, with a persistent session: UNSUBSCRIBE is sent', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId, session: 'persistent' });
    const subscription = await client.subscribe('a', { qos: 1 }, () => undefined);
    await client.subscribe('b', { qos: 1 }, () => undefined);
    await client.disconnect();
    await subscription.unsubscribe();
    await client.connect();
    await client.when('live');
    expect(core.tap.packets({ packet: 'unsubscribe', clientId })).toMatchObject([{ filters: ['a'] }]);
    expect(filtersAskedBy(clientId)).toEqual([['a'], ['b']]);
    expect(brokerHas(clientId)).toEqual(['b']);
    await client.unsubscribe('b');
  });

  it('a line that ends before UNSUBACK ends the call', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const subscription = await client.subscribe('a', () => undefined);
    const held = core.tap.hold({ packet: 'unsuback', clientId });
    const ending = subscription.unsubscribe();
    await held.caught();
    await core.faults.dropConnections({ clientId });
    await ending;
    held.release();
    await client.when('live');
    expect(brokerHas(clientId)).toEqual([]);
  });
});

describe('after a lost session', () => {
  it('py:D8, py:S9 all filters are asked for again, at most 8 in a SUBSCRIBE', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const filters = Array.from({ length: 20 }, (_, index) => `filter/${index}`);
    await Promise.all(filters.map((filter) => client.subscribe(filter, () => undefined)));
    await client.disconnect();
    const before = filtersAskedBy(clientId).length;
    await client.connect();
    await client.when('live');
    expect(filtersAskedBy(clientId).slice(before)).toEqual([
      filters.slice(0, 8),
      filters.slice(8, 16),
      filters.slice(16),
    ]);
    expect(brokerHas(clientId)).toEqual([...filters].sort());
  });

  it('py:S13, py:S22 what was told once is not told again, and messages flow again', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const got: string[] = [];
    const subscription = await client.subscribe(clientId, (message) => void got.push(message.text()));
    const { granted } = subscription;
    await cutLine(core, client, clientId);
    expect(subscription.state).toBe('granted');
    await client.when('live');
    expect(subscription.granted).toBe(granted);
    await core.publish(clientId, 'after');
    await core.tap.waitFor({ packet: 'publish', direction: 'toClient', clientId });
    await settled(2);
    expect(got).toEqual(['after']);
  });

  it('a SUBACK that does not come ends the line, and the next one asks again', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId, operationTimeoutMs: 100 });
    await client.connect();
    await client.when('live');
    const held = core.tap.hold({ packet: 'suback', clientId });
    const subscribing = client.subscribe('a', () => undefined);
    await held.caught();
    // And a second look, after what may lie unread.
    clock.advance(100 + 50);
    expect(await client.when('backingOff')).toMatchObject({ reason: { code: 'OPERATION_TIMEOUT' } });
    expect((await subscribing).state).toBe('recorded');
    held.release();
    clock.advance(5);
    await (await subscribing).granted;
  });
});
