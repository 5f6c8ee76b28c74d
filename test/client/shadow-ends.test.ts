// How requests about a shadow end that are not answered: without a line, aborted, closed, and all of them at once.
import { describe, expect, test, vi } from 'vitest';
import type { Authentication } from '../../src/adapters/authentication.ts';
import { plainTcp } from '../../src/adapters/plain-tcp.ts';
import { actorOf } from '../../src/machines/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { hadBy, machineOf, published } from './shadow-support.ts';
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

const core = useCore();

async function device(options: Parameters<typeof liveClient>[1] = {}) {
  const clientId = freshId();
  const client = await liveClient(core(), { clientId, ...options });
  return { client, clientId, thing: `thing-${clientId}` };
}

const OPERATIONS = ['get', 'update', 'delete'] as const;
type Options = { waitForConnection?: boolean; signal?: AbortSignal; timeoutMs?: number };

function ask(
  shadow: ReturnType<Awaited<ReturnType<typeof device>>['client']['shadow']>,
  operation: (typeof OPERATIONS)[number],
  options: Options = {},
): Promise<unknown> {
  return operation === 'update' ? shadow.update({ desired: { a: 1 } }, options) : shadow[operation](options);
}

describe('without a line', () => {
  test.each(OPERATIONS)(
    'py:H21 %s rejects at once with DISCONNECTED, and nothing of it is left',
    async (operation) => {
      const { client, clock } = stillClient(core());
      const shadow = client.shadow('lamp');
      expect(await failureOf(ask(shadow, operation))).toMatchObject({
        code: 'DISCONNECTED',
        outcomeUnknown: false,
        remediation: expect.stringContaining('waitForConnection'),
      });
      expect(machineOf(client, shadow).context.operations).toBe(0);
      expect(clock.pending).toBe(0);
      expect(client.status.queued).toBe(0);
    },
  );

  test.each(OPERATIONS)('%s waits for one when asked to, and is sent once', async (operation) => {
    const { client, clientId, thing } = await device();
    core().faults.stopListening();
    await cutLine(core(), client, clientId);
    const shadow = client.shadow(thing);
    if (operation === 'delete') core().shadows.update({ thingName: thing }, { state: { desired: { a: 1 } } });
    const waiting = ask(shadow, operation, { waitForConnection: true });
    expect(client.status.queued).toBe(0);
    await core().faults.listen();
    await waiting;
    expect(published(core(), thing, operation)).toBe(1);
  });

  test('the deadline does not count while it waits', async () => {
    const clock = new SimulatedClock();
    const { client, thing } = await device({ clock });
    await client.disconnect();
    const waiting = client.shadow(thing).get({ waitForConnection: true, timeoutMs: 1_000 });
    clock.advance(60_000);
    await client.connect();
    expect(await waiting).toBeUndefined();
  });

  test('what was aborted while it waited is never sent', async () => {
    const { client, clientId, thing } = await device();
    core().faults.stopListening();
    await cutLine(core(), client, clientId);
    const shadow = client.shadow(thing);
    const abort = new AbortController();
    const waiting = ask(shadow, 'update', { waitForConnection: true, signal: abort.signal });
    const reason = new Error('no longer');
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await core().faults.listen();
    await client.when('live');
    expect(await shadow.get()).toBeUndefined();
    expect(published(core(), thing, 'update')).toBe(0);
  });
});

