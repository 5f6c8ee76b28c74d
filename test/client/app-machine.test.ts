import { afterEach, describe, expect, it } from 'vitest';
import { createActor, setup } from 'xstate';
import {
  clientInput,
  createIotClient,
  type IotClientOptions,
  clientOf as promiseApi,
} from '../../src/index.ts';
import { actorOf, type ClientActorRef, type ClientFact, clientMachine } from '../../src/machines/index.ts';
import { clientOf, freshId, liveClient, thrownBy, useCore } from './support.ts';

const theCore = useCore();

const apps: { stop(): void }[] = [];

/** An app that has a machine of its own, and a client below it. Everything that the client tells comes to it as an event. */
function appOf(options: IotClientOptions) {
  const facts: ClientFact[] = [];
  const waiting = new Set<() => void>();
  const machine = setup({
    types: { events: {} as ClientFact, context: {} as { client: ClientActorRef } },
    actors: { client: clientMachine },
    actions: {
      remember: ({ event }) => {
        facts.push(event);
        for (const look of waiting) look();
      },
    },
  }).createMachine({
    id: 'app',
    context: ({ spawn, self }) => ({
      client: spawn('client', { id: 'client', input: clientInput(options, { parent: self }) }),
    }),
    on: { '*': { actions: 'remember' } },
  });
  const actor = createActor(machine);
  apps.push(actor);
  actor.start();
  const { client } = actor.getSnapshot().context;
  const heard = (type: ClientFact['type'], count = 1): Promise<ClientFact[]> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = facts.filter((fact) => fact.type === type);
        if (found.length < count) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { actor, client, facts, heard };
}

afterEach(() => {
  for (const app of apps.splice(0)) app.stop();
});

describe('a client that an app machine spawns, by events alone', () => {
  it('connects, subscribes, publishes, and hears of each message and of its own', async () => {
    const { client, facts, heard } = appOf(theCore().plainOptions(freshId()));
    client.send({ type: 'subscribe', filter: 'plants/+', qos: 1 });
    client.send({ type: 'connect' });
    await heard('connection.live');
    client.send({ type: 'publish', id: 'one', topic: 'plants/basil', payload: { moisture: 0.4 }, qos: 1 });
    expect(await heard('message.delivered')).toMatchObject([{ id: 'one', topic: 'plants/basil' }]);
    const [received] = await heard('message.received');
    if (received?.type !== 'message.received') throw new Error('no message');
    expect(received.filter).toBe('plants/+');
    expect(received.message.json()).toEqual({ moisture: 0.4 });
    expect(facts.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['connection.connected', 'filter.granted', 'queue.drained']),
    );
    client.send({ type: 'disconnect' });
    await heard('connection.ended', 2);
  });

  it('tells that a message waits without a line, and then that it is delivered', async () => {
    const { client, heard } = appOf(theCore().plainOptions(freshId()));
    client.send({ type: 'publish', id: 'early', topic: 'a', payload: 'b', qos: 1 });
    expect(await heard('message.queued')).toMatchObject([{ id: 'early', topic: 'a' }]);
    client.send({ type: 'connect' });
    expect(await heard('message.delivered')).toMatchObject([{ id: 'early' }]);
  });

  it('tells of bad input by the fact that tells how it ended, and goes on', async () => {
    const { client, heard } = appOf(theCore().plainOptions(freshId()));
    client.send({ type: 'publish', id: 'bad', topic: 'a/+', payload: 'b' });
    client.send({ type: 'subscribe', filter: 'a#' });
    expect(await heard('message.undelivered')).toMatchObject([
      { id: 'bad', topic: 'a/+', error: { code: 'INVALID_ARGUMENT' } },
    ]);
    expect(await heard('subscription.failed')).toMatchObject([
      { filter: 'a#', error: { code: 'INVALID_ARGUMENT' } },
    ]);
    client.send({ type: 'connect' });
    await heard('connection.live');
  });

  it('unsubscribes; a filter that is subscribed twice is told once, as it was asked for last', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, facts, heard } = appOf(core.plainOptions(clientId));
    const other = await liveClient(core);
    client.send({ type: 'connect' });
    client.send({ type: 'subscribe', filter: 'twice', qos: 0 });
    client.send({ type: 'subscribe', filter: 'twice', qos: 1 });
    client.send({ type: 'subscribe', filter: 'marks' });
    await heard('connection.live');
    await other.publish('twice', '1', { qos: 1 });
    await other.publish('marks', 'so far');
    await heard('message.received', 2);
    expect(facts.filter(({ type }) => type === 'message.received')).toHaveLength(2);
    client.send({ type: 'unsubscribe', filter: 'twice' });
    await heard('filter.released');
    await other.publish('twice', '2', { qos: 1 });
    await other.publish('marks', 'so far');
    expect(await heard('message.received', 3)).toHaveLength(3);
    // Another wrong one leaves what there is.
    client.send({ type: 'subscribe', filter: 'marks', qos: 7 as never });
    await heard('subscription.failed');
    await other.publish('marks', 'still');
    await heard('message.received', 4);
  });

  it('keeps what there is when several in a row are wrong, and ends it by unsubscribe at once after a wrong one', async () => {
    const { client, facts, heard } = appOf(theCore().plainOptions(freshId()));
    client.send({ type: 'connect' });
    client.send({ type: 'subscribe', filter: 'kept' });
    await heard('filter.granted');
    client.send({ type: 'subscribe', filter: 'kept', qos: 7 as never });
    client.send({ type: 'subscribe', filter: 'kept', qos: 8 as never });
    await heard('subscription.failed', 2);
    await heard('connection.live');
    await promiseApi(client).publish('kept', 'still', { qos: 1 });
    await heard('message.received');
    client.send({ type: 'subscribe', filter: 'kept', qos: 7 as never });
    client.send({ type: 'unsubscribe', filter: 'kept' });
    await heard('filter.released');
    expect(promiseApi(client).dehydrate().subscriptions).toEqual([]);
    expect(facts.filter(({ type }) => type === 'message.received')).toHaveLength(1);
  });

  it('tells the parent what becomes of a message that the end of the client took', async () => {
    const { client, heard } = appOf(theCore().plainOptions(freshId()));
    client.send({ type: 'publish', id: 'late', topic: 'a', payload: 'b', qos: 1 });
    await heard('message.queued');
    client.send({ type: 'close' });
    expect(await heard('message.undelivered')).toMatchObject([{ id: 'late', error: { code: 'CLOSED' } }]);
  });

  it('is gone with its app: no socket, no timer, and each promise settled', async () => {
    const core = theCore();
    const clientId = freshId();
    const { actor, client, heard } = appOf(core.plainOptions(clientId));
    client.send({ type: 'connect' });
    await heard('connection.live');
    const next = promiseApi(client).messages('x')[Symbol.asyncIterator]().next();
    actor.stop();
    await core.when(() => !core.connections.some((one) => one.clientId === clientId));
    expect(promiseApi(client).status.state).toBe('closed');
    expect(await next).toEqual({ value: undefined, done: true });
  });
});

