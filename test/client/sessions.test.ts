import { describe, expect, it } from 'vitest';
import { createIotClient, type Status } from '../../src/index.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { peerClient } from './peer-client.ts';
import { clientOf, cutLine, freshId, judged, liveClient, settled, useCore } from './support.ts';

const theCore = useCore();

const sentBy = (clientId: string, packet: 'subscribe' | 'unsubscribe'): (readonly string[] | undefined)[] =>
  theCore()
    .tap.packets({ packet, clientId })
    .map(({ filters }) => filters);

const brokerHas = (clientId: string): string[] | undefined =>
  theCore()
    .clients.find((one) => one.clientId === clientId)
    ?.subscriptions.map(({ filter }) => filter)
    .sort();

/** Waits until the client has acknowledged as many QoS 1 messages since the test began. */
async function taken(clientId: string, count: number): Promise<void> {
  await theCore().tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId }, count);
  await settled(2);
}

/** What a process of before has left at the broker: its subscriptions, and what came for them since. */
async function oldSession(
  clientId: string,
  filters: readonly string[],
  topics: readonly string[],
): Promise<void> {
  const core = theCore();
  const earlier = await liveClient(core, { clientId, session: 'persistent' });
  for (const filter of filters) await earlier.subscribe(filter, { qos: 1 }, () => undefined);
  await earlier.close();
  for (const topic of topics) await core.publish(topic, topic, { qos: 1 });
}

/** Makes the broker forget the session of a client that is away. */
async function forgetSession(clientId: string): Promise<void> {
  const other = await liveClient(theCore(), { clientId, session: 'clean' });
  await other.close();
}

const noting =
  (got: string[]) =>
  (message: { text(): string }): void =>
    void got.push(message.text());

describe('a persistent session', () => {
  it('keeps what comes while the device is away, and needs no new SUBSCRIBE', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId, session: 'persistent' });
    const got: string[] = [];
    await client.subscribe(`${clientId}/+`, { qos: 1 }, noting(got));
    await client.disconnect();
    for (const text of ['1', '2', '3']) await core.publish(`${clientId}/a`, text, { qos: 1 });
    await client.connect();
    await client.when('live');
    await taken(clientId, 3);
    expect(got).toEqual(['1', '2', '3']);
    expect(sentBy(clientId, 'subscribe')).toEqual([[`${clientId}/+`]]);
  });

  it('survives a cut line and a restart of the broker', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId, session: 'persistent' });
    const got: string[] = [];
    await client.subscribe(clientId, { qos: 1 }, noting(got));
    await cutLine(core, client, clientId);
    await core.publish(clientId, '1', { qos: 1 });
    await client.when('live');
    await taken(clientId, 1);
    const lost = client.when('backingOff');
    await core.restart();
    await lost;
    await client.when('live');
    await core.publish(clientId, '2', { qos: 1 });
    await taken(clientId, 2);
    // QoS 1 is at least once: what comes while a session is resumed, a broker may send twice.
    expect([...new Set(got)]).toEqual(['1', '2']);
    expect(sentBy(clientId, 'subscribe')).toEqual([[clientId]]);
  });

  it('fault:A-20, fault:C-9 that the broker has lost: every filter is asked for again, in its order', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId, session: 'persistent' });
    const got: string[] = [];
    for (const filter of ['b', 'a', 'c'])
      await client.subscribe(`${clientId}/${filter}`, { qos: 1 }, noting(got));
    await client.disconnect();
    await client.unsubscribe(`${clientId}/a`);
    await forgetSession(clientId);
    await client.connect();
    await client.when('live');
    expect(sentBy(clientId, 'subscribe').slice(3)).toEqual([[`${clientId}/b`, `${clientId}/c`]]);
    // There is nothing to unsubscribe in a session that has nothing.
    expect(sentBy(clientId, 'unsubscribe')).toEqual([]);
    await core.publish(`${clientId}/c`, 'again', { qos: 1 });
    await taken(clientId, 1);
    expect(got).toEqual(['again']);
  });

  it('fault:A-20 lost between two lines, by the word of CONNACK alone', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock } = peerClient(peer, { session: 'persistent' });
    const subscription = await client.subscribe('a', { qos: 1 }, () => undefined);
    const asked: string[][] = [];
    const connecting = client.connect();
    for (const sessionPresent of [false, true, false]) {
      const there = await peer.connection();
      expect(await there.accept({ sessionPresent })).toMatchObject({ clean: false });
      if (!sessionPresent) {
        const { messageId = 0, subscriptions } = await there.next('subscribe');
        asked.push(subscriptions.map(({ topic }) => topic));
        there.send({ cmd: 'suback', messageId, granted: [1] });
      }
      expect(await client.when('live')).toMatchObject({ sessionPresent });
      expect(there.count('subscribe')).toBe(sessionPresent ? 0 : 1);
      const lost = client.when('backingOff') as Promise<Extract<Status, { state: 'backingOff' }>>;
      there.end();
      clock.advance((await lost).retryAt - clock.now());
    }
    await connecting;
    expect(asked).toEqual([['a'], ['a']]);
    expect(subscription.state).toBe('granted');
    await (await peer.connection()).accept({ sessionPresent: true });
    await client.when('live');
  });

  it('py:S10 subscribe B and unsubscribe A offline: A gets what came before, B what comes after', async () => {
    const core = theCore();
    const clientId = freshId();
    const [a, b] = [`${clientId}/A`, `${clientId}/B`];
    const client = await liveClient(core, { clientId, session: 'persistent' });
    const [gotA, gotB]: [string[], string[]] = [[], []];
    await client.subscribe(a, { qos: 1 }, noting(gotA));
    for (const text of ['1', '2', '3']) await core.publish(a, text, { qos: 1 });
    await taken(clientId, 3);
    await client.disconnect();
    await client.subscribe(b, { qos: 1 }, noting(gotB));
    await client.unsubscribe(a);
    await client.connect();
    await client.when('live');
    expect(brokerHas(clientId)).toEqual([b]);
    for (const topic of [a, b])
      for (const text of ['4', '5', '6']) await core.publish(topic, text, { qos: 1 });
    await taken(clientId, 6);
    expect([gotA, gotB]).toEqual([
      ['1', '2', '3'],
      ['4', '5', '6'],
    ]);
  });
});