describe('a line that is lost', () => {
  test.each(OPERATIONS)(
    'fault:H-16 before the answer to a %s leaves its outcome unknown, and a get says what became of it',
    async (operation) => {
      const { client, clientId, thing } = await device();
      const shadow = client.shadow(thing);
      core().shadows.update({ thingName: thing }, { state: { reported: { b: 2 } } });
      core().faults.loseShadowAnswers({ times: 1 });
      const failing = failureOf(ask(shadow, operation));
      await core().tap.waitFor({ direction: 'toBroker', packet: 'publish', clientId });
      await core().when(() => core().received.some((one) => one.clientId === clientId));
      await cutLine(core(), client, clientId);
      expect(await failing).toMatchObject({ code: 'OUTCOME_UNKNOWN', outcomeUnknown: operation !== 'get' });
      const document = await shadow.get({ waitForConnection: true });
      if (operation === 'delete') expect(document).toBeUndefined();
      if (operation === 'update') expect(document?.state.desired).toEqual({ a: 1 });
      expect(published(core(), thing, operation)).toBe(operation === 'get' ? 2 : 1);
    },
  );

  test('before it was sent is DISCONNECTED, or another line is waited for', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing);
    const held = core().tap.hold({ packet: 'suback', clientId });
    const calls = [failureOf(ask(shadow, 'get')), ask(shadow, 'get', { waitForConnection: true })];
    await held.caught();
    const lost = client.when('backingOff');
    await core().faults.dropConnections({ clientId });
    await lost;
    held.release();
    expect(await calls[0]).toMatchObject({ code: 'DISCONNECTED', outcomeUnknown: false });
    expect(await calls[1]).toBeUndefined();
    expect(published(core(), thing, 'get')).toBe(1);
  });
});

describe('fault:G-5 a signal', () => {
  test('that was aborted before: nothing is sent, and its reason comes', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    const reason = new Error('before');
    for (const operation of OPERATIONS) {
      await expect(ask(shadow, operation, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    }
    expect(published(core(), thing, 'get')).toBe(0);
    expect(machineOf(client, shadow).context.operations).toBe(0);
  });

  test('that aborts while topics are granted, or the answer is under way: its reason comes, and the slot is free', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing);
    for (const packet of ['suback', 'publish'] as const) {
      const held = core().tap.hold({ direction: 'toClient', packet, clientId });
      const aborts = Array.from({ length: 10 }, () => new AbortController());
      const calls = aborts.map(({ signal }) => shadow.get({ signal }).catch((error: unknown) => error));
      await held.caught();
      for (const [index, abort] of aborts.entries()) abort.abort(index);
      expect(await Promise.all(calls)).toEqual(aborts.map((_, index) => index));
      held.release();
      expect(await shadow.get()).toBeUndefined();
    }
    expect(machineOf(client, shadow).context.operations).toBe(0);
  });

  test('that aborts afterwards changes nothing, and none is listened to any more', async () => {
    const { client, thing } = await device();
    const abort = new AbortController();
    const listening = { added: 0, removed: 0 };
    const { signal } = abort;
    vi.spyOn(signal, 'addEventListener').mockImplementation(() => (listening.added += 1));
    vi.spyOn(signal, 'removeEventListener').mockImplementation(() => (listening.removed += 1));
    const shadow = client.shadow(thing);
    expect(await shadow.get({ signal })).toBeUndefined();
    await shadow.update(() => ({ desired: { a: 1 } }), { signal });
    abort.abort();
    expect(listening).toEqual({ added: 3, removed: 3 });
  });
});

