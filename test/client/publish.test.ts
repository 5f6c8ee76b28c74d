import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { PayloadInput } from '../../src/index.ts';
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

/** What the broker received from a client, as `topic=payload`. */
function sentBy(clientId: string): string[] {
  return theCore()
    .received.filter((one) => one.clientId === clientId)
    .map(({ topic, payload }) => `${topic}=${payload.toString()}`);
}

it('a receipt and a subscription print their state, and no payload', async () => {
  const client = clientOf(theCore());
  const receipt = await client.publish('a', 'canary', { qos: 1 });
  const subscription = await client.subscribe('b', { qos: 1 }, () => {});
  expect(inspect([receipt, subscription])).toBe(
    "[ { state: 'queued' }, { filter: 'b', qos: 1, state: 'recorded' } ]",
  );
});

describe('payloads', () => {
  const bytes = new Uint8Array([0, 104, 105, 0]).subarray(1, 3);
  it.each<[string, PayloadInput, string]>([
    ['text', 'hi', 'hi'],
    ['empty text', '', ''],
    ['text beyond ASCII', 'grün 🌿', 'grün 🌿'],
    ['a Uint8Array, only its own part', bytes, 'hi'],
    ['a Buffer', Buffer.from('hi'), 'hi'],
    ['an ArrayBuffer', new Uint8Array([104, 105]).buffer, 'hi'],
    ['a DataView', new DataView(bytes.buffer, 1, 2), 'hi'],
    ['a number', 0.4, '0.4'],
    ['a boolean', false, 'false'],
    ['an object', { moisture: 0.4 }, '{"moisture":0.4}'],
    ['an array', [1, null], '[1,null]'],
    ['a date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ])('%s', async (_what, payload, wire) => {
    const clientId = freshId();
    const client = await liveClient(theCore(), { clientId });
    for (const qos of [0, 1] as const) await client.publish('plants/basil', payload, { qos });
    await client.disconnect();
    expect(sentBy(clientId)).toEqual([`plants/basil=${wire}`, `plants/basil=${wire}`]);
  });

  it('fault:G-8 are those of the moment of the call', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId, offlineQueue: { drain: { perSecond: Infinity } } });
    const bytes = Buffer.from('before');
    const state = { on: 'before' };
    const options: { qos: 0 | 1; retain: boolean } = { qos: 1, retain: false };
    const calls = [client.publish('a', bytes, options), client.publish('b', state, options)];
    bytes.write('after!');
    state.on = 'after!';
    options.retain = true;
    const receipts = await Promise.all(calls);
    bytes.write('later!');
    await client.connect();
    await Promise.all(receipts.map(({ delivered }) => delivered));
    expect(sentBy(clientId)).toEqual(['a=before', 'b={"on":"before"}']);
    expect(core.received.some((one) => one.clientId === clientId && one.retain)).toBe(false);
  });

  it('retain and QoS reach the broker', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    await client.publish('kept', '1', { qos: 1, retain: true });
    await client.publish('kept', '', { qos: 1, retain: true });
    await client.publish('plain', '0');
    await client.disconnect();
    expect(core.received.filter((one) => one.clientId === clientId)).toMatchObject([
      { topic: 'kept', qos: 1, retain: true },
      { topic: 'kept', qos: 1, retain: true },
      { topic: 'plain', qos: 0, retain: false },
    ]);
  });
});

