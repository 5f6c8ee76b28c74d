import type { Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import type { IotClient, IotClientOptions } from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { type BrokerConnection, connack } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import type { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { livePeerClient, peerClient } from './peer-client.ts';
import { closeNow, settled } from './support.ts';

const PERSISTENT = { session: 'persistent' } as const;
const MIB = 1024 * 1024;

let lastId = 0;
const nextId = (): number => (lastId = (lastId % 65_535) + 1);

const message = (topic: string, payload: string | Buffer = topic): Packet => ({
  ...{ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false },
});

/** What only QoS 1 has: an acknowledgement that tells the test that the message has come. */
const counted = (topic: string, payload: string | Buffer = topic): Packet => ({
  ...{ cmd: 'publish', topic, payload, qos: 1, messageId: nextId(), dup: false, retain: false },
});

interface Meeting {
  readonly client: IotClient;
  readonly clock: SimulatedClock;
  readonly there: BrokerConnection;
  /** All that was told as a warning. */
  readonly warnings: string[];
  /** Sends messages in one piece, and waits until the client has taken them. */
  readonly send: (...packets: Packet[]) => Promise<void>;
}

/** A client that is live, and its peer. */
async function meet(peer: ScriptedBroker, options: Partial<IotClientOptions> = PERSISTENT): Promise<Meeting> {
  const { client, clock, there } = await livePeerClient(peer, options);
  const warnings: string[] = [];
  client.on('warning', (warning) => warnings.push(warning.message));
  const send = async (...packets: Packet[]): Promise<void> => {
    there.send(...packets, counted('barrier/nobody'));
    const wanted = packets.filter((one) => one.cmd === 'publish' && one.qos === 1).length + 1;
    for (let acks = 0; acks < wanted; acks++) await there.next('puback');
  };
  return { client, clock, there, warnings, send };
}

/** Answers the next SUBSCRIBE. */
async function grant(there: BrokerConnection, granted: (0 | 1 | 128)[] = [0]): Promise<void> {
  const { messageId = 0 } = await there.next('subscribe');
  there.send({ cmd: 'suback', messageId, granted });
}

/** Subscribes with a handler that notes each payload, and waits for the grant. */
async function subscribe({ client, there }: Meeting, filter: string, got: string[]): Promise<void> {
  const subscribing = client.subscribe(filter, (one) => void got.push(one.text()));
  await grant(there);
  await subscribing;
}

/** What a listener of `message` hears by now, without the barriers. */
async function heard(client: IotClient): Promise<string[]> {
  const got: string[] = [];
  const remove = client.on('message', (one) => {
    if (one.topic !== 'barrier/nobody') got.push(one.text());
  });
  await settled(2);
  remove();
  return got;
}

describe('messages that come before there is a handler', () => {
  it('wait for the first subscription that matches them, in their order, each once', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const met = await meet(peer);
    await met.send(message('a', '1'), counted('b', '2'), message('a', '3'), message('c', '4'));
    const [first, second]: [string[], string[]] = [[], []];
    await subscribe(met, 'a', first);
    await subscribe(met, '#', second);
    await met.send(message('a', '5'));
    expect(first).toEqual(['1', '3', '5']);
    expect(second).toEqual(['2', '4', 'barrier/nobody', '5', 'barrier/nobody']);
  });

  it('are all for the first listener of `message`', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, send } = await meet(peer);
    await send(message('a', '1'), message('b', '2'));
    expect(await heard(client)).toEqual(['1', '2']);
    expect(await heard(client)).toEqual([]);
  });

  it('are for a messages() loop too', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, there, send } = await meet(peer);
    await send(message('a', '1'), message('a', '2'));
    const got: string[] = [];
    const looping = (async () => {
      for await (const one of client.messages('a')) if (got.push(one.text()) === 3) break;
    })();
    await grant(there);
    await send(message('a', '3'));
    await looping;
    expect(got).toEqual(['1', '2', '3']);
  });

  it('come when subscribe() has returned, also offline and before it is granted', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, there, send } = await meet(peer);
    await send(message('a', '1'));
    const lost = client.when('backingOff');
    there.end();
    await lost;
    const got: string[] = [];
    const subscribing = client.subscribe('a', (one) => void got.push(one.text()));
    expect(got).toEqual([]);
    expect((await subscribing).state).toBe('recorded');
    expect(got).toEqual(['1']);
  });

  it('come before newer ones that are read in the same piece', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const met = await meet(peer);
    const got: string[] = [];
    const subscribing = met.client.subscribe('start', () => {
      void met.client.subscribe('a', (one) => void got.push(one.text()));
      got.push('asked');
    });
    await grant(met.there);
    await subscribing;
    const piece = ['1', '2', 'start', '3', '4'].map((text) => message(text === 'start' ? text : 'a', text));
    met.there.send(...piece);
    await grant(met.there);
    await met.send();
    expect(got).toEqual(['asked', '1', '2', '3', '4']);
  });

  it('stay when nobody is left to take them: a listener that is removed at once', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, send } = await meet(peer);
    await send(message('a', '1'));
    client.on('message', () => undefined)();
    await settled(2);
    expect(await heard(client)).toEqual(['1']);
  });

  it('go to every handler that matches by then, in the order in which they subscribed', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, there, send } = await meet(peer);
    await send(message('a/b', '1'));
    const got: string[] = [];
    const both = ['a/+', 'a/#'].map((filter) => client.subscribe(filter, () => void got.push(filter)));
    client.on('message', () => got.push('event'));
    await settled(2);
    expect(got.slice(0, 3)).toEqual(['a/+', 'a/#', 'event']);
    await grant(there);
    await grant(there);
    await Promise.all(both);
  });

  it('survive the end of the line, and are no part of what a handler that throws can break', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, there, send } = await meet(peer);
    const reported: unknown[] = [];
    client.on('handlerError', ({ error }) => reported.push(error));
    await send(message('a', '1'), message('a', '2'));
    const lost = client.when('backingOff');
    there.end();
    await lost;
    clock.advance(1_000);
    await (await peer.connection()).accept({ sessionPresent: true });
    await client.when('live');
    const broken = new Error('handler broke');
    client.on('message', () => {
      throw broken;
    });
    await settled(2);
    // Both, and the barrier.
    expect(reported).toEqual([broken, broken, broken]);
  });

  it('have bytes of their own, so that they keep no larger buffer in memory', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, send } = await meet(peer);
    await send(message('a', 'x'.repeat(10_000)), message('b', 'small'));
    const sizes: number[][] = [];
    client.on('message', ({ payload }) => {
      expect(payload).toBeInstanceOf(Buffer);
      sizes.push([payload.byteLength, payload.buffer.byteLength]);
    });
    await settled(2);
    expect(sizes.slice(0, 2)).toEqual([
      [10_000, 10_000],
      [5, 5],
    ]);
  });

  it('are not held with a clean session: nothing comes there that this line did not ask for', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, send } = await meet(peer, { session: 'clean' });
    await send(message('a', '1'));
    expect(await heard(client)).toEqual([]);
  });
});

