import { describe, expect, it, vi } from 'vitest';
import { actorOf } from '../../src/machines/index.ts';
import {
  clientOf,
  collect,
  failureOf,
  freshId,
  liveClient,
  settled,
  stillClient,
  thrownBy,
  useCore,
} from './support.ts';

const theCore = useCore();

it('a machine that fails ends the client, says why, and throws nothing at the process', async () => {
  const cause = new Error('no time');
  const { client, clock } = stillClient(theCore());
  theCore().faults.refuse({ returnCode: 3, times: 1 });
  const receipt = await client.publish('a', 'b', { qos: 1 });
  const now = vi.spyOn(clock, 'now').mockImplementation(() => {
    throw cause;
  });
  expect(await failureOf(client.connect())).toMatchObject({ code: 'INTERNAL', cause });
  now.mockRestore();
  expect(await failureOf(receipt.delivered)).toMatchObject({ code: 'INTERNAL', cause });
  expect(client.status.state).toBe('closed');
  await settled();
});

describe('fault:G-13 the actor is stopped from outside', () => {
  it('live: everything that is open ends as CLOSED, and the socket is gone', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const known = await client.subscribe('known', () => undefined);
    const held = core.tap.hold({ direction: 'toClient', clientId });
    const published = client.publish('a', 'b', { qos: 1, timeoutMs: 60_000 });
    const subscribing = client.subscribe('a', { timeoutMs: 60_000 }, () => undefined);
    const unsubscribing = known.unsubscribe({ timeoutMs: 60_000 });
    const next = client.messages('b')[Symbol.asyncIterator]().next();
    const waiting = failureOf(client.when('idle', { timeoutMs: 60_000 }));
    const story = collect(client.statusChanges());
    await held.caught();
    actorOf(client).stop();
    expect(client.status).toMatchObject({ state: 'closed', queued: 0, inFlight: 0 });
    // Without a line both are kept by the client; then it ends.
    expect(await failureOf((await published).delivered)).toMatchObject({
      code: 'CLOSED',
      outcomeUnknown: true,
    });
    expect(await failureOf((await subscribing).granted)).toMatchObject({ code: 'CLOSED' });
    await unsubscribing;
    expect(await next).toEqual({ value: undefined, done: true });
    expect(await waiting).toMatchObject({ code: 'CLOSED' });
    expect((await story).map(({ state }) => state)).toEqual(['closed']);
    held.release();
    await core.when(() => !core.connections.some((one) => one.clientId === clientId));
    await client.close();
  });

  it('connecting: connect() ends as CLOSED', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    const held = core.tap.hold({ packet: 'connack', clientId });
    const connecting = failureOf(client.connect({ timeoutMs: 1_000 }));
    await held.caught();
    actorOf(client).stop();
    expect(await connecting).toMatchObject({ code: 'CLOSED' });
    expect(clock.pending).toBe(0);
    held.release();
    await core.when(() => !core.connections.some((one) => one.clientId === clientId));
  });

  it('while disconnecting, backing off, draining: nothing is left open', async () => {
    const core = theCore();
    const clientId = freshId();
    const ending = await liveClient(core, { clientId });
    const held = core.tap.hold({ packet: 'puback', clientId });
    const published = ending.publish('a', 'b', { qos: 1 });
    await held.caught();
    const disconnecting = ending.disconnect();
    actorOf(ending).stop();
    await Promise.all([disconnecting, published]);
    held.release();

    const { client: waiting, clock } = stillClient(core);
    core.faults.refuse({ returnCode: 3, times: 1 });
    const connecting = failureOf(waiting.connect());
    await waiting.when('backingOff');
    actorOf(waiting).stop();
    expect(await connecting).toMatchObject({ code: 'CLOSED' });
    expect(clock.pending).toBe(0);

    const { client: draining, clock: beat } = stillClient(core);
    const receipts = [
      await draining.publish('a', '1', { qos: 1 }),
      await draining.publish('a', '2', { qos: 1 }),
    ];
    await draining.connect();
    await draining.when('draining');
    actorOf(draining).stop();
    expect(await failureOf(receipts[1]!.delivered)).toMatchObject({ code: 'CLOSED', outcomeUnknown: false });
    expect(beat.pending).toBe(0);
  });

  it('inside of a status event', async () => {
    const client = clientOf(theCore());
    client.on('status', ({ state }) => {
      if (state === 'connecting') actorOf(client).stop();
    });
    expect(await failureOf(client.connect())).toMatchObject({ code: 'CLOSED' });
    await settled();
    expect(client.status.state).toBe('closed');
  });

  it('every later call is refused, or has nothing to do', async () => {
    const client = clientOf(theCore());
    actorOf(client).stop();
    actorOf(client).stop();
    const calls = [
      client.connect(),
      client.publish('a', 'b'),
      client.subscribe('a', () => undefined),
      client.when('live'),
    ];
    expect((await Promise.all(calls.map(failureOf))).map(({ code }) => code)).toEqual(
      Array(4).fill('CLOSED'),
    );
    await Promise.all([client.disconnect(), client.close(), client.unsubscribe('a')]);
    expect(await client.when('closed')).toMatchObject({ state: 'closed' });
  });

  it.each([{}, null, 'lamp'])('actorOf() takes a client, and not %j', (client) => {
    expect(thrownBy(() => actorOf(client as object))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^client must be what createIotClient\(\) returned; given: /),
    });
  });
});
