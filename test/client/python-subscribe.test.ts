import { describe, expect, it } from 'vitest';
import { createIotClient, type IotClientOptions, type PublishReceipt } from '../../src/index.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { livePeerClient } from './peer-client.ts';
import {
  clientOf,
  cutLine,
  failureOf,
  freshId,
  liveClient,
  settled,
  stillClient,
  thrownBy,
  useCore,
} from './support.ts';

const theCore = useCore({ limits: { subscriptionsPerConnection: Infinity } });

/** The filters of each SUBSCRIBE or UNSUBSCRIBE of a client, packet by packet. */
function asked(clientId: string, packet: 'subscribe' | 'unsubscribe' = 'subscribe'): (readonly string[])[] {
  return theCore()
    .tap.packets({ packet, clientId })
    .map(({ filters = [] }) => filters);
}

/** Publishes with QoS 1, and returns once the client has said that it has all of them. */
async function deliver(clientId: string, topic: string, texts: readonly string[]): Promise<void> {
  const core = theCore();
  const match = { packet: 'puback', direction: 'toBroker', clientId } as const;
  const before = core.tap.packets(match).length;
  for (const text of texts) await core.publish(topic, text, { qos: 1 });
  await core.tap.waitFor(match, before + texts.length);
}

describe('subscribing by the vectors of the Python SDK', () => {
  it('py:S1 py:S3 one record: asked for once with its QoS; a message calls its handler once, then the event once', async () => {
    const clientId = freshId();
    const client = await liveClient(theCore(), { clientId });
    const got: string[] = [];
    client.on('message', ({ topic }) => got.push(`event ${topic}`));
    const subscription = await client.subscribe(clientId, { qos: 1 }, ({ topic }) => {
      got.push(`handler ${topic}`);
    });
    expect(subscription).toMatchObject({ filter: clientId, qos: 1, state: 'granted' });
    expect(theCore().tap.packets({ packet: 'subscribe', clientId })).toMatchObject([
      { filters: [clientId], codes: [1] },
    ]);
    await deliver(clientId, clientId, ['x']);
    await settled(2);
    expect(got).toEqual([`handler ${clientId}`, `event ${clientId}`]);
  });

  it('py:S6 an empty filter is refused and not stored: the next line comes up, and asks for nothing', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    expect(await failureOf(client.subscribe('', () => undefined))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await cutLine(core, client, clientId);
    await client.when('live');
    expect(asked(clientId)).toEqual([]);
  });

  it('py:S7 calls that meet a line which has just died do not fail: the next one carries what they asked for', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, there } = await livePeerClient(peer);
    const known = client.subscribe('known', () => undefined);
    const { messageId } = await there.next('subscribe');
    there.send({ cmd: 'suback', messageId: messageId as number, granted: [0] });
    await known;
    there.reset();
    expect(client.status.state).toBe('live');
    const published = client.publish('a', 'b', { qos: 1 });
    const subscribing = client.subscribe('new', { qos: 1 }, () => undefined);
    const unsubscribing = client.unsubscribe('known');
    await client.when('backingOff');
    const receipt = await published;
    const subscription = await subscribing;
    await unsubscribing;
    expect([receipt.state, subscription.state]).toEqual(['queued', 'recorded']);

    clock.advance(1_000);
    const next = await peer.connection();
    await next.accept();
    const resent = await next.next('publish');
    next.send({ cmd: 'puback', messageId: resent.messageId as number });
    expect(String(resent.payload)).toBe('b');
    const subscribe = next.received.find(({ cmd }) => cmd === 'subscribe') ?? (await next.next('subscribe'));
    expect(subscribe).toMatchObject({ subscriptions: [{ topic: 'new', qos: 1 }] });
    next.send({ cmd: 'suback', messageId: subscribe.messageId as number, granted: [1] });
    await Promise.all([receipt.delivered, subscription.granted, client.when('live')]);
  });

  it('py:S8 without an answer each call ends with TIMEOUT at its 5 s, and an answer that comes later changes nothing', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    // The line is not suspected in the meantime: that is another rule.
    const { client, clock, there } = await livePeerClient(peer, { operationTimeoutMs: 60_000 });
    const known = client.subscribe('known', () => undefined);
    const first = await there.next('subscribe');
    there.send({ cmd: 'suback', messageId: first.messageId as number, granted: [0] });
    await known;
    const bound = { timeoutMs: 5_000 };
    const ended: string[] = [];
    const note = (call: string) => (error: Error) => {
      ended.push(call);
      return error;
    };
    const calls = [
      failureOf(client.publish('a', 'b', { qos: 1, ...bound })).then(note('publish')),
      failureOf(client.unsubscribe('known', bound)).then(note('unsubscribe')),
      failureOf(client.subscribe('new', bound, () => undefined)).then(note('subscribe')),
    ];
    const publish = await there.next('publish');
    const unsubscribe = await there.next('unsubscribe');
    clock.advance(4_999);
    await settled();
    expect(ended).toEqual([]);
    clock.advance(1);
    expect(await Promise.all(calls)).toMatchObject([
      { code: 'TIMEOUT', outcomeUnknown: true, message: expect.stringMatching(/^publish\(\)/) },
      { code: 'TIMEOUT', message: expect.stringMatching(/^unsubscribe\(\)/) },
      { code: 'TIMEOUT', message: expect.stringMatching(/^subscribe\(\)/) },
    ]);
    there.send(
      { cmd: 'puback', messageId: publish.messageId as number },
      { cmd: 'unsuback', messageId: unsubscribe.messageId as number, granted: [] },
    );
    const again = client.publish('a', 'c', { qos: 1 });
    const { messageId } = await there.next('publish');
    there.send({ cmd: 'puback', messageId: messageId as number });
    expect(await again).toMatchObject({ state: 'delivered' });
    expect(client.status).toMatchObject({ state: 'live', inFlight: 0, queued: 0 });
  });

  it('py:S20 several filters that are wanted offline are one SUBSCRIBE, in their order', async () => {
    const clientId = freshId();
    const client = clientOf(theCore(), { clientId });
    for (const filter of ['c', 'a', 'b']) await client.subscribe(filter, () => undefined);
    await client.connect();
    await client.when('live');
    expect(asked(clientId)).toEqual([['c', 'a', 'b']]);
  });

  it('py:S21 the 51st wish that is made offline is as good as the first, also to unsubscribe', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId, session: 'persistent' });
    const filters = Array.from({ length: 51 }, (_, index) => `filter/${index}`);
    const subscriptions = await Promise.all(
      filters.map((filter) => client.subscribe(filter, () => undefined)),
    );
    expect(new Set(subscriptions.map(({ state }) => state))).toEqual(new Set(['recorded']));
    await client.connect();
    await Promise.all(subscriptions.map(({ granted }) => granted));
    expect(asked(clientId).flat()).toEqual(filters);
    await client.disconnect();
    await Promise.all(subscriptions.map((one) => one.unsubscribe()));
    await client.connect();
    await client.when('live');
    expect(asked(clientId, 'unsubscribe').flat()).toEqual(filters);
    expect(core.clients.find((one) => one.clientId === clientId)?.subscriptions).toEqual([]);
  });
});