describe('messages that are not held', () => {
  it('are those of a filter that this client has unsubscribed, until it is wanted again', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const met = await meet(peer);
    const { client, there, send } = met;
    const got: string[] = [];
    await subscribe(met, 'a/+', got);
    const ending = client.unsubscribe('a/+');
    const { messageId = 0 } = await there.next('unsubscribe');
    await send(message('a/b', 'too late'), message('c', 'other'));
    there.send({ cmd: 'unsuback', messageId, granted: [] });
    await ending;
    expect(await heard(client)).toEqual(['other']);
    // Wanted again, and refused: what comes then is for somebody who is still to come.
    const refused = expect(client.subscribe('a/+', () => undefined)).rejects.toMatchObject({
      code: 'SUBSCRIPTION_REFUSED',
    });
    await grant(there, [128]);
    await refused;
    await send(message('a/b', 'kept'));
    expect(await heard(client)).toEqual(['kept']);
    expect(got).toEqual([]);
  });

  it('of a filter with two holders only when both have left it', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const met = await meet(peer);
    const { client, there, send } = met;
    const got: string[] = [];
    await subscribe(met, 'a', got);
    const second = await client.subscribe('a', () => undefined);
    await second.unsubscribe();
    await send(message('a', '1'));
    expect(got).toEqual(['1']);
    const ending = client.unsubscribe('a');
    there.send({ cmd: 'unsuback', messageId: (await there.next('unsubscribe')).messageId ?? 0, granted: [] });
    await ending;
    await send(message('a', '2'));
    expect(await heard(client)).toEqual([]);
  });

  it('are not those of a filter that one of two holders has left, and that the broker then refused', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, there, send } = await meet(peer);
    const leaving = new AbortController();
    const reason = new Error('changed my mind');
    const first = expect(client.subscribe('a', () => undefined)).rejects.toMatchObject({
      code: 'SUBSCRIPTION_REFUSED',
    });
    const second = client.subscribe('a', { signal: leaving.signal }, () => undefined);
    leaving.abort(reason);
    await expect(second).rejects.toBe(reason);
    await grant(there, [128]);
    await first;
    await send(message('a', '1'));
    expect(await heard(client)).toEqual(['1']);
  });

  it('include what waits already when a handler unsubscribes in the midst of it', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, there, send } = await meet(peer);
    await send(message('a', '1'), message('b', '2'), message('a', '3'));
    const got: string[] = [];
    const subscribing = client.subscribe('a', (one) => {
      got.push(one.text());
      void client.unsubscribe('a');
    });
    await expect(subscribing).rejects.toMatchObject({ code: 'ABORTED' });
    await grant(there);
    there.send({ cmd: 'unsuback', messageId: (await there.next('unsubscribe')).messageId ?? 0, granted: [] });
    expect(got).toEqual(['1']);
    expect(await heard(client)).toEqual(['2']);
  });

  it('are remembered by their last 1,000 filters', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client } = peerClient(peer, PERSISTENT);
    const unsubscribe = async (filter: string): Promise<void> => {
      await client.subscribe(filter, () => undefined);
      await client.unsubscribe(filter);
    };
    for (let index = 0; index < 1_000; index++) await unsubscribe(`filter/${index}`);
    // Again: now it is the latest of them, and the one after it the oldest.
    await unsubscribe('filter/0');
    await unsubscribe('filter/1000');
    const connecting = client.connect();
    const there = await peer.connection();
    await there.accept();
    await connecting;
    there.send(...[0, 1, 2, 1_000].map((index) => message(`filter/${index}`)), counted('barrier/nobody'));
    await there.next('puback');
    expect(await heard(client)).toEqual(['filter/1']);
  });
});