describe('close()', () => {
  test.each(['the shadow', 'the client'])(
    'of %s while all is open: every promise settles, every loop ends',
    async (what) => {
      const warn = vi.spyOn(console, 'warn');
      const { client, clientId, thing } = await device();
      const shadow = client.shadow(thing);
      const passing = client.shadow(`${thing}-2`, { persistent: false });
      core().faults.loseShadowAnswers();
      shadow.onDelta(() => undefined);
      shadow.onState(() => undefined);
      const calls = [
        ...Array.from({ length: 12 }, () => ask(shadow, 'get')),
        ask(shadow, 'update'),
        ask(shadow, 'delete'),
        shadow.whenSynced(),
        shadow.update(() => ({ desired: {} })),
        ask(passing, 'get'),
      ].map((call) => failureOf(call));
      const loops = [shadow.deltas(), shadow.documents()].map(async (loop) => {
        for await (const _ of loop);
        return 'ended';
      });
      await core().tap.waitFor({ direction: 'toBroker', packet: 'publish', clientId });
      core().faults.loseShadowAnswers({ times: 0 });
      if (what === 'the client') await client.close({ flushTimeoutMs: 0 });
      else await Promise.all([shadow.close(), passing.close()]);
      for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'CLOSED' });
      expect(await Promise.all(loops)).toEqual(['ended', 'ended']);
      expect(shadow.state.synced).toBe(false);
      expect(await failureOf(shadow.get())).toMatchObject({ code: 'CLOSED' });
      expect(await failureOf(shadow.whenSynced())).toMatchObject({ code: 'CLOSED' });
      for (const call of ['onDelta', 'onDocuments', 'onState', 'onInvalid'] as const) {
        expect(thrownBy(() => shadow[call](() => undefined))).toMatchObject({ code: 'CLOSED' });
      }
      if (what === 'the shadow') expect(hadBy(core(), clientId)).toEqual([]);
      expect(warn).not.toHaveBeenCalled();
    },
  );

  test.each(['get', 'update', 'delete'] as const)(
    'leaves open what became of a %s that was sent, unless it was a get',
    async (operation) => {
      const { client, clientId, thing } = await device();
      const shadow = client.shadow(thing);
      core().faults.loseShadowAnswers({ times: 1 });
      const failing = failureOf(ask(shadow, operation));
      await core().when(() => core().received.some((one) => one.clientId === clientId));
      await shadow.close();
      expect(await failing).toMatchObject({ code: 'CLOSED', outcomeUnknown: operation !== 'get' });
    },
  );

  test('of the shadow gives a new one afterwards; again it is harmless, and waits as long', async () => {
    const { client, clientId, thing } = await device();
    const first = client.shadow(thing, { persistent: false });
    first.onState(() => undefined);
    await first.whenSynced();
    const held = core().tap.hold({ packet: 'unsuback', clientId });
    const closing = [first.close(), first.close()];
    await held.caught();
    expect(await Promise.race([closing[1], settled(2).then(() => 'not yet')])).toBe('not yet');
    const second = client.shadow(thing, { persistent: true });
    expect(second).not.toBe(first);
    second.onState(() => undefined);
    held.release();
    await Promise.all(closing);
    expect(await second.whenSynced()).toMatchObject({ synced: true });
    expect(await second.get()).toBeUndefined();
    expect(hadBy(core(), clientId)).toHaveLength(2);
    {
      await using disposed = client.shadow(`${thing}-3`);
      await disposed.get();
    }
    expect(hadBy(core(), clientId)).toHaveLength(2);
  });

  test('options that differ from those in use are refused; left out they are as they are', () => {
    const client = clientOf(core());
    const shadow = client.shadow('lamp', { persistent: false, topics: 'exact' });
    expect(client.shadow('lamp')).toBe(shadow);
    expect(client.shadow('lamp', { persistent: false })).toBe(shadow);
    for (const options of [{ persistent: true }, { topics: 'wildcard' }] as const) {
      expect(thrownBy(() => client.shadow('lamp', options))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('close() it first'),
      });
    }
    for (const wrong of [{ persistent: 1 }, { topics: 'all' }, { schema: {} }, { qos: 1 }]) {
      expect(thrownBy(() => client.shadow('other', wrong as object))).toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
  });
});

/** A sign-in whose lines may last for a minute. */
const SHORT_LIVED: Authentication = {
  kind: 'plainTcp',
  defaultPort: () => plainTcp().defaultPort(),
  validate: () => undefined,
  async signIn(context) {
    const open = await plainTcp().signIn(context);
    return async (signal) => ({ ...(await open(signal)), lifetimeMs: () => 60_000 });
  },
};

