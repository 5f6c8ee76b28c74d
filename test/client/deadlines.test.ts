import { describe, expect, it } from 'vitest';
import { clientOf, cutLine, failureOf, freshId, liveClient, stillClient, useCore } from './support.ts';

const theCore = useCore();

/** A live client, and a QoS 1 publish of it whose PUBACK is held. */
async function onTheWire(options: object) {
  const core = theCore();
  const clientId = freshId();
  const { client, clock } = stillClient(core, { clientId });
  await client.connect();
  await client.when('live');
  const undelivered: string[] = [];
  client.on('undelivered', ({ error }) => undelivered.push(error.code));
  const held = core.tap.hold({ packet: 'puback', clientId });
  const published = client.publish('a', 'b', { qos: 1, ...options });
  published.catch(() => undefined);
  await held.caught();
  const writes = (): number =>
    core.tap.packets({ packet: 'publish', direction: 'toBroker', clientId }).length;
  const cut = async (): Promise<void> => {
    await cutLine(core, client, clientId);
    held.release();
    clock.advance(5);
    await client.when('live');
  };
  return { core, client, clock, held, published, undelivered, writes, cut };
}

/** Is a signal in all but its class. */
class ForeignSignal extends EventTarget {
  aborted = false;
  reason: unknown;

  abort(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    this.dispatchEvent(new Event('abort'));
  }
}