describe('a bad publish', () => {
  it.each([
    ['offline', false],
    ['live', true],
  ])('py:Q21 is rejected at once and never queued: %s', async (_where, isLive) => {
    const core = theCore();
    const clientId = freshId();
    const client = isLive ? await liveClient(core, { clientId }) : clientOf(core, { clientId });
    for (const topic of ['a/#', '+', '', 'a\0b', '\ud800', 'x'.repeat(65_536)]) {
      expect(await failureOf(client.publish(topic, 'x', { qos: 1 }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    for (const payload of [null, undefined, Number.NaN, cyclic, new Map([[1, 2]]), 1n, () => 1]) {
      const call = client.publish('a', payload as PayloadInput);
      expect(await failureOf(call)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(client.status).toMatchObject({ queued: 0, inFlight: 0 });
    expect(sentBy(clientId)).toEqual([]);
  });

  it('MQTT-2.2.3 is refused when no packet can hold it, and holds nothing up', async () => {
    const clientId = freshId();
    const client = await liveClient(theCore(), { clientId });
    // Remaining length is at most 268,435,455; topic, its length, packet id and properties take 6 of it.
    const tooLong = new Uint8Array(268_435_450);
    expect(await failureOf(client.publish('a', tooLong, { qos: 1 }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'payload must be at most 268435449 bytes long with this topic; given: "268435450 bytes"',
    });
    expect(await client.publish('a', 'small', { qos: 1 })).toMatchObject({ state: 'delivered' });
  });
});

describe('receipts', () => {
  it('QoS 1 on a live line: delivered, at PUBACK and not before', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const held = core.tap.hold({ packet: 'puback', clientId });
    let receipt: unknown;
    const published = client.publish('a', 'b', { qos: 1 }).then((given) => {
      receipt = given;
      return given;
    });
    await held.caught();
    await settled();
    expect(receipt).toBeUndefined();
    expect(client.status).toMatchObject({ inFlight: 1, queued: 0 });
    held.release();
    const { state, delivered } = await published;
    expect(state).toBe('delivered');
    await delivered;
    expect(client.status.inFlight).toBe(0);
  });

  it('py:S16 QoS 0 on a live line: delivered, when the socket has it', async () => {
    const client = await liveClient(theCore());
    const receipt = await client.publish('a', 'b');
    expect(receipt.state).toBe('delivered');
    await receipt.delivered;
  });

  it('without a line: queued at once; delivered ends when the broker has it (py:Q19, py:Q22)', async () => {
    const core = theCore();
    const client = clientOf(core);
    const receipt = await client.publish('a', 'b', { qos: 1 });
    expect(receipt.state).toBe('queued');
    expect(client.status.queued).toBe(1);
    await client.connect();
    await receipt.delivered;
    expect(receipt.state).toBe('delivered');
  });

  it('py:C17 a line that breaks before the PUBACK: queued, then delivered, with one more write', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId });
    const { held, published } = await unacknowledged(core, client, clientId);
    await core.faults.dropConnections({ clientId });
    const receipt = await published;
    held.release();
    expect(receipt.state).toBe('queued');
    await receipt.delivered;
    expect(sentBy(clientId)).toEqual(['a=b', 'a=b']);
  });

  it('undelivered: the promise of the delivery tells why, and so does the event', async () => {
    const client = clientOf(theCore());
    const told: unknown[] = [];
    client.on('undelivered', ({ topic, qos, error }) => told.push([topic, qos, error.code]));
    const receipt = await client.publish('a', 'b', { qos: 1, expiresInMs: 1 });
    expect(await failureOf(receipt.delivered)).toMatchObject({ code: 'MESSAGE_EXPIRED' });
    expect(receipt.state).toBe('undelivered');
    expect(told).toEqual([['a', 1, 'MESSAGE_EXPIRED']]);
  });

  it('fault:G-11 nobody has to look at delivered: it is never an unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const { client, clock } = stillClient(theCore());
    const looked = await client.publish('a', 'b', { expiresInMs: 1 });
    const pending = looked.delivered;
    const unlooked = await client.publish('a', 'b', { expiresInMs: 1 });
    clock.advance(1);
    expect([looked.state, unlooked.state]).toEqual(['undelivered', 'undelivered']);
    const late = unlooked.delivered;
    await settled();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    expect((await Promise.allSettled([pending, late])).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
    ]);
  });

  it('delivered is one and the same promise', async () => {
    const client = clientOf(theCore());
    const receipt = await client.publish('a', 'b');
    expect(receipt.delivered).toBe(receipt.delivered);
  });
});

describe('offlineQueue: false', () => {
  it('py:Q24 refuses what cannot go at once, and says so', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = clientOf(core, { clientId, offlineQueue: false });
    const refused = { code: 'NOT_CONNECTED', remediation: expect.stringMatching(/live/) };
    expect(await failureOf(client.publish('a', '1', { qos: 1 }))).toMatchObject(refused);
    await client.connect();
    await client.when('live');
    expect(await client.publish('a', '2', { qos: 1 })).toMatchObject({ state: 'delivered' });
    await client.disconnect();
    expect(await failureOf(client.publish('a', '3', { qos: 1 }))).toMatchObject(refused);
    expect(sentBy(clientId)).toEqual(['a=2']);
  });

  it('still sends again what was on the wire', async () => {
    const core = theCore();
    const clientId = freshId();
    const client = await liveClient(core, { clientId, offlineQueue: false });
    const held = core.tap.hold({ packet: 'publish', direction: 'toBroker', clientId });
    const published = client.publish('a', 'b', { qos: 1 });
    await held.caught();
    await core.faults.dropConnections({ clientId });
    held.release();
    await (await published).delivered;
    expect(sentBy(clientId)).toEqual(['a=b']);
  });
});

