// What a watched shadow tells, and how its copy follows AWS: the cloud is played by hand, or is the local core.
import { describe, expect, test } from 'vitest';
import type { IotError, Shadow, ShadowDelta, ShadowState } from '../../src/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { Heard, handPlayed, prefixOf, published, useHandPlayed, whenState } from './shadow-support.ts';
import { cutLine, failureOf, freshId, liveClient, settled, useCore } from './support.ts';

const broker = useHandPlayed();
const core = useCore();

/** A watched shadow on a hand-played cloud, synced with this document. */
async function watched(version: number, state: object = {}) {
  const clock = new SimulatedClock();
  const { client, cloud } = await handPlayed(broker(), { clock });
  const shadow = client.shadow(cloud.thingName);
  const states: ShadowState<unknown>[] = [];
  shadow.onState((one) => states.push(one));
  await cloud.gives({ version, state });
  await settled();
  expect(shadow.state).toMatchObject({ synced: true, version });
  return { client, cloud, shadow, clock, states };
}

/** The versions of the deltas that a new handler of a shadow gets. */
function deltasOf(shadow: Shadow<never> | Shadow): number[] {
  const versions: number[] = [];
  (shadow as Shadow).onDelta(({ version }) => versions.push(version));
  return versions;
}

/** Watches deltas too, for which the shadow gets the document again. */
async function withDeltas(version: number, state: object = {}) {
  const world = await watched(version, state);
  const deltas = deltasOf(world.shadow);
  await world.cloud.gives({ version, state }, 2);
  return { ...world, deltas };
}

const delta = (version: number, state: object = { a: version }) => ({
  version,
  timestamp: 7,
  state,
  metadata: { a: { timestamp: 7 } },
});