describe('a publish that its caller bounds, while it waits', () => {
  it('timeoutMs: undelivered with TIMEOUT, and never sent', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    const receipt = await client.publish('a', 'b', { qos: 1, timeoutMs: 100 });
    clock.advance(99);
    expect(receipt.state).toBe('queued');
    clock.advance(1);
    expect(await failureOf(receipt.delivered)).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: false });
    expect(client.status.queued).toBe(0);
    await client.connect();
    await client.when('live');
    expect(core.tap.packets({ packet: 'publish', clientId })).toHaveLength(0);
  });

  it('expiresInMs: undelivered with MESSAGE_EXPIRED, and never sent', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    const short = await client.publish('a', '1', { qos: 1, expiresInMs: 100 });
    const long = await client.publish('a', '2', { qos: 1, expiresInMs: 60_000 });
    clock.advance(100);
    expect(await failureOf(short.delivered)).toMatchObject({
      code: 'MESSAGE_EXPIRED',
      outcomeUnknown: false,
    });
    await client.connect();
    await long.delivered;
    expect(core.tap.packets({ packet: 'publish', direction: 'toBroker', clientId })).toHaveLength(1);
  });

  it('signal: rejects with its reason, and the event says ABORTED', async () => {
    const { client } = stillClient(theCore());
    const told: unknown[] = [];
    client.on('undelivered', ({ error }) => told.push(error.code));
    const stop = new AbortController();
    const receipt = await client.publish('a', 'b', { signal: stop.signal });
    const reason = new Error('no longer of use');
    stop.abort(reason);
    await expect(receipt.delivered).rejects.toBe(reason);
    expect(told).toEqual(['ABORTED']);
  });

  it('signal: one of another realm or of a polyfill is as good', async () => {
    const { client } = stillClient(theCore());
    const signal = new ForeignSignal();
    const receipt = await client.publish('a', 'b', { signal: signal as unknown as AbortSignal });
    signal.abort('enough');
    await expect(receipt.delivered).rejects.toBe('enough');
  });

  it('signal: aborted already, nothing begins', async () => {
    const { client } = stillClient(theCore());
    await expect(client.publish('a', 'b', { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(client.status.queued).toBe(0);
  });

  it('an abort without a reason of its own rejects with an AbortError', async () => {
    const { client } = stillClient(theCore());
    await expect(client.publish('a', 'b', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('a publish that its caller bounds, on the wire', () => {
  it('py:C17 timeoutMs: rejects with outcomeUnknown, and is not sent again', async () => {
    const { client, clock, held, published, undelivered, writes, cut } = await onTheWire({ timeoutMs: 100 });
    clock.advance(100);
    expect(await failureOf(published)).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: true });
    expect(client.status).toMatchObject({ inFlight: 0, queued: 0 });
    expect(held.held).toBe(1);
    await cut();
    expect(writes()).toBe(1);
    // The call has told it: the event is for what a call had called queued.
    expect(undelivered).toEqual([]);
  });

  it('signal: rejects with its reason, and is not sent again', async () => {
    const stop = new AbortController();
    const { published, writes, cut } = await onTheWire({ signal: stop.signal });
    stop.abort('enough');
    await expect(published).rejects.toBe('enough');
    await cut();
    expect(writes()).toBe(1);
  });

  it('a PUBACK after the end changes nothing', async () => {
    const { client, clock, held, published, writes } = await onTheWire({ timeoutMs: 100 });
    clock.advance(100);
    held.release();
    expect(await failureOf(published)).toMatchObject({ code: 'TIMEOUT' });
    expect(await client.publish('a', 'c', { qos: 1 })).toMatchObject({ state: 'delivered' });
    expect(writes()).toBe(2);
  });

  it('expiresInMs: the PUBACK still counts as delivered', async () => {
    const { clock, held, published } = await onTheWire({ expiresInMs: 100 });
    clock.advance(100);
    held.release();
    expect(await published).toMatchObject({ state: 'delivered' });
  });

  it('expiresInMs: a line that ends afterwards makes it undelivered, with outcomeUnknown, and it is not sent again', async () => {
    const { clock, published, writes, cut } = await onTheWire({ expiresInMs: 100 });
    clock.advance(100);
    await cut();
    expect(await failureOf(published)).toMatchObject({ code: 'MESSAGE_EXPIRED', outcomeUnknown: true });
    expect(writes()).toBe(1);
  });

  it('to be resent: an abort between two lines says outcomeUnknown', async () => {
    const core = theCore();
    const stop = new AbortController();
    const { client, published, writes, held, clock } = await onTheWire({ signal: stop.signal });
    const told: unknown[] = [];
    client.on('undelivered', ({ error }) => told.push([error.code, error.outcomeUnknown]));
    const { clientId } = core.tap.log.at(-1)!;
    await core.faults.dropConnections({ clientId: clientId! });
    const receipt = await published;
    expect(receipt.state).toBe('queued');
    expect(client.status).toMatchObject({ queued: 1, inFlight: 0 });
    stop.abort('enough');
    await expect(receipt.delivered).rejects.toBe('enough');
    expect(told).toEqual([['ABORTED', true]]);
    held.release();
    clock.advance(5);
    await client.when('live');
    expect(writes()).toBe(1);
  });

  it('leaves no timer behind, whatever came first', async () => {
    const { client, clock, held, published } = await onTheWire({ timeoutMs: 60_000, expiresInMs: 60_000 });
    held.release();
    await published;
    await client.disconnect();
    expect(clock.pending).toBe(0);
  });
});

describe('the bounds of the other calls', () => {
  it('subscribe: timeoutMs and signal end it, and the filter with it', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    await client.connect();
    await client.when('live');
    const held = core.tap.hold({ packet: 'suback', clientId });
    const timedOut = failureOf(client.subscribe('a', { timeoutMs: 100 }, () => undefined));
    const stop = new AbortController();
    const aborted = client
      .subscribe('b', { signal: stop.signal }, () => undefined)
      .catch((reason: unknown) => reason);
    await held.caught();
    clock.advance(100);
    stop.abort('enough');
    expect(await timedOut).toMatchObject({ code: 'TIMEOUT' });
    expect(await aborted).toBe('enough');
    held.release();
    await core.when(() =>
      core.clients.some((one) => one.clientId === clientId && one.subscriptions.length === 0),
    );
    await expect(client.subscribe('c', { signal: AbortSignal.abort('no') }, () => undefined)).rejects.toBe(
      'no',
    );
  });

  it('subscribe: a bound that is kept leaves the subscription alone', async () => {
    const { client, clock } = stillClient(theCore());
    const stop = new AbortController();
    const subscription = await client.subscribe(
      'a',
      { timeoutMs: 100, signal: stop.signal },
      () => undefined,
    );
    clock.advance(100);
    stop.abort('too late');
    expect(subscription.state).toBe('recorded');
    expect(clock.pending).toBe(0);
  });

  it('unsubscribe: rejects in time, and is done all the same', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    await client.connect();
    const first = await client.subscribe('a', () => undefined);
    const second = await client.subscribe('a', () => undefined);
    await client.subscribe('b', () => undefined);
    const held = core.tap.hold({ packet: 'unsuback', clientId });
    const stop = new AbortController();
    const aborted = client.unsubscribe('b', { signal: stop.signal }).catch((reason: unknown) => reason);
    const timedOut = failureOf(client.unsubscribe('a', { timeoutMs: 100 }));
    await held.caught();
    expect([first.state, second.state]).toEqual(['ended', 'ended']);
    stop.abort('enough');
    clock.advance(100);
    expect(await aborted).toBe('enough');
    expect(await timedOut).toMatchObject({ code: 'TIMEOUT' });
    held.release();
    await core.when(() =>
      core.clients.some((one) => one.clientId === clientId && one.subscriptions.length === 0),
    );
    await expect(client.unsubscribe('b', { signal: AbortSignal.abort('no') })).rejects.toBe('no');
  });

  it('when: timeoutMs, signal, and a signal that is aborted already', async () => {
    const { client, clock } = stillClient(theCore());
    const timedOut = failureOf(client.when('live', { timeoutMs: 100 }));
    const stop = new AbortController();
    const aborted = client.when('live', { signal: stop.signal }).catch((reason: unknown) => reason);
    clock.advance(100);
    stop.abort('enough');
    expect(await timedOut).toMatchObject({ code: 'TIMEOUT', message: 'when() took longer than 100 ms' });
    expect(await aborted).toBe('enough');
    await expect(client.when('idle', { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(clock.pending).toBe(0);
  });

  it('a publish of QoS 0 that has a bound is delivered like any other', async () => {
    const client = await liveClient(theCore());
    const receipt = await client.publish('a', 'b', { timeoutMs: 10_000, expiresInMs: 10_000 });
    expect(receipt.state).toBe('delivered');
    const other = clientOf(theCore());
    expect(await other.publish('a', 'b', { timeoutMs: 10_000 })).toMatchObject({ state: 'queued' });
  });
});