describe('clientOf', () => {
  it('is the promise API of an actor that somebody else started: the same for the same actor', async () => {
    const { client, heard } = appOf(theCore().plainOptions(freshId()));
    const api = promiseApi(client);
    expect(promiseApi(client)).toBe(api);
    expect(actorOf(api)).toBe(client);
    await api.connect();
    await heard('connection.live');
    const receipt = await api.publish('a', 'b', { qos: 1 });
    expect(receipt.state).toBe('delivered');
    expect(await api.shadow('lamp').get()).toBeUndefined();
    await api.close();
    expect(client.getSnapshot().status).toBe('done');
  });

  it('of what createIotClient() made is that client', () => {
    const client = clientOf(theCore());
    expect(actorOf(promiseApi(actorOf(client)))).toBe(actorOf(client));
  });

  it.each([
    ['nothing', undefined],
    ['another actor', createActor(setup({}).createMachine({}))],
    ['a client', {}],
  ])('refuses %s', (_, actor) => {
    expect(thrownBy(() => promiseApi(actor as object))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('clientMachine') as string,
    });
  });

  it('refuses an actor that was not started', () => {
    const actor = createActor(clientMachine, { input: clientInput(theCore().plainOptions(freshId())) });
    expect(thrownBy(() => promiseApi(actor))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('clientInput', () => {
  it('checks the options at once, and what belongs to the app', () => {
    const options = theCore().plainOptions(freshId());
    const refused = (given: object, more?: object) =>
      thrownBy(() => clientInput({ ...options, ...given }, more)).message;
    expect(refused({ endpoint: '' })).toContain('endpoint');
    expect(refused({ inspect: () => undefined })).toContain('createActor()');
    expect(refused({}, { parent: 1 })).toContain('parent');
    expect(refused({}, { parent: { send: () => undefined } })).toContain('parent');
    expect(refused({}, { other: 1 })).toContain('other');
  });

  it('is for one actor: the second one ends, and says so', async () => {
    const input = clientInput(theCore().plainOptions(freshId()));
    const first = createActor(clientMachine, { input }).start();
    const second = createActor(clientMachine, { input }).start();
    expect(second.getSnapshot()).toMatchObject({
      status: 'done',
      context: { failure: { code: 'INVALID_ARGUMENT', message: expect.stringContaining('one actor') } },
    });
    const client = promiseApi(first);
    await client.connect();
    await client.close();
  });
});

describe('the option inspect', () => {
  it('hears every step from the first on, as a function or as an observer', async () => {
    const types = new Set<string>();
    const events: string[] = [];
    const client = clientOf(theCore(), {
      inspect: { next: (event: { type: string }) => types.add(event.type) },
    });
    const other = clientOf(theCore(), {
      inspect: (event: { type: string; event?: { type: string } }) => events.push(event.event?.type ?? ''),
    });
    await Promise.all([client.connect(), other.connect()]);
    expect([...types].sort()).toEqual(
      expect.arrayContaining(['@xstate.actor', '@xstate.event', '@xstate.microstep', '@xstate.snapshot']),
    );
    expect(events).toContain('transport.connected');
  });

  it('that throws is reported once, and harms nothing', async () => {
    const errors: unknown[] = [];
    const client = clientOf(theCore(), {
      inspect: () => {
        throw new Error('observer');
      },
    });
    client.on('handlerError', ({ error }) => errors.push(error));
    await client.connect();
    await client.when('live');
    expect(errors).toMatchObject([{ message: 'observer' }]);
  });

  it('that rejects is reported once too', async () => {
    const rejecting: () => unknown = () => Promise.reject(new Error('later'));
    const errors: unknown[] = [];
    const client = clientOf(theCore(), { inspect: rejecting });
    client.on('handlerError', ({ error }) => errors.push(error));
    await client.connect();
    await client.when('live');
    expect(errors).toMatchObject([{ message: 'later' }]);
  });

  it('is refused when it is no observer', () => {
    const options = theCore().plainOptions(freshId());
    for (const inspect of [1, {}, 'a', null])
      expect(thrownBy(() => createIotClient({ ...options, inspect: inspect as never })).message).toContain(
        'inspect',
      );
  });
});