describe('deltas', () => {
  test('py:H6 py:H29 fault:H-5 one that is older than the newest is left out', async () => {
    const { cloud, deltas } = await withDeltas(2);
    await cloud.say('update/delta', delta(3));
    await cloud.say('update/delta', delta(1));
    await cloud.say('update/delta', delta(3));
    expect(deltas).toEqual([3]);
  });

  test('py:H28 newer ones come, each once', async () => {
    const { cloud, deltas } = await withDeltas(2);
    await cloud.say('update/delta', delta(3));
    await cloud.say('update/delta', delta(5));
    expect(deltas).toEqual([3, 5]);
  });

  test('py:H7 come as typed events, frozen', async () => {
    const { cloud, shadow } = await withDeltas(2);
    const all: ShadowDelta<unknown>[] = [];
    shadow.onDelta((one) => all.push(one));
    await cloud.say('update/delta', { ...delta(300), clientToken: 't' });
    expect(all).toEqual([
      { state: { a: 300 }, metadata: { a: { timestamp: 7 } }, version: 300, timestamp: 7 },
    ]);
    expect(Object.isFrozen(all[0]?.state)).toBe(true);
  });

  test('py:H8 one without a version is invalid, and offered to nobody', async () => {
    const { cloud, shadow, deltas } = await withDeltas(2);
    const errors: IotError[] = [];
    shadow.onInvalid((error) => errors.push(error));
    await cloud.say('update/delta', { state: { a: 1 } });
    expect(deltas).toEqual([]);
    expect(errors).toEqual([expect.objectContaining({ code: 'INVALID_DOCUMENT' })]);
  });

  test('py:H9 a handler that was taken away is not called, also for one that is under way', async () => {
    const { cloud, shadow } = await withDeltas(2);
    const seen: number[] = [];
    const stop = shadow.onDelta(({ version }) => seen.push(version));
    await cloud.say('update/delta', delta(3));
    stop();
    stop();
    await cloud.say('update/delta', delta(5));
    expect(seen).toEqual([3]);
    const late: number[] = [];
    shadow.onDelta(({ version }) => {
      if (version === 7) stopLate();
    });
    const stopLate = shadow.onDelta(({ version }) => late.push(version));
    await settled();
    await cloud.say('update/delta', delta(7));
    expect(late).toEqual([5]);
  });

  test('py:H14 an equal version of the document keeps the gate closed for older deltas', async () => {
    const { cloud, shadow, deltas } = await withDeltas(5, { desired: { a: 5 }, reported: { a: 5 } });
    const getting = shadow.get();
    await cloud.gives({ version: 5, state: { desired: { a: 5 }, reported: { a: 5 } } }, 3);
    await getting;
    await cloud.say('update/delta', delta(2));
    expect(deltas).toEqual([]);
    expect(shadow.state.version).toBe(5);
  });

  test.each([
    ['update/accepted first', ['update/accepted', 'update/delta']],
    ['update/delta first', ['update/delta', 'update/accepted']],
  ] as const)('py:H15 of one update both come in any order: %s', async (_, order) => {
    const { cloud, shadow, deltas } = await withDeltas(6);
    for (const kind of order) {
      await cloud.say(
        kind,
        kind === 'update/delta'
          ? delta(7)
          : { version: 7, timestamp: 1, state: { desired: { a: 7 } }, metadata: {}, clientToken: 'x' },
      );
    }
    expect(deltas).toEqual([7]);
    expect(shadow.state).toMatchObject({ version: 7, desired: { a: 7 }, delta: { a: 7 } });
  });

  test('py:H16 a deletion opens the gate again, for any version', async () => {
    const { cloud, shadow, deltas } = await withDeltas(9, { desired: { a: 1 }, reported: { a: 1 } });
    await cloud.say('delete/accepted', { version: 9, timestamp: 1 });
    expect(shadow.state).toMatchObject({ version: undefined, desired: undefined });
    await cloud.say('update/delta', delta(1));
    expect(deltas).toEqual([1]);
  });

  test('come one at a time: while a handler works the newest one waits, and those before it are left out', async () => {
    const { cloud, shadow } = await withDeltas(2);
    const seen: number[] = [];
    const gates: (() => void)[] = [];
    shadow.onDelta(({ version }) => {
      seen.push(version);
      return new Promise<void>((resolve) => gates.push(resolve));
    });
    for (const version of [3, 4, 5]) await cloud.say('update/delta', delta(version));
    expect(seen).toEqual([3]);
    gates[0]?.();
    await settled();
    expect(seen).toEqual([3, 5]);
    gates[1]?.();
    await settled();
    expect(seen).toEqual([3, 5]);
  });

  test('what is no longer desired while a handler works is not offered to it afterwards', async () => {
    const { cloud, shadow } = await withDeltas(2);
    const seen: number[] = [];
    const gates: (() => void)[] = [];
    shadow.onDelta(({ version }) => {
      seen.push(version);
      return new Promise<void>((resolve) => gates.push(resolve));
    });
    await cloud.say('update/delta', delta(3));
    await cloud.say('update/delta', delta(4));
    const getting = shadow.get();
    await cloud.gives({ version: 5, state: { desired: { a: 4 }, reported: { a: 4 } } }, 3);
    await getting;
    gates[0]?.();
    await settled();
    expect(seen).toEqual([3]);
  });

  test.each(['throws', 'rejects'])(
    'fault:H-18 a handler that %s is told of, and gets the delta again at the next change',
    async (how) => {
      const { client, cloud, shadow } = await withDeltas(2);
      const errors: unknown[] = [];
      client.on('handlerError', ({ error }) => errors.push(error));
      const seen: number[] = [];
      const boom = new Error('boom');
      shadow.onDelta(({ version }) => {
        seen.push(version);
        if (seen.length > 2) return undefined;
        if (how === 'throws') throw boom;
        return Promise.reject(boom);
      });
      const taken: number[] = [];
      shadow.onDelta(({ version }) => taken.push(version));
      await cloud.say('update/delta', delta(3));
      expect([seen, taken, errors]).toEqual([[3], [3], [boom]]);
      await settled();
      expect(seen).toEqual([3]);
      const late: number[] = [];
      shadow.onDelta(({ version }) => late.push(version));
      await settled();
      expect([seen, taken, late]).toEqual([[3, 3], [3], [3]]);
      await cloud.say('update/delta', delta(4));
      expect([seen, taken, errors.length]).toEqual([[3, 3, 4], [3, 4], 2]);
    },
  );

  test('a failed one is offered again with the next document that still has it, and never when it is reported', async () => {
    const { client, cloud, shadow } = await withDeltas(2);
    client.on('handlerError', () => undefined);
    const seen: number[] = [];
    shadow.onDelta(({ version }) => {
      seen.push(version);
      throw new Error('not now');
    });
    await cloud.say('update/delta', delta(3, { a: 1 }));
    await cloud.say('update/accepted', { version: 3, timestamp: 1, state: { desired: { a: 1 } } });
    const getting = shadow.get();
    await cloud.gives({ version: 3, state: { desired: { a: 1 }, delta: { a: 1 } } }, 3);
    await getting;
    await settled();
    expect(seen).toEqual([3, 3]);
    await cloud.say('update/accepted', { version: 4, timestamp: 1, state: { reported: { a: 1 } } });
    expect(shadow.state.delta).toBeUndefined();
    const late: number[] = [];
    shadow.onDelta(({ version }) => late.push(version));
    await settled();
    expect([seen, late]).toEqual([[3, 3], []]);
  });

  test('a handler that comes later gets the one that is known, and nobody else gets it again', async () => {
    const { cloud, shadow, deltas } = await withDeltas(2);
    await cloud.say('update/delta', delta(3));
    const late: number[] = [];
    shadow.onDelta(({ version }) => late.push(version));
    await settled();
    expect([deltas, late]).toEqual([[3], [3]]);
  });

  test('a first handler gets what the document says is outstanding', async () => {
    const { cloud, shadow } = await watched(4, { desired: { a: 1 } });
    const all: ShadowDelta<unknown>[] = [];
    shadow.onDelta((one) => all.push(one));
    await cloud.gives(
      {
        version: 4,
        state: { desired: { a: 1 }, delta: { a: 1 } },
        metadata: { desired: { a: { timestamp: 3 } }, delta: { a: { timestamp: 3 } } },
      },
      2,
    );
    expect(all).toEqual([{ state: { a: 1 }, metadata: { a: { timestamp: 3 } }, version: 4, timestamp: 1 }]);
  });

  test('handlers may make any call, also the one that ends all', async () => {
    const { client, cloud, shadow } = await withDeltas(2);
    const seen: string[] = [];
    shadow.onDelta(async ({ version }) => {
      seen.push(`delta ${version}, state ${shadow.state.version}`);
      shadow.onDelta(() => seen.push('never'))();
      await client.shadow(`${cloud.thingName}-2`).close();
      await shadow.close();
      seen.push('closed');
    });
    shadow.onDocuments(() => seen.push('never'));
    await settled();
    await cloud.say('update/delta', delta(3));
    expect(seen).toEqual(['delta 3, state 2', 'closed']);
    await cloud.say('update/delta', delta(4));
    expect(seen).toHaveLength(2);
  });
});