describe('subscriptions over a lost line, by the vectors of the Python SDK', () => {
  it('py:S10 subscribe B and unsubscribe A offline: A gets the 3 from before, B the 3 from after', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    const [a, b] = [`${clientId}/a`, `${clientId}/b`];
    const got: string[] = [];
    let seen = 0;
    client.on('message', () => {
      seen += 1;
    });
    await client.connect();
    await client.subscribe(a, { qos: 1 }, (message) => void got.push(`A ${message.text()}`));
    await deliver(clientId, a, ['1', '2', '3']);
    await cutLine(core, client, clientId);
    await client.subscribe(b, { qos: 1 }, (message) => void got.push(`B ${message.text()}`));
    await client.unsubscribe(a);
    clock.advance(5);
    await client.when('live');
    for (const text of ['4', '5', '6']) await core.publish(a, text, { qos: 1 });
    await deliver(clientId, b, ['4', '5', '6']);
    await settled(2);
    expect(got).toEqual(['A 1', 'A 2', 'A 3', 'B 4', 'B 5', 'B 6']);
    expect(seen).toBe(6);
  });

  it('py:S12 10 messages, an outage of 3 s, 20 s of rest, 10 messages: all 20 arrive', async () => {
    const core = theCore();
    const clientId = freshId();
    const reconnect = { baseMs: 1_000, maxMs: 32_000, jitter: 'none' } as const;
    const { client, clock } = stillClient(core, { clientId, reconnect, keepAliveSeconds: 1_200 });
    const got: string[] = [];
    await client.subscribe(clientId, { qos: 1 }, (message) => void got.push(message.text()));
    await client.connect();
    await client.when('live');
    const texts = Array.from({ length: 20 }, (_, index) => String(index + 1));
    for (const text of texts.slice(0, 10)) {
      await deliver(clientId, clientId, [text]);
      clock.advance(500);
    }
    core.faults.stopListening();
    await cutLine(core, client, clientId);
    clock.advance(1_000);
    expect(await client.when('backingOff')).toMatchObject({ attempt: 2, retryAt: clock.now() + 2_000 });
    await core.faults.listen();
    clock.advance(2_000);
    await client.when('live');
    clock.advance(20_000);
    for (const text of texts.slice(10)) {
      await deliver(clientId, clientId, [text]);
      clock.advance(500);
    }
    await settled(2);
    expect(got).toEqual(texts);
  });

  it('py:S19 asked for again in the order of the first time, without what was unsubscribed', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    for (const filter of ['c', 'gone', 'a', 'b']) await client.subscribe(filter, () => undefined);
    await client.unsubscribe('gone');
    const before = asked(clientId).length;
    await cutLine(core, client, clientId);
    await client.when('live');
    expect(asked(clientId).slice(before)).toEqual([['c', 'a', 'b']]);
  });

  it('py:S23 there is no autoResubscribe: a session that the broker kept is not asked for again, only what is new', async () => {
    const core = theCore();
    const place = core.plainOptions(freshId());
    expect(
      thrownBy(() => createIotClient({ ...place, autoResubscribe: false } as IotClientOptions)),
    ).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('"autoResubscribe"') });
    const clientId = freshId();
    const client = await liveClient(core, { clientId, session: 'persistent' });
    await client.subscribe('old', { qos: 1 }, () => undefined);
    await client.disconnect();
    await client.subscribe('new', { qos: 1 }, () => undefined);
    await client.connect();
    await client.when('live');
    expect(asked(clientId)).toEqual([['old'], ['new']]);
    await Promise.all([client.unsubscribe('old'), client.unsubscribe('new')]);
  });
});

