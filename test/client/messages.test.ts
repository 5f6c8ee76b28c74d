import { describe, expect, it } from 'vitest';
import { MessageQueue } from '../../src/client/message-queue.ts';
import { IotError, type Message } from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { clientOf, cutLine, failureOf, freshId, liveClient, settled, useCore } from './support.ts';

const theCore = useCore({
  authorize: ({ action, topic }) => !(action === 'subscribe' && topic?.startsWith('forbidden/') === true),
});

function brokerHas(clientId: string): number {
  return theCore().clients.find((one) => one.clientId === clientId)?.subscriptions.length ?? 0;
}

/** Publishes and waits until the client has it. */
async function send(topic: string, clientId: string, ...texts: readonly string[]): Promise<void> {
  const core = theCore();
  const match = { packet: 'publish', direction: 'toClient', clientId } as const;
  const before = core.tap.packets(match).length;
  for (const text of texts) await core.publish(topic, text, { qos: 1 });
  await core.tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId }, before + texts.length);
}

const textOf = ({ value }: IteratorResult<Message, undefined>): string | undefined => value?.text();

describe('messages()', () => {
  it('subscribes when the loop begins, gives messages in order, and unsubscribes at break', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const iterable = client.messages(`${clientId}/+`, { qos: 1 });
    await settled();
    expect(brokerHas(clientId)).toBe(0);
    const sending = core
      .when(() => brokerHas(clientId) === 1)
      .then(() => send(`${clientId}/a`, clientId, '1', '2', '3'));
    const got: string[] = [];
    for await (const message of iterable) {
      got.push(message.text());
      if (got.length === 2) break;
    }
    await sending;
    expect(got).toEqual(['1', '2']);
    await core.when(() => brokerHas(clientId) === 0);
  });

  it('a throw in the loop unsubscribes too, and reaches the caller', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const looping = (async () => {
      for await (const message of client.messages(clientId)) throw new Error(message.text());
    })();
    const thrown = expect(looping).rejects.toThrow('boom');
    await core.when(() => brokerHas(clientId) === 1);
    await core.publish(clientId, 'boom');
    await thrown;
    await core.when(() => brokerHas(clientId) === 0);
  });

  it('each loop has messages of its own; the broker has one subscription', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const iterable = client.messages(clientId, { qos: 1 });
    const [first, second] = [
      iterable[Symbol.asyncIterator](),
      client.messages(clientId, { qos: 1 })[Symbol.asyncIterator](),
    ];
    const both = [first.next(), second.next()];
    await core.when(() => brokerHas(clientId) === 1);
    await send(clientId, clientId, 'x');
    expect((await Promise.all(both)).map(textOf)).toEqual(['x', 'x']);
    await first.return?.();
    await send(clientId, clientId, 'y');
    expect(textOf(await second.next())).toBe('y');
    expect(await first.next()).toEqual({ value: undefined, done: true });
    expect(core.tap.packets({ packet: 'subscribe', clientId })).toHaveLength(1);
  });

  it.each([
    ['dropOldest', ['3', '4']],
    ['dropNewest', ['1', '2']],
  ] as const)('a slow consumer loses the %s ones, and is told how many', async (overflow, kept) => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const told: unknown[] = [];
    client.on('overflow', (event) => told.push(event));
    const slow = client.messages(clientId, { qos: 1, bufferSize: 2, overflow })[Symbol.asyncIterator]();
    const first = slow.next();
    const fast: string[] = [];
    await client.subscribe(clientId, { qos: 1 }, (message) => void fast.push(message.text()));
    await send(clientId, clientId, '0', '1', '2', '3', '4');
    expect(textOf(await first)).toBe('0');
    expect([textOf(await slow.next()), textOf(await slow.next())]).toEqual(kept);
    expect(told.at(-1)).toEqual({ filter: clientId, dropped: 2 });
    // Nobody else is held up by it.
    expect(fast).toEqual(['0', '1', '2', '3', '4']);
  });

  it('a burst of losses is told once, with what it came to', async () => {
    const told: number[] = [];
    const queue = new MessageQueue<number>(
      { limit: 2, overflow: 'dropOldest' },
      { onReturn: () => undefined, onOverflow: (dropped) => told.push(dropped) },
    );
    for (let burst = 1; burst <= 2; burst++) {
      for (let value = 0; value < 10; value++) queue.push(value);
      expect(told).toHaveLength(burst - 1);
      await Promise.resolve();
    }
    expect(told).toEqual([8, 18]);
  });

  it('close() ends the loop after what has come already', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const iterator = client.messages(clientId, { qos: 1 })[Symbol.asyncIterator]();
    const first = iterator.next();
    await core.when(() => brokerHas(clientId) === 1);
    await send(clientId, clientId, '1', '2');
    await client.close();
    expect(textOf(await first)).toBe('1');
    expect(textOf(await iterator.next())).toBe('2');
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
  });

  it('unsubscribe(filter) ends the loop', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const next = client.messages(clientId)[Symbol.asyncIterator]().next();
    await core.when(() => brokerHas(clientId) === 1);
    await client.unsubscribe(clientId);
    expect(await next).toEqual({ value: undefined, done: true });
  });

  it('a refused filter throws in the loop, once', async () => {
    const client = await liveClient(theCore());
    const iterator = client.messages('forbidden/a')[Symbol.asyncIterator]();
    expect(await failureOf(iterator.next())).toMatchObject({ code: 'SUBSCRIPTION_REFUSED' });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    const unread = client.messages('forbidden/b')[Symbol.asyncIterator]();
    await new Promise((resolve) => client.on('subscriptionRefused', resolve));
    expect(await failureOf(unread.next())).toMatchObject({ code: 'SUBSCRIPTION_REFUSED' });
    expect(await unread.next()).toEqual({ value: undefined, done: true });
  });

  it('offline it waits, and goes on across lost lines', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    const iterator = client.messages(clientId, { qos: 1 })[Symbol.asyncIterator]();
    const first = iterator.next();
    await client.connect();
    await client.when('live');
    await send(clientId, clientId, '1');
    await cutLine(core, client, clientId);
    await client.when('live');
    await send(clientId, clientId, '2');
    expect([textOf(await first), textOf(await iterator.next())]).toEqual(['1', '2']);
  });

  it('several next() at once are answered in order', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const iterator = client.messages(clientId, { qos: 1 })[Symbol.asyncIterator]();
    const three = [iterator.next(), iterator.next(), iterator.next()];
    await core.when(() => brokerHas(clientId) === 1);
    await send(clientId, clientId, '1', '2');
    await iterator.return?.();
    expect((await Promise.all(three)).map(textOf)).toEqual(['1', '2', undefined]);
  });

  it('a message reads as text, bytes and JSON, and says what is wrong without showing it', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const iterator = client.messages(clientId, { qos: 1 })[Symbol.asyncIterator]();
    const first = iterator.next();
    await core.when(() => brokerHas(clientId) === 1);
    await send(clientId, clientId, '{"on":true}', 'canary {');
    const { value: good } = await first;
    const { value: bad } = await iterator.next();
    expect(good).toMatchObject({ topic: clientId, qos: 1, retain: false, duplicate: false });
    expect([good?.json(), good?.payload.byteLength]).toEqual([{ on: true }, 11]);
    expect(() => bad?.json()).toThrow(expect.objectContaining({ code: 'INVALID_PAYLOAD' }));
    expect(() => bad?.json()).not.toThrow(/canary/);
  });

  it('throws for a filter over which the broker closes the line, as for a refused one', async () => {
    const client = clientOf(theCore());
    const next = client.messages('a')[Symbol.asyncIterator]().next();
    const error = new IotError('POISON_SUBSCRIPTION', 'closed over it');
    actorOf(client).send({ type: 'filter.poisoned', filter: 'a', error });
    await expect(next).rejects.toBe(error);
  });
});