describe('a clean session', () => {
  it('ends with the line: nothing is kept meanwhile, and every filter is asked for again', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId, session: 'clean' });
    const got: string[] = [];
    await client.subscribe(clientId, { qos: 1 }, noting(got));
    await client.disconnect();
    await core.publish(clientId, 'missed', { qos: 1 });
    await client.connect();
    await client.when('live');
    await core.publish(clientId, 'seen', { qos: 1 });
    await taken(clientId, 1);
    expect(got).toEqual(['seen']);
    expect(sentBy(clientId, 'subscribe')).toEqual([[clientId], [clientId]]);
  });

  it('ends the persistent one that an earlier process had', async () => {
    const core = theCore();
    const clientId = freshId();
    await oldSession(clientId, [`${clientId}/+`], [`${clientId}/a`]);
    const client = await liveClient(core, { clientId, session: 'clean' });
    const got: string[] = [];
    client.on('message', noting(got));
    expect(brokerHas(clientId)).toEqual([]);
    await core.publish(`${clientId}/b`, 'x', { qos: 1 });
    const later = await liveClient(core, { session: 'clean' });
    await later.publish('barrier', 'x', { qos: 1 });
    expect(got).toEqual([]);
  });

  it('py:V2 may have no client id: each client has a random one, for all of its lines', async () => {
    const core = theCore();
    const { endpoint, port, auth } = core.plainOptions('nobody');
    const place = { endpoint, port, auth, reconnect: { baseMs: 5, maxMs: 20, jitter: 'none' } } as const;
    const first = judged(createIotClient(place));
    const second = judged(createIotClient({ ...place, clientId: '' }));
    for (const client of [first, second]) {
      await client.connect();
      await client.when('live');
    }
    const ids = [first.clientId, second.clientId] as const;
    expect(ids[0]).toMatch(/^[\da-f]{32}$/);
    expect(ids[1]).not.toBe(ids[0]);
    expect(core.clients.map(({ clientId }) => clientId)).toEqual(expect.arrayContaining([...ids]));
    await cutLine(core, first, ids[0]);
    await first.when('live');
    expect(core.tap.packets({ packet: 'connect', clientId: ids[0] })).toHaveLength(2);
    expect(first.clientId).toBe(ids[0]);
  });

  it('has the client id of its options otherwise', () => {
    expect(clientOf(theCore(), { clientId: 'kitchen-lamp' }).clientId).toBe('kitchen-lamp');
  });
});

describe('a new process that meets an old session', () => {
  it('gets what came meanwhile once it subscribes, each message once, then what comes now', async () => {
    const core = theCore();
    const clientId = freshId();
    const topic = `${clientId}/a`;
    await oldSession(clientId, [`${clientId}/+`], [topic, topic, topic]);
    const client = clientOf(core, { clientId, session: 'persistent' });
    const got: string[] = [];
    await client.connect();
    await client.when('live');
    await taken(clientId, 3);
    await client.subscribe(`${clientId}/+`, { qos: 1 }, noting(got));
    await core.publish(topic, 'new', { qos: 1 });
    await taken(clientId, 4);
    expect(got).toEqual([topic, topic, topic, 'new']);
  });

  it('that subscribes before connect() gets it at once', async () => {
    const core = theCore();
    const clientId = freshId();
    const topics = ['1', '2', '3'].map((name) => `${clientId}/${name}`);
    await oldSession(clientId, [`${clientId}/+`], topics);
    const client = clientOf(core, { clientId, session: 'persistent' });
    const got: string[] = [];
    await client.subscribe(`${clientId}/+`, { qos: 1 }, noting(got));
    await client.connect();
    await taken(clientId, 3);
    expect(got).toEqual(topics);
  });

  it('keeps the filters of the old one that nobody asked for: `message` tells of them', async () => {
    const core = theCore();
    const clientId = freshId();
    await oldSession(clientId, [`${clientId}/a`, `${clientId}/b`], [`${clientId}/a`, `${clientId}/b`]);
    const client = clientOf(core, { clientId, session: 'persistent' });
    const got: string[] = [];
    await client.subscribe(`${clientId}/a`, { qos: 1 }, noting(got));
    await client.connect();
    await taken(clientId, 2);
    expect(got).toEqual([`${clientId}/a`]);
    const told: string[] = [];
    client.on('message', noting(told));
    await core.publish(`${clientId}/b`, 'new', { qos: 1 });
    await taken(clientId, 3);
    expect(told).toEqual([`${clientId}/b`, 'new']);
    expect(brokerHas(clientId)).toEqual([`${clientId}/a`, `${clientId}/b`]);
  });

  it('can end a filter of the old one', async () => {
    const core = theCore();
    const clientId = freshId();
    await oldSession(clientId, [`${clientId}/a`], [`${clientId}/a`]);
    const client = await liveClient(core, { clientId, session: 'persistent' });
    await taken(clientId, 1);
    const mine = await client.subscribe(`${clientId}/a`, { qos: 1 }, () => undefined);
    await mine.unsubscribe();
    expect(brokerHas(clientId)).toEqual([]);
  });
});
