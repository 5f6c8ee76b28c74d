import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import {
  clientOf,
  failureOf,
  freshId,
  liveClient,
  settled,
  stillClient,
  unacknowledged,
  useCore,
} from './support.ts';

const theCore = useCore();

describe('disconnect() in each state', () => {
  it('idle: ends at once, and may be called again', async () => {
    const client = clientOf(theCore());
    await client.disconnect();
    await Promise.all([client.disconnect(), client.disconnect({ flushTimeoutMs: 0 })]);
    expect(client.status.state).toBe('idle');
  });

  it('connecting: ends the attempt, and the connect() rejects', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    const held = core.tap.hold({ packet: 'connack', clientId });
    const connecting = failureOf(client.connect());
    await held.caught();
    await client.disconnect();
    expect(await connecting).toMatchObject({ code: 'DISCONNECTED' });
    expect(client.status.state).toBe('idle');
    held.release();
    await core.when(() => !core.connections.some((one) => one.clientId === clientId));
  });

  it('resubscribing: does not wait for the SUBACK', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    const subscription = await client.subscribe('a', () => undefined);
    const held = core.tap.hold({ packet: 'suback', clientId });
    await client.connect();
    await held.caught();
    const ending = client.disconnect();
    held.release();
    await ending;
    expect(subscription.state).not.toBe('ended');
  });

  it('draining: what waits stays in the queue, in order (py:D15)', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    for (const text of ['1', '2', '3']) await client.publish(clientId, text, { qos: 1 });
    await client.connect();
    await client.when('draining');
    await core.tap.waitFor({ packet: 'puback', clientId });
    await client.disconnect();
    expect(client.status).toMatchObject({ state: 'idle', queued: 2, inFlight: 0 });
    await client.connect();
    await client.when('draining');
    clock.advance(1_000);
    await client.when('live');
    await core.tap.waitFor({ packet: 'puback', clientId }, 3);
    expect(
      core.received.filter((one) => one.clientId === clientId).map((one) => String(one.payload)),
    ).toEqual(['1', '2', '3']);
  });

  it('live: waits for what is in flight, then says DISCONNECT', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const { held, published } = await unacknowledged(core, client, clientId);
    const ending = client.disconnect();
    await settled();
    expect(client.status).toMatchObject({ state: 'disconnecting', inFlight: 1 });
    expect(core.tap.packets({ packet: 'disconnect', clientId })).toHaveLength(0);
    held.release();
    expect(await published).toMatchObject({ state: 'delivered' });
    await ending;
    expect(core.tap.packets({ packet: 'disconnect', clientId })).toHaveLength(1);
  });

  it('live, with flushTimeoutMs: waits no longer, and keeps what is in flight', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    await client.connect();
    await client.when('live');
    const { held, published } = await unacknowledged(core, client, clientId);
    const ending = client.disconnect({ flushTimeoutMs: 100 });
    clock.advance(99);
    await settled();
    expect(client.status.state).toBe('disconnecting');
    clock.advance(1);
    await core.tap.waitFor({ packet: 'disconnect', clientId });
    clock.advance(1_000);
    await ending;
    held.drop();
    const receipt = await published;
    expect(receipt.state).toBe('queued');
    await client.connect();
    await receipt.delivered;
    expect(core.tap.packets({ packet: 'publish', direction: 'toBroker', clientId })).toHaveLength(2);
  });

  it('backing off: ends at once, and nothing dials any more (py:B14, py:B15)', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    core.faults.refuse({ returnCode: 3, times: 1 });
    const connecting = failureOf(client.connect());
    await client.when('backingOff');
    await client.disconnect();
    expect(await connecting).toMatchObject({ code: 'DISCONNECTED' });
    expect(clock.pending).toBe(0);
    clock.advance(60_000);
    await settled();
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });

  it('failed: ends at idle', async () => {
    const core = theCore();
    const client = clientOf(core);
    core.faults.refuse({ returnCode: 2, times: 1 });
    await failureOf(client.connect());
    await client.disconnect();
    expect(client.status.state).toBe('idle');
  });

  it('closing, and closed: ends with the close', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const { held, published } = await unacknowledged(core, client, clientId);
    const closing = client.close();
    const ending = client.disconnect();
    held.release();
    await Promise.all([closing, ending, published]);
    await client.disconnect();
    expect(client.status.state).toBe('closed');
  });
});

describe('disconnect() and connect(), one right after the other', () => {
  it('connect() during the flush: the line is renewed, with one socket at a time', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    let most = 0;
    const stop = core.tap.on(() => {
      most = Math.max(most, core.clients.filter((one) => one.clientId === clientId).length);
    });
    const { held, published } = await unacknowledged(core, client, clientId);
    const ending = client.disconnect();
    const again = client.connect();
    await ending;
    held.release();
    await Promise.all([published, again]);
    await client.when('live');
    stop();
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(2);
    expect(core.tap.packets({ packet: 'disconnect', clientId })).toHaveLength(1);
    expect(most).toBe(1);
  });

  it('connect(), disconnect(), connect() at once: the last one counts', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId });
    const first = failureOf(client.connect());
    const ending = client.disconnect();
    const last = client.connect();
    await Promise.all([ending, last]);
    expect(await first).toMatchObject({ code: 'DISCONNECTED' });
    await client.when('live');
    await core.when(() => core.connections.filter((one) => one.clientId === clientId).length === 1);
  });

  it('disconnect(), connect(), disconnect() during the flush: stays down', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const { held, published } = await unacknowledged(core, client, clientId);
    const calls = [client.disconnect(), failureOf(client.connect()), client.disconnect()];
    held.release();
    const [, rejected] = await Promise.all(calls);
    await published;
    expect(rejected).toMatchObject({ code: 'DISCONNECTED' });
    expect(client.status.state).toBe('idle');
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });

  it('a connect() that is given up during the flush leaves the line down', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const { held, published } = await unacknowledged(core, client, clientId);
    const giveUp = new AbortController();
    const ending = client.disconnect();
    const again = client.connect({ signal: giveUp.signal }).catch((reason: unknown) => reason);
    giveUp.abort('enough');
    expect(await again).toBe('enough');
    held.release();
    await Promise.all([ending, client.when('idle')]);
    expect(['delivered', 'queued']).toContain((await published).state);
    expect(core.tap.packets({ packet: 'connect', clientId })).toHaveLength(1);
  });

  it('py:S15 the same client serves three rounds', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId, clock: new SimulatedClock() });
    const got: string[] = [];
    await client.subscribe(clientId, { qos: 1 }, (message) => void got.push(message.text()));
    const rounds = [
      ['1', '2', '3'],
      ['4', '5', '6'],
      ['7', '8', '9'],
    ];
    for (const round of rounds) {
      await client.connect();
      await client.when('live');
      for (const text of round) await client.publish(clientId, text, { qos: 1 });
      const last = Number(round.at(-1));
      await core.tap.waitFor({ packet: 'puback', direction: 'toBroker', clientId }, last);
      await client.disconnect();
    }
    expect(got).toEqual(rounds.flat());
  });
});