describe('acknowledgements by the vectors of the Python SDK', () => {
  it('py:S14 each is told once: 1 connect, 1 subscribe, 3 publishes, 3 messages, 1 unsubscribe, 1 disconnect', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    const counts: Record<string, number> = {};
    const count = (name: string) => () => {
      counts[name] = (counts[name] ?? 0) + 1;
    };
    client.on('status', ({ state }) => {
      if (state === 'live') count('online')();
      if (state === 'idle') count('offline')();
    });
    await client.connect().then(count('connected'));
    const subscription = await client.subscribe(clientId, { qos: 1 }, count('messages'));
    await subscription.granted.then(count('granted'));
    for (const text of ['1', '2', '3']) {
      const receipt = await client.publish(clientId, text, { qos: 1 });
      await receipt.delivered.then(count('delivered'));
    }
    await core.tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId }, 3);
    await subscription.unsubscribe().then(count('unsubscribed'));
    await client.disconnect().then(count('disconnected'));
    await settled(2);
    expect(counts).toEqual({
      connected: 1,
      online: 1,
      granted: 1,
      delivered: 3,
      messages: 3,
      unsubscribed: 1,
      disconnected: 1,
      offline: 1,
    });
  });

  it('py:S17 a PUBACK ends the publish of its id and no other, also when it comes twice; listeners stay', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, there } = await livePeerClient(peer);
    const told: string[] = [];
    client.on('message', (message) => told.push(message.text()));
    const ended: string[] = [];
    const publish = async (text: string): Promise<PublishReceipt> => {
      const receipt = await client.publish('a', text, { qos: 1 });
      ended.push(text);
      return receipt;
    };
    const both = [publish('1'), publish('2')];
    const first = await there.next('publish');
    const second = await there.next('publish');
    const puback = { cmd: 'puback', messageId: first.messageId as number } as const;
    const message = { cmd: 'publish', topic: 'b', qos: 0, retain: false, dup: false } as const;
    there.send(puback, puback, { ...message, payload: 'x' });
    await both[0];
    await settled();
    expect(ended).toEqual(['1']);
    there.send({ cmd: 'puback', messageId: second.messageId as number }, { ...message, payload: 'y' });
    expect((await Promise.all(both)).map(({ state }) => state)).toEqual(['delivered', 'delivered']);
    await settled(2);
    expect(ended).toEqual(['1', '2']);
    expect(told).toEqual(['x', 'y']);
    expect(client.status).toMatchObject({ state: 'live', inFlight: 0 });
  });
});