describe('the bounds of what is held', () => {
  const lossesIn = (warnings: readonly string[]): number[] =>
    warnings.map((warning) => Number(/^\d+(?= received messages? w)/.exec(warning)?.[0]));
  const many = (count: number, from = 0): Packet[] =>
    Array.from({ length: count }, (_, index) => message('flood', `${from + index}`));

  it('are 1,000 messages: the oldest are dropped, and one warning says how many', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, send, warnings } = await meet(peer);
    // The barrier is the thousandth.
    await send(...many(999));
    await settled(2);
    await send(...many(4, 999));
    expect(warnings).toEqual([]);
    const got = await heard(client);
    expect(lossesIn(warnings)).toEqual([5]);
    expect(warnings[0]).toMatch(/1000 messages and 4194304 bytes/);
    expect(got).toHaveLength(998);
    expect([got[0], got.at(-1)]).toEqual(['5', '1002']);
    // What comes later is another episode.
    await send(...many(1_001));
    await heard(client);
    expect(lossesIn(warnings)).toEqual([5, 2]);
  });

  it('are 4 MiB of topics and payloads', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, send, warnings } = await meet(peer);
    const large = (name: string): Packet => message('large', Buffer.alloc(MIB - 100, name));
    await send(large('1'), large('2'));
    await send(large('3'), large('4'));
    await send(large('5'));
    const got = await heard(client);
    expect(got.map((text) => text[0])).toEqual(['2', '3', '4', '5']);
    expect(lossesIn(warnings)).toEqual([1]);
    // They are free again.
    await send(large('6'), large('7'), large('8'), large('9'));
    expect(await heard(client)).toHaveLength(4);
    expect(warnings).toHaveLength(1);
  });

  it('let a message that is too large for all of them take no other along', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, send, warnings } = await meet(peer);
    const { pending } = clock;
    await send(message('a', '1'), message('large', Buffer.alloc(4 * MIB)), message('a', '2'));
    expect(await heard(client)).toEqual(['1', '2']);
    expect(lossesIn(warnings)).toEqual([1]);
    // What was told leaves no timer.
    expect(clock.pending).toBe(pending);
  });

  it('are told after a minute, at the end of the line, and at the end of the client', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, there, send, warnings } = await meet(peer, {
      ...PERSISTENT,
      keepAliveSeconds: 65_535,
    });
    const large = message('large', Buffer.alloc(4 * MIB));
    await send(large);
    await settled(2);
    expect(warnings).toEqual([]);
    clock.advance(59_999);
    await settled(2);
    expect(warnings).toEqual([]);
    clock.advance(1);
    await settled(2);
    expect(lossesIn(warnings)).toEqual([1]);
    await send(large, large);
    const lost = client.when('backingOff');
    there.end();
    await lost;
    await settled(2);
    expect(lossesIn(warnings)).toEqual([1, 2]);
    clock.advance(1_000);
    const next = await peer.connection();
    next.send(connack({ sessionPresent: true }));
    await client.when('live');
    next.send(large, large, large, counted('barrier/nobody'));
    await next.next('puback');
    const closing = client.close();
    await settled(2);
    expect(lossesIn(warnings)).toEqual([1, 2, 3]);
    await closeNow(client, clock);
    await closing;
  });

  it('are told by a client whose machine somebody stops, and leave no timer', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, send, warnings } = await meet(peer);
    await send(message('large', Buffer.alloc(4 * MIB)));
    actorOf(client).stop();
    await settled(2);
    expect(lossesIn(warnings)).toEqual([1]);
    expect(clock.pending).toBe(0);
  });
});

describe('after close()', () => {
  it('what was held is gone', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, send } = await meet(peer);
    await send(message('a', '1'));
    await closeNow(client, clock);
    expect(await heard(client)).toEqual([]);
  });

  it('nothing is delivered: not what is due, and not the rest when a handler closes the client', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, send } = await meet(peer);
    await send(message('a', '1'), message('a', '2'));
    const got: string[] = [];
    let closing: Promise<void> | undefined;
    client.on('message', (one) => {
      got.push(one.text());
      closing ??= closeNow(client, clock);
    });
    await settled(2);
    await closing;
    expect(got).toEqual(['1']);
  });

  it('nothing is delivered that a call before it asked for', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const { client, clock, send } = await meet(peer);
    await send(message('a', '1'));
    const got: string[] = [];
    client.on('message', (one) => got.push(one.text()));
    // The line is still there: the peer does not answer DISCONNECT.
    const closing = client.close();
    await settled(2);
    expect(client.status.state).toBe('disconnecting');
    expect(got).toEqual([]);
    await closeNow(client, clock);
    await closing;
  });
});