describe('overflow', () => {
  const numbers = Array.from({ length: 7 }, (_, index) => String(index + 1));

  it('py:Q9 py:R7 dropNewest: the publish rejects, the oldest five go', async () => {
    const core = theCore();
    const clientId = freshId();
    const offlineQueue = { maxMessages: 5, drain: { perSecond: Infinity } };
    const client = clientOf(core, { clientId, offlineQueue });
    const told: unknown[] = [];
    client.on('undelivered', (event) => told.push(event));
    const calls = await Promise.allSettled(numbers.map((text) => client.publish('a', text, { qos: 1 })));
    expect(calls.map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(calls.slice(5)).toMatchObject([
      { reason: { code: 'QUEUE_FULL', remediation: expect.stringContaining('`offlineQueue.maxMessages`') } },
      { reason: { code: 'QUEUE_FULL' } },
    ]);
    expect(client.status.queued).toBe(5);
    await client.connect();
    await client.when('live');
    await client.disconnect();
    expect(sentBy(clientId)).toEqual(['a=1', 'a=2', 'a=3', 'a=4', 'a=5']);
    // What a call rejected is told by the call, not by the event.
    expect(told).toEqual([]);
  });

  it('py:Q8 py:Q5 py:R7 dropOldest: the newest five go, and the others are told', async () => {
    const core = theCore();
    const clientId = freshId();
    const offlineQueue = { maxMessages: 5, overflow: 'dropOldest', drain: { perSecond: Infinity } } as const;
    const client = clientOf(core, { clientId, offlineQueue });
    const told: unknown[] = [];
    client.on('undelivered', ({ topic, qos, error }) => told.push([topic, qos, error.code]));
    const receipts = await Promise.all(numbers.map((text) => client.publish('a', text, { qos: 1 })));
    expect(receipts.map(({ state }) => state)).toEqual([
      'undelivered',
      'undelivered',
      ...Array<string>(5).fill('queued'),
    ]);
    await client.connect();
    await client.when('live');
    await client.disconnect();
    expect(sentBy(clientId)).toEqual(['a=3', 'a=4', 'a=5', 'a=6', 'a=7']);
    expect(told).toEqual([
      ['a', 1, 'QUEUE_EVICTED'],
      ['a', 1, 'QUEUE_EVICTED'],
    ]);
  });

  it('maxBytes binds too, and a message that can never fit is refused', async () => {
    const client = clientOf(theCore(), { offlineQueue: { maxBytes: 8, overflow: 'dropOldest' } });
    const first = await client.publish('ab', '1234', {});
    await client.publish('ab', '1', {});
    expect(first.state).toBe('undelivered');
    expect(await failureOf(client.publish('ab', '1234567'))).toMatchObject({ code: 'QUEUE_FULL' });
    expect(client.status.queued).toBe(1);
  });

  it('py:D9, py:D20 while draining a publish joins the tail; live it goes at once', async () => {
    const core = theCore();
    const clientId = freshId();
    const { client, clock } = stillClient(core, { clientId });
    for (const text of ['1', '2']) await client.publish('a', text, { qos: 1 });
    await client.connect();
    await client.when('draining');
    const joined = await client.publish('a', '3', { qos: 1 });
    expect(joined.state).toBe('queued');
    clock.advance(500);
    clock.advance(500);
    await client.when('live');
    expect(await client.publish('a', '4', { qos: 1 })).toMatchObject({ state: 'delivered' });
    expect(sentBy(clientId)).toEqual(['a=1', 'a=2', 'a=3', 'a=4']);
  });

  it('py:D10 a drain that will not end is told', async () => {
    const core = theCore();
    const offlineQueue = { maxMessages: Infinity, drain: { perSecond: 1, adaptive: false } };
    const { client, clock } = stillClient(core, { offlineQueue });
    const told: unknown[] = [];
    client.on('endlessDrain', (event) => told.push(event));
    await client.publish('a', '1', { qos: 1 });
    await client.connect();
    await client.when('draining');
    for (let beat = 0; beat < 5; beat++) {
      await client.publish('a', '+', { qos: 1 });
      await client.publish('a', '+', { qos: 1 });
      clock.advance(1_000);
    }
    await settled(1);
    expect(told).toEqual([{ queued: expect.any(Number) }]);
  });
});