describe('the copy', () => {
  test('stays the same frozen object until something changes, and its parts until they do', async () => {
    const { cloud, shadow, states } = await watched(1, { desired: { a: { b: 1 } }, reported: { c: 1 } });
    const first = shadow.state;
    expect(shadow.state).toBe(first);
    expect(Object.isFrozen(first) && Object.isFrozen(first.desired)).toBe(true);
    const getting = shadow.get();
    await cloud.gives({ version: 1, state: { desired: { a: { b: 1 } }, reported: { c: 1 } } }, 2);
    await getting;
    expect(shadow.state).toBe(first);
    await cloud.say('update/accepted', { version: 2, timestamp: 1, state: { reported: { c: 2 } } });
    expect(shadow.state).not.toBe(first);
    expect(shadow.state.desired).toBe(first.desired);
    expect(first.reported).toEqual({ c: 1 });
    expect(states.at(-1)).toBe(shadow.state);
    expect(new Set(states).size).toBe(states.length);
  });

  test('follows updates of others, one version at a time', async () => {
    const { cloud, shadow } = await watched(1, { desired: { a: 1 } });
    await cloud.say('update/accepted', { version: 2, timestamp: 1, state: { desired: { b: 2 } } });
    await cloud.say('update/accepted', {
      version: 3,
      timestamp: 1,
      state: { desired: { a: null }, reported: null },
    });
    await cloud.say('update/accepted', { version: 4, timestamp: 1, state: { reported: { b: 2 } } });
    expect(shadow.state).toEqual({
      desired: { b: 2 },
      reported: { b: 2 },
      delta: undefined,
      version: 4,
      synced: true,
    });
    await cloud.say('update/accepted', { version: 5, timestamp: 1, state: null });
    expect(shadow.state).toMatchObject({ desired: undefined, reported: undefined, version: 5 });
  });

  test('fault:H-5 ignores what is older', async () => {
    const { cloud, shadow } = await watched(5, { desired: { a: 5 } });
    const before = shadow.state;
    await cloud.say('update/accepted', { version: 4, timestamp: 1, state: { desired: { a: 4 } } });
    await cloud.say('update/accepted', { version: 5, timestamp: 1, state: { desired: { a: 6 } } });
    await cloud.say('update/documents', {
      previous: null,
      current: { version: 3, state: { desired: { a: 3 } }, metadata: {} },
      timestamp: 1,
    });
    await cloud.say('delete/accepted', { version: 4, timestamp: 1, clientToken: 'old' });
    expect(shadow.state.desired).toEqual(before.desired);
  });

  test('fault:H-6 a gap makes it get, and it is not synced until it has', async () => {
    const { cloud, shadow } = await watched(1, { desired: { a: 1 } });
    await cloud.say('update/accepted', { version: 3, timestamp: 1, state: { desired: { c: 3 } } });
    expect(shadow.state).toMatchObject({ synced: false, version: 1 });
    await cloud.gives({ version: 3, state: { desired: { a: 1, b: 2, c: 3 } } }, 2);
    expect(shadow.state).toMatchObject({ synced: true, version: 3, desired: { a: 1, b: 2, c: 3 } });
  });

  test('what AWS leaves of an object that nulls have emptied is asked', async () => {
    const { cloud, shadow } = await watched(1, { desired: { a: { b: 1 } } });
    await cloud.say('update/accepted', { version: 2, timestamp: 1, state: { desired: { a: { b: null } } } });
    await cloud.gives({ version: 2, state: { desired: { a: {} } } }, 2);
    expect(shadow.state).toMatchObject({ synced: true, version: 2, desired: { a: {} } });
  });

  test('an own get that fails is tried again, later and later', async () => {
    const { cloud, shadow, clock } = await watched(1);
    await cloud.say('update/accepted', { version: 3, timestamp: 1, state: {} });
    const { clientToken } = await cloud.request('get', 2);
    await cloud.say('get/rejected', { code: 500, message: 'x', clientToken });
    expect(shadow.state.synced).toBe(false);
    clock.advance(1_000);
    await cloud.gives({ version: 3, state: {} }, 3);
    expect(shadow.state).toMatchObject({ synced: true, version: 3 });
  });

  test('without anybody who watches it has what requests brought, and says that it may be old', async () => {
    const { client, cloud } = await handPlayed(broker());
    const shadow = client.shadow(cloud.thingName);
    expect(shadow.state).toEqual({
      desired: undefined,
      reported: undefined,
      delta: undefined,
      version: undefined,
      synced: false,
    });
    const getting = shadow.get();
    await cloud.gives({ version: 2, state: { desired: { a: 1 }, reported: { a: 0 } } });
    await getting;
    expect(shadow.state).toMatchObject({ desired: { a: 1 }, delta: { a: 1 }, version: 2, synced: false });
    expect(await failureOf(shadow.whenSynced())).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('who is answered finds the copy as his answer says', async () => {
    const { cloud, shadow } = await watched(1);
    const updating = shadow.update({ desired: { a: 1 } }).then(() => shadow.state);
    const { clientToken } = await cloud.request('update');
    await cloud.say('update/accepted', {
      version: 2,
      timestamp: 1,
      state: { desired: { a: 1 } },
      clientToken,
    });
    expect(await updating).toMatchObject({ version: 2, desired: { a: 1 } });
  });

  test('whenSynced() ends with its signal, its deadline, and when nobody watches any more', async () => {
    const clock = new SimulatedClock();
    const { client, cloud } = await handPlayed(broker(), { clock });
    const shadow = client.shadow(cloud.thingName);
    const stop = shadow.onState(() => undefined);
    const abort = new AbortController();
    const calls = [
      shadow.whenSynced({ signal: abort.signal }),
      shadow.whenSynced({ timeoutMs: 100 }),
      shadow.whenSynced(),
    ].map((call) => call.catch((error: unknown) => error));
    const reason = new Error('enough');
    abort.abort(reason);
    expect(await calls[0]).toBe(reason);
    clock.advance(100);
    expect(await calls[1]).toMatchObject({ code: 'TIMEOUT' });
    stop();
    expect(await calls[2]).toMatchObject({ code: 'ABORTED' });
  });
});

describe('with the local core', () => {
  async function device(options: Parameters<typeof liveClient>[1] = {}) {
    const clientId = freshId();
    const client = await liveClient(core(), { clientId, ...options });
    return { client, clientId, thing: `thing-${clientId}`, address: { thingName: `thing-${clientId}` } };
  }

  test('what others write comes: deltas, documents and state', async () => {
    const { client, thing, address } = await device();
    const shadow = client.shadow(thing);
    const deltas = new Heard<unknown>();
    const documents = new Heard<unknown>();
    shadow.onDelta(({ state, version }) => deltas.push([version, state]));
    shadow.onDocuments(({ previous, current, clientToken }) =>
      documents.push([previous?.version, current.version, current.state, clientToken]),
    );
    await shadow.whenSynced();
    core().shadows.update(address, { state: { desired: { a: 1 } }, clientToken: 'console' });
    core().shadows.update(address, { state: { reported: { a: 1 } } });
    expect(await deltas.until(1)).toEqual([[1, { a: 1 }]]);
    expect(await documents.until(2)).toEqual([
      [undefined, 1, { desired: { a: 1 } }, 'console'],
      [1, 2, { desired: { a: 1 }, reported: { a: 1 } }, undefined],
    ]);
    await whenState(shadow, ({ version, synced }) => version === 2 && synced);
    expect(shadow.state).toMatchObject({ desired: { a: 1 }, reported: { a: 1 }, delta: undefined });
  });

  test('fault:H-7 after a time without a line: subscribed, got, and one merged delta', async () => {
    const { client, clientId, thing, address } = await device();
    const shadow = client.shadow(thing);
    const deltas = new Heard<unknown>();
    shadow.onDelta(({ state, version }) => deltas.push([version, state]));
    await shadow.whenSynced();
    core().faults.stopListening();
    await cutLine(core(), client, clientId);
    expect(shadow.state.synced).toBe(false);
    for (const desired of [{ a: 1 }, { b: 2 }, { a: 3 }])
      core().shadows.update(address, { state: { desired } });
    await core().faults.listen();
    expect(await deltas.until(1)).toEqual([[3, { a: 3, b: 2 }]]);
    await shadow.whenSynced();
    await settled();
    expect(deltas.all).toHaveLength(1);
    const line = core()
      .tap.packets({ direction: 'toBroker', clientId })
      .filter(({ connection }) => connection > 1);
    const last = line
      .filter(({ packet }) => packet === 'subscribe' || packet === 'publish')
      .map(({ packet }) => packet);
    expect(last.lastIndexOf('subscribe')).toBeLessThan(last.lastIndexOf('publish'));
  });

  test('a session that the broker has kept is synced at once too: no clock moves', async () => {
    const clock = new SimulatedClock();
    const { client, clientId, thing } = await device({ clock, session: 'persistent' });
    const shadow = client.shadow(thing);
    shadow.onDelta(() => undefined);
    await shadow.whenSynced();
    await core().faults.dropConnections({ clientId });
    await client.when('backingOff');
    clock.advance(20);
    const at = clock.now();
    await client.when('live');
    expect(client.status).toMatchObject({ sessionPresent: true });
    await shadow.whenSynced();
    expect(clock.now()).toBe(at);
    expect(published(core(), thing, 'get')).toBe(2);
  });

  test('a shadow that is deleted and made anew goes on being followed', async () => {
    const { client, thing, address } = await device();
    const shadow = client.shadow(thing);
    const documents = new Heard<number>();
    shadow.onDocuments(({ current }) => documents.push(current.version));
    await shadow.whenSynced();
    core().shadows.update(address, { state: { desired: { a: 1 } } });
    core().shadows.delete(address);
    core().shadows.update(address, { state: { desired: { b: 2 } } });
    await whenState(shadow, ({ synced, desired }) => synced && desired?.['b'] === 2);
    expect(shadow.state.desired).toEqual({ b: 2 });
    expect((await documents.until(2)).at(-1)).toBe(core().shadows.get(address)?.version);
    core().shadows.delete(address);
    await whenState(shadow, ({ synced, version }) => synced && version === undefined);
  });

  test('a watch that begins without a line waits for one', async () => {
    const { client, thing, clientId } = await device();
    core().faults.stopListening();
    await cutLine(core(), client, clientId);
    const shadow = client.shadow(thing);
    shadow.onState(() => undefined);
    const synced = shadow.whenSynced();
    await core().faults.listen();
    expect(await synced).toMatchObject({ synced: true, version: undefined });
  });

  test('a loop over deltas and one over documents: leaving ends what it held, close() ends the loop', async () => {
    const { client, clientId, thing, address } = await device();
    const shadow = client.shadow(thing);
    const seen: unknown[] = [];
    const deltas = (async () => {
      for await (const { state } of shadow.deltas()) {
        seen.push(state);
        if (seen.length === 2) return 'left';
      }
      return 'ended';
    })();
    const documents = (async () => {
      const versions: number[] = [];
      for await (const { current } of shadow.documents()) versions.push(current.version);
      return versions;
    })();
    await shadow.whenSynced();
    core().shadows.update(address, { state: { desired: { a: 1 } } });
    core().shadows.update(address, { state: { desired: { a: 2 } } });
    expect(await deltas).toBe('left');
    expect(seen).toEqual([{ a: 1 }, { a: 2 }]);
    const filters = () =>
      core()
        .clients.find((one) => one.clientId === clientId)
        ?.subscriptions.map(({ filter }) => filter);
    await core().when(() => filters()?.includes(`${prefixOf(thing)}/update/delta`) === false);
    core().shadows.update(address, { state: { desired: { a: 3 } } });
    await whenState(shadow, ({ version }) => version === 3);
    await shadow.close();
    expect(await documents).toEqual([1, 2, 3]);
  });

  test('a loop that is too slow loses the oldest, or the newest, and is told', async () => {
    const { client, thing, address } = await device();
    const shadow = client.shadow(thing);
    const lost = new Heard<unknown>();
    client.on('overflow', (event) => lost.push(event));
    const oldest = shadow.documents({ bufferSize: 2 })[Symbol.asyncIterator]();
    const newest = shadow.documents({ bufferSize: 2, overflow: 'dropNewest' })[Symbol.asyncIterator]();
    await shadow.whenSynced();
    for (const a of [1, 2, 3, 4]) core().shadows.update(address, { state: { desired: { a } } });
    await whenState(shadow, ({ version }) => version === 4);
    await lost.until(2);
    const versions = async (loop: typeof oldest): Promise<(number | undefined)[]> => [
      (await loop.next()).value?.current.version,
      (await loop.next()).value?.current.version,
    ];
    expect(await versions(oldest)).toEqual([3, 4]);
    expect(await versions(newest)).toEqual([1, 2]);
    expect(lost.all[0]).toMatchObject({ filter: `${prefixOf(thing)}/update/documents` });
    await oldest.return?.();
    await newest.return?.();
  });
});
