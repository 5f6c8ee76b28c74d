import { describe, expect, it } from 'vitest';
import type { IotClient, Status } from '../../src/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { passTime } from './pass-time.ts';
import { clientOf, failureOf, freshId, liveClient, settled, useCore } from './support.ts';

const denied = new Set<string>();
const theCore = useCore({
  authorize: ({ action, topic }) => !(action === 'publish' && denied.has(topic ?? '')),
});

async function liveOnVirtualTime(options: Parameters<typeof clientOf>[1] = {}) {
  const clock = new SimulatedClock();
  const client = await liveClient(theCore(), {
    clock,
    random: () => 0.5,
    reconnect: {},
    offlineQueue: { maxMessages: 100, drain: { perSecond: Infinity } },
    ...options,
  });
  return { client, clock };
}

describe('a publish over which the broker closes the line', () => {
  it('fault:C-2 is rejected with its own code after three closes with it alone, and the rest flows in order', async () => {
    const core = theCore();
    const id = freshId();
    const topic = `${id}/denied`;
    denied.add(topic);
    const { client, clock } = await liveOnVirtualTime({ clientId: id });
    const told: Status[] = [];
    client.on('status', (status) => told.push(status));
    const warnings: string[] = [];
    client.on('warning', ({ message }) => warnings.push(message));
    const undelivered: string[] = [];
    client.on('undelivered', ({ topic, error }) => undelivered.push(`${topic} ${error.code}`));
    const before = await client.publish(`${id}/before`, '1', { qos: 1 });
    const calls = [topic, `${id}/1`, `${id}/2`].map((each) => client.publish(each, 'x', { qos: 1 }));
    const receipts = await Promise.all(calls);

    let isOver = false;
    const poison = failureOf(receipts[0]!.delivered).finally(() => {
      isOver = true;
    });
    const tookMs = await passTime(client, clock, () => isOver);
    expect(await poison).toMatchObject({ code: 'POISON_PUBLISH', outcomeUnknown: true });
    await passTime(client, clock, () => client.status.state === 'live' && client.status.inFlight === 0);
    await Promise.all(receipts.slice(1).map((receipt) => receipt.delivered));

    // Of the broker's close and of what was found out, and a second after it the line is tried again.
    const reasons = told.flatMap((status) => (status.state === 'backingOff' ? [status] : []));
    expect(reasons.at(-1)).toMatchObject({ attempt: 1, reason: { code: 'CONNECTION_LOST' } });
    expect(reasons.at(-1)?.reason?.message).toContain(topic);
    expect(warnings).toHaveLength(1);
    expect(before.state).toBe('delivered');
    expect(undelivered).toEqual([`${topic} POISON_PUBLISH`]);
    expect(tookMs).toBeLessThan(60_000);
    const took = core.received.filter(({ clientId }) => clientId === id).map((message) => message.topic);
    expect(took).toEqual([`${id}/before`, `${id}/1`, `${id}/2`]);
    // The one line on which it was found out, and five that it closed.
    const written = core.tap.packets({ packet: 'publish', direction: 'toBroker', clientId: id });
    expect(written.filter((packet) => packet.topic === topic)).toHaveLength(5);
  });

  it('several of them end one after the other, and none of the others', async () => {
    const core = theCore();
    const id = freshId();
    const topics = ['a', 'bad/1', 'b', 'bad/2', 'c'].map((name) => `${id}/${name}`);
    for (const topic of topics) if (topic.includes('bad')) denied.add(topic);
    const { client, clock } = await liveOnVirtualTime({ clientId: id });
    const receipts = await Promise.all(topics.map((topic) => client.publish(topic, 'x', { qos: 1 })));
    const ends = Promise.allSettled(receipts.map((receipt) => receipt.delivered));
    await passTime(
      client,
      clock,
      () => client.status.state === 'live' && client.status.queued + client.status.inFlight === 0,
    );

    expect((await ends).map(({ status }) => status)).toEqual(
      topics.map((topic) => (topic.includes('bad') ? 'rejected' : 'fulfilled')),
    );
    const took = core.received.filter(({ clientId }) => clientId === id).map(({ topic }) => topic);
    expect(took).toEqual(topics.filter((topic) => !topic.includes('bad')));
  });

  it('that is aborted meanwhile ends the inquiry', async () => {
    const id = freshId();
    const topic = `${id}/denied`;
    denied.add(topic);
    const { client, clock } = await liveOnVirtualTime({ clientId: id });
    const abort = new AbortController();
    const receipt = await client.publish(topic, 'x', { qos: 1, signal: abort.signal });
    const end = receipt.delivered.catch((reason: unknown) => reason);
    await passTime(client, clock, () => client.status.state === 'backingOff' && client.status.attempt === 3);
    abort.abort('no longer');
    expect(await end).toBe('no longer');
    const next = await client.publish(`${id}/next`, 'x', { qos: 1 });
    await passTime(
      client,
      clock,
      () => client.status.state === 'live' && client.status.queued + client.status.inFlight === 0,
    );
    await next.delivered;
  });
});