describe('a planned end of the line', () => {
  test('disconnect() waits for the answers of what was sent, and what waits for a place is not sent', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing);
    await shadow.update({ desired: { a: 1 } });
    const held = core().tap.hold({ direction: 'toClient', packet: 'publish', clientId });
    const calls = Array.from({ length: 12 }, () => shadow.get());
    const outcomes = Promise.allSettled(calls);
    await held.caught(10);
    const ending = client.disconnect();
    await settled();
    expect(client.status.state).toBe('disconnecting');
    held.release();
    await ending;
    const answered = (await outcomes).map((one) =>
      one.status === 'fulfilled' ? one.value?.version : (one.reason as { code: string }).code,
    );
    expect(answered).toEqual([...Array.from({ length: 10 }, () => 1), 'DISCONNECTED', 'DISCONNECTED']);
    expect(published(core(), thing, 'get')).toBe(10);
  });

  test('disconnect() waits no longer than flushTimeoutMs', async () => {
    const clock = new SimulatedClock();
    const { client, thing } = await device({ clock });
    core().faults.loseShadowAnswers({ times: 1 });
    const failing = failureOf(client.shadow(thing).get());
    await core().when(() => published(core(), thing, 'get') === 1);
    const ending = client.disconnect({ flushTimeoutMs: 1_000 });
    await settled();
    clock.advance(1_000);
    await ending;
    expect(await failing).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });

  test('a request that is asked just before disconnect() settles without waiting for a deadline', async () => {
    const clock = new SimulatedClock();
    const { client, thing } = await device({ clock });
    const asking = client.shadow(thing).get();
    await client.disconnect();
    const [outcome] = await Promise.allSettled([asking]);
    expect(clock.now()).toBe(0);
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'DISCONNECTED' });
  });

  test('a renewal waits for the answer, and the shadow goes on on the next line', async () => {
    const clock = new SimulatedClock();
    const { client, clientId, thing } = await device({ clock, auth: SHORT_LIVED });
    const shadow = client.shadow(thing);
    shadow.onState(() => undefined);
    await shadow.whenSynced();
    // In steps, so that pings are answered.
    while (clock.now() < 59_000) {
      clock.advance(1_000);
      await settled(5);
    }
    const held = core().tap.hold({ direction: 'toClient', packet: 'publish', clientId });
    const updating = shadow.update({ desired: { a: 1 } });
    await held.caught();
    clock.advance(1_000);
    await settled();
    expect(core().tap.packets({ packet: 'disconnect', clientId })).toHaveLength(0);
    held.release();
    expect((await updating).version).toBe(1);
    await client.when('backingOff');
    clock.advance(0);
    await core().when(() => core().tap.packets({ packet: 'connect', clientId }).length === 2);
    await client.when('live');
    expect(await shadow.whenSynced()).toMatchObject({ version: 1, desired: { a: 1 } });
  });
});

describe('many at once', () => {
  test('a thousand requests over five shadows all end, ten at a time, and nothing of them is left', async () => {
    const clock = new SimulatedClock();
    const { client, thing } = await device({ clock });
    const shadows = Array.from({ length: 5 }, (_, index) => client.shadow(`${thing}-${index}`));
    const [first] = shadows;
    await Promise.all(shadows.map((shadow) => shadow.get()));
    await settled();
    const actors = () => Object.keys(actorOf(client).getSnapshot().children).length;
    const before = { actors: actors(), timers: clock.pending };
    const calls = Array.from({ length: 1_000 }, async (_, index) => {
      const shadow = shadows[index % 5];
      const { signal } = new AbortController();
      if (index % 3 === 0) return await shadow?.update({ reported: { index } }, { signal });
      return await shadow?.get({ signal });
    });
    expect(first === undefined ? 0 : machineOf(client, first).context.operations).toBe(200);
    await Promise.all(calls);
    expect({ actors: actors(), timers: clock.pending }).toEqual(before);
    for (const shadow of shadows) {
      expect(machineOf(client, shadow).context).toMatchObject({ operations: 0, unmatched: 0 });
      // A token that was left would be refused.
      await shadow.get({ clientToken: 'mine' });
      await shadow.get({ clientToken: 'mine' });
    }
  });

  test('a thousand that wait for a line all end when the client is closed', async () => {
    const client = clientOf(core());
    const shadow = client.shadow('lamp');
    const calls = Array.from({ length: 1_000 }, () => failureOf(shadow.get({ waitForConnection: true })));
    await client.close();
    expect(new Set((await Promise.all(calls)).map(({ code }) => code))).toEqual(new Set(['CLOSED']));
  });
});