describe('a filter over which the broker closes the line', () => {
  it('fault:C-2 is found by halves and refused with its own code, and the others are granted', async () => {
    const core = theCore();
    const id = freshId();
    const filters = Array.from('abcdefghijk', (name) => `${id}/${name}`);
    // AWS closes the connection over its own topics that do not exist; so does the local core.
    filters.splice(5, 0, '$aws/nothing/here');
    const clock = new SimulatedClock();
    const client = clientOf(core, { clientId: id, clock, random: () => 0.5, reconnect: {} });
    const refused: string[] = [];
    client.on('subscriptionRefused', ({ filter, error }) => refused.push(`${filter} ${error.code}`));
    const subscriptions = await Promise.all(
      filters.map((filter) => client.subscribe(filter, () => undefined)),
    );
    const grants = Promise.allSettled(subscriptions.map((subscription) => subscription.granted));
    await client.connect();
    const tookMs = await passTime(client, clock, () => client.status.state === 'live');

    expect(refused).toEqual(['$aws/nothing/here POISON_SUBSCRIPTION']);
    expect((await grants).map(({ status }) => status)).toEqual(
      filters.map((filter) => (filter.startsWith('$aws') ? 'rejected' : 'fulfilled')),
    );
    expect(tookMs).toBeLessThan(60_000);
    const asked = core.tap.packets({ packet: 'subscribe', direction: 'toBroker', clientId: id });
    const sizes = asked
      .filter((packet) => packet.filters?.includes('$aws/nothing/here'))
      .map((packet) => packet.filters?.length);
    expect(sizes).toEqual([8, 8, 4, 2, 1]);
    await client.publish(`${id}/after`, 'x', { qos: 1 });
  });

  it('publishes wait until it is found, and flow then', async () => {
    const core = theCore();
    const id = freshId();
    const { client, clock } = await liveOnVirtualTime({ clientId: id });
    const [receipt] = await Promise.all([
      client.publish(`${id}/1`, 'x', { qos: 1 }),
      failureOf(client.subscribe('$aws/nothing/here', () => undefined).then((held) => held.granted)),
      passTime(
        client,
        clock,
        () => client.status.state === 'live' && core.received.some(({ topic }) => topic === `${id}/2`),
      ),
      client.when('backingOff').then(() => client.publish(`${id}/2`, 'x', { qos: 1 })),
    ]);
    await receipt.delivered;
  });
});

describe('another client with the same id', () => {
  it('fault:C-1 two that drop each other are told so after three closes, and go on slowly', async () => {
    const core = theCore();
    const clientId = freshId();
    const clock = new SimulatedClock();
    const two = [0.3, 0.7].map((drawn) =>
      clientOf(core, { clientId, clock, random: () => drawn, reconnect: {} }),
    );
    for (const client of two) await client.connect();
    const told = (client: IotClient): string | undefined =>
      client.status.state === 'backingOff' ? client.status.reason?.code : undefined;
    const isTold = (): boolean => two.some((client) => told(client) === 'DUPLICATE_CLIENT_ID');
    for (let turn = 0; turn < 2_000 && !isTold(); turn++) {
      await settled(5);
      // Not while the one that was dropped has yet to notice it.
      const states = two.map(({ status }) => status.state).sort();
      if (!isTold() && states.join() === 'backingOff,live') clock.advance(clock.nextIn ?? 0);
    }
    const loser = two.find((client) => told(client) === 'DUPLICATE_CLIENT_ID');
    const { status } = loser ?? {};
    if (status?.state !== 'backingOff') throw new Error('nobody was told');
    expect(status.reason).toMatchObject({ code: 'DUPLICATE_CLIENT_ID', recovery: 'retrySlowly' });
    expect(status.retryAt - clock.now()).toBeGreaterThanOrEqual(16_000);
    // The other one stays: it is not dropped again for as long as a line takes to be stable.
    await two.find((client) => client !== loser)?.when('live');
  });
});

describe('a line that ends by itself', () => {
  it('fault:A-18 makes nothing poison, whatever is in flight each time', async () => {
    const core = theCore();
    const id = freshId();
    const { client, clock } = await liveOnVirtualTime({ clientId: id });
    const filter = `${id}/filter`;
    // Each line ends before the broker has answered anything.
    const puback = core.tap.hold({ packet: 'puback', clientId: id });
    const suback = core.tap.hold({ packet: 'suback', clientId: id });
    const publishing = client.publish(`${id}/1`, 'x', { qos: 1 });
    const subscribing = client.subscribe(filter, () => undefined);
    for (let cut = 0; cut < 12; cut++) {
      await passTime(
        client,
        clock,
        () => core.tap.packets({ packet: 'connack', direction: 'toClient', clientId: id }).length > cut,
      );
      await settled();
      await core.faults.dropConnections({ clientId: id });
      await passTime(client, clock, () => client.status.state === 'backingOff');
    }
    puback.release();
    suback.release();
    await passTime(client, clock, () => client.status.state === 'live' && client.status.inFlight === 0);
    await (await publishing).delivered;
    await (await subscribing).granted;
  });
});
