// get, update and delete on the local core: rows H of the behaviour of the AWS IoT Device SDKs v1, and R12.
import { describe, expect, test, vi } from 'vitest';
import type { AnyActorRef } from 'xstate';
import { ShadowRejectedError } from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { asked, Heard, hadBy, machineOf, prefixOf, published, whenState } from './shadow-support.ts';
import { clientOf, failureOf, freshId, liveClient, settled, thrownBy, useCore } from './support.ts';

const core = useCore();

/** A live client, and the name of a thing that no other test has. */
async function device(options: Parameters<typeof liveClient>[1] = {}) {
  const clientId = freshId();
  const client = await liveClient(core(), { clientId, ...options });
  return { client, clientId, thing: `thing-${clientId}` };
}

function bodies(thing: string, operation: string): Record<string, unknown>[] {
  return core()
    .received.filter(({ topic }) => topic === `${prefixOf(thing)}/${operation}`)
    .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>);
}

describe('a persistent shadow', () => {
  test('py:H1 py:R12 resolves each request once, subscribes once, and unsubscribes nothing', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing);
    const made = await shadow.update({ reported: { on: true } });
    expect(made).toMatchObject({ state: { reported: { on: true } }, version: 1 });
    expect(await shadow.get()).toMatchObject({ state: { reported: { on: true } }, version: 1 });
    expect(await shadow.delete()).toBe(1);
    expect(bodies(thing, 'get')).toEqual([{ clientToken: expect.any(String) }]);
    expect(bodies(thing, 'delete')).toEqual([{ clientToken: expect.any(String) }]);
    expect(asked(core(), clientId, thing)).toEqual(['++/accepted', '++/rejected']);
    expect(hadBy(core(), clientId)).toEqual([
      `${prefixOf(thing)}/+/accepted`,
      `${prefixOf(thing)}/+/rejected`,
    ]);
  });

  test('has as many names for requests as there are at once: XState keeps the events of each for ever', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    const names = new Set<string>();
    actorOf(client).system.inspect((step) => {
      if (step.type === '@xstate.actor') names.add((step.actorRef as AnyActorRef).id);
    });
    for (let round = 0; round < 3; round++) await Promise.all([shadow.get(), shadow.get()]);
    await shadow.get();
    expect([...names].filter((name) => name.startsWith('get-')).sort()).toEqual(['get-1', 'get-2']);
  });

  test.each([
    ['get', 500],
    ['update', 500],
    ['delete', 404],
  ] as const)('py:H2 rejects a refused %s with the code of AWS', async (operation, code) => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    if (code === 500) core().faults.failShadows({ code, times: 1 });
    const call = operation === 'update' ? shadow.update({ desired: { a: 1 } }) : shadow[operation]();
    const error = await failureOf(call);
    expect(error).toBeInstanceOf(ShadowRejectedError);
    expect(error).toMatchObject({ code: 'SHADOW_REJECTED', reasonCode: code, operation });
  });

  test('py:H13 waits for SUBACK, and no fixed time: no clock moves', async () => {
    const clock = new SimulatedClock();
    const { client, thing } = await device({ clock });
    const shadow = client.shadow(thing);
    await shadow.update({ desired: { a: 1 } });
    expect((await shadow.get())?.version).toBe(1);
    expect(clock.now()).toBe(0);
  });

  test('publishes only when the broker has granted the topics of the answer', async () => {
    const { client, clientId, thing } = await device();
    const held = core().tap.hold({ packet: 'suback', clientId });
    const getting = client.shadow(thing).get();
    await held.caught();
    await settled();
    expect(published(core(), thing, 'get')).toBe(0);
    held.release();
    expect(await getting).toBeUndefined();
  });

  test('py:H11 py:H12 py:H38 asks and subscribes with QoS 0, and retains nothing', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing);
    shadow.onDelta(() => undefined);
    await shadow.update({ desired: { a: 1 } });
    const requests = core().received.filter(({ topic }) => topic.startsWith(prefixOf(thing)));
    expect(requests.length).toBeGreaterThan(0);
    for (const { qos, retain } of requests) expect([qos, retain]).toEqual([0, false]);
    const subscriptions = core().clients.find((one) => one.clientId === clientId)?.subscriptions ?? [];
    expect(subscriptions).toHaveLength(3);
    for (const { qos } of subscriptions) expect(qos).toBe(0);
  });

  test('py:H10 has no other operations, by type', () => {
    const shadow = clientOf(core()).shadow('lamp');
    // @ts-expect-error: there is get, update and delete
    expect(shadow.foo).toBeUndefined();
  });

  test('py:H17 two updates at once: each gets its own answer', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    const [first, second] = await Promise.all([
      shadow.update({ desired: { first: 1 } }),
      shadow.update({ desired: { second: 2 } }),
    ]);
    expect(first.state).toEqual({ desired: { first: 1 } });
    expect(second.state).toEqual({ desired: { second: 2 } });
    expect(first.clientToken).not.toBe(second.clientToken);
  });

  test('py:H25 two holders of one thing are the same shadow, and both are answered', async () => {
    const { client, clientId, thing } = await device();
    const [a, b] = [client.shadow(thing), client.shadow(thing)];
    expect(a).toBe(b);
    const other = await liveClient(core());
    await a.update({ desired: { a: 1 } });
    const all = await Promise.all([a.get(), b.get(), other.shadow(thing).get()]);
    expect(all.map((document) => document?.version)).toEqual([1, 1, 1]);
    expect(asked(core(), clientId, thing)).toHaveLength(2);
  });

  test('py:H23 py:H30 the token of the caller is kept, and his object left as it is', async () => {
    const { client, thing } = await device();
    const change = { desired: { list: [{ a: 1 }] } };
    const options = { clientToken: 'my own token', version: undefined };
    const updating = client.shadow(thing).update(change, options as { clientToken: string });
    change.desired.list[0]!.a = 2;
    const { clientToken, state } = await updating;
    expect(clientToken).toBe('my own token');
    expect(state).toEqual({ desired: { list: [{ a: 1 }] } });
    expect(bodies(thing, 'update')).toEqual([
      { state: { desired: { list: [{ a: 1 }] } }, clientToken: 'my own token' },
    ]);
    expect(change).toEqual({ desired: { list: [{ a: 2 }] } });
    expect(options).toEqual({ clientToken: 'my own token', version: undefined });
  });

  test('py:H30 fault:H-20 sec:S-15 otherwise the token is 128 random bits, of at most 64 bytes', async () => {
    const { client, thing } = await device();
    const random = vi.spyOn(Math, 'random');
    const shadow = client.shadow(thing);
    await Promise.all(Array.from({ length: 5 }, () => shadow.get()));
    const tokens = bodies(thing, 'get').map(({ clientToken }) => String(clientToken));
    expect(new Set(tokens).size).toBe(5);
    for (const token of tokens) expect(token).toMatch(/^[\da-f]{32}$/);
    expect(random).not.toHaveBeenCalled();
  });

  test('py:H35 sends a version only when asked to', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    await shadow.update({ desired: { a: 1 } });
    await shadow.update({ desired: { a: 2 } }, { version: 1 });
    await shadow.update({ desired: { a: 3 } });
    expect(bodies(thing, 'update').map(({ version }) => version)).toEqual([undefined, 1, undefined]);
  });

  test('py:H34 takes a version in its options, and version 0 is one', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    await shadow.update({ desired: { a: 1 } });
    expect(await failureOf(shadow.update({ desired: { a: 2 } }, { version: 0 }))).toMatchObject({
      reasonCode: 409,
    });
    expect(bodies(thing, 'update')[1]).toMatchObject({ version: 0 });
    expect(await failureOf(shadow.update({ version: 1, desired: {} } as object))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('no section "version"'),
    });
  });

  test('state null empties the document, which stays; a null removes what it stands for', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    await shadow.update({ desired: { a: 1, b: 2 }, reported: { c: 3 } });
    await shadow.update({ desired: { a: null } });
    expect((await shadow.get())?.state.desired).toEqual({ b: 2 });
    await shadow.update({ reported: null });
    expect((await shadow.get())?.state).toEqual({ desired: { b: 2 }, delta: { b: 2 } });
    expect(await shadow.update(null)).toMatchObject({ state: null, version: 4 });
    expect(await shadow.get()).toMatchObject({ state: {}, version: 4 });
  });

  test('py:H26 of a text that is reported bit by bit, one a second, nothing is missing', async () => {
    const clock = new SimulatedClock();
    const { client, thing } = await device({ clock });
    const reporter = client.shadow(thing);
    const listener = (await liveClient(core())).shadow<{ chunk: string }>(thing);
    const heard = new Heard<string | undefined>();
    listener.onDocuments(({ current }) => heard.push(current.state.reported?.chunk));
    await listener.whenSynced();
    const chunks = Array.from({ length: 40 }, (_, index) => `${index}:${'x'.repeat(1 + (index % 10))}`);
    for (const chunk of chunks) {
      await reporter.update({ reported: { chunk } });
      clock.advance(1_000);
    }
    expect(await heard.until(chunks.length)).toEqual(chunks);
  });

  test('a named shadow is another one than the classic one beside it', async () => {
    const { client, clientId, thing } = await device();
    const [classic, named] = [client.shadow(thing), client.shadow(thing, { name: 'wifi' })];
    expect([classic.name, named.name]).toEqual([undefined, 'wifi']);
    await classic.update({ desired: { a: 1 } });
    await named.update({ desired: { b: 2 } });
    expect((await classic.get())?.state.desired).toEqual({ a: 1 });
    expect((await named.get())?.state.desired).toEqual({ b: 2 });
    expect(core().shadows.list(thing)).toEqual(['wifi']);
    expect(hadBy(core(), clientId)).toHaveLength(4);
    await named.close();
    expect(hadBy(core(), clientId)).toHaveLength(2);
    expect((await classic.get())?.version).toBe(1);
  });

  test('fault:H-12 a get where there is none resolves with undefined', async () => {
    const { client, thing } = await device();
    expect(await client.shadow(thing).get()).toBeUndefined();
  });

  test.each([401, 403])('fault:H-13 a %i names what the policy must allow', async (code) => {
    const { client, thing } = await device();
    core().faults.failShadows({ code, times: 1 });
    const error = await failureOf(client.shadow(thing).get());
    expect(error).toMatchObject({ reasonCode: code, remediation: expect.stringContaining('iot:Publish') });
  });

  test('fault:H-9 a 413 of the merged document is a typed rejection', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    await shadow.update({ desired: { a: 'x'.repeat(5_000) } });
    expect(await failureOf(shadow.update({ desired: { b: 'x'.repeat(5_000) } }))).toMatchObject({
      reasonCode: 413,
      remediation: expect.stringContaining('8 KB'),
    });
  });

  test('fault:H-19 a delete while an update is under way: AWS orders them, and each is answered', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    shadow.onState(() => undefined);
    await shadow.update({ desired: { a: 1 } });
    const [deleted, updated] = await Promise.all([shadow.delete(), shadow.update({ desired: { b: 2 } })]);
    expect(deleted).toBe(1);
    expect(updated.version).toBeGreaterThan(1);
    const { version } = await whenState(shadow, ({ desired }) => desired?.['b'] === 2);
    expect(version).toBe(core().shadows.get({ thingName: thing })?.version);
  });
});

describe('update from what there is', () => {
  test('fault:H-10 a conflict without a function rejects, and says what to do', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    await shadow.update({ desired: { a: 1 } });
    core().shadows.update({ thingName: thing }, { state: { desired: { a: 2 } } });
    expect(await failureOf(shadow.update({ desired: { a: 3 } }, { version: 1 }))).toMatchObject({
      reasonCode: 409,
      remediation: expect.stringContaining('give update() a function'),
    });
  });

  test('fault:H-10 a conflict asks the function again, with the new document', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    const address = { thingName: thing };
    core().shadows.update(address, { state: { reported: { count: 10 } } });
    const seen: unknown[] = [];
    const accepted = await shadow.update((current) => {
      const count = Number(current?.state.reported?.['count']);
      seen.push(count);
      if (seen.length < 3) core().shadows.update(address, { state: { reported: { count: count * 2 } } });
      return { reported: { count: count + 1 } };
    });
    expect(seen).toEqual([10, 20, 40]);
    expect(accepted?.state).toEqual({ reported: { count: 41 } });
    expect(core().shadows.get(address)?.state.reported).toEqual({ count: 41 });
  });

  test('two writers that count together lose nothing', async () => {
    const writers = [await device(), await device()];
    const thing = `thing-${freshId()}`;
    await Promise.all(
      writers.flatMap(({ client }) =>
        [1, 2, 3].map(() =>
          client
            .shadow(thing)
            .update((current) => ({ reported: { n: Number(current?.state.reported?.['n'] ?? 0) + 1 } })),
        ),
      ),
    );
    // Those that found none all made it: only those that found one can conflict.
    const n = Number(core().shadows.get({ thingName: thing })?.state.reported?.['n']);
    expect(n).toBeGreaterThan(0);
    await Promise.all(
      writers.flatMap(({ client }) =>
        [1, 2, 3].map(() =>
          client
            .shadow(thing)
            .update((current) => ({ reported: { n: Number(current?.state.reported?.['n']) + 1 } })),
        ),
      ),
    );
    expect(core().shadows.get({ thingName: thing })?.state.reported).toEqual({ n: n + 6 });
  });

  test('undefined changes nothing, and where there is none the function gets undefined', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    const seen: unknown[] = [];
    expect(
      await shadow.update((current) => {
        seen.push(current);
        return undefined;
      }),
    ).toBeUndefined();
    expect(seen).toEqual([undefined]);
    expect(published(core(), thing, 'update')).toBe(0);
    expect((await shadow.update(() => ({ desired: { a: 1 } })))?.version).toBe(1);
  });

  test('gives up after ten conflicts, with the last one', async () => {
    const { client, thing } = await device();
    const address = { thingName: thing };
    core().shadows.update(address, { state: { desired: { a: 0 } } });
    let asks = 0;
    const error = await failureOf(
      client.shadow(thing).update(() => {
        asks += 1;
        core().shadows.update(address, { state: { desired: { a: asks } } });
        return { desired: { mine: true } };
      }),
    );
    expect(error).toMatchObject({ reasonCode: 409 });
    expect(asks).toBe(10);
  });

  test('asks the function again for a conflict only', async () => {
    const { client, thing } = await device();
    let asks = 0;
    const changing = client.shadow(thing).update(() => {
      asks += 1;
      core().faults.failShadows({ code: 500, times: 1 });
      return { desired: { a: 1 } };
    });
    expect(await failureOf(changing)).toMatchObject({ reasonCode: 500 });
    expect(asks).toBe(1);
  });

  test('what the function throws, and what it aborts or closes, ends it without an update', async () => {
    const { client, thing } = await device();
    const shadow = client.shadow(thing);
    const boom = new Error('boom');
    await expect(
      shadow.update(() => {
        throw boom;
      }),
    ).rejects.toBe(boom);
    const abort = new AbortController();
    const change = () => {
      abort.abort(boom);
      return { desired: { a: 1 } };
    };
    await expect(shadow.update(change, { signal: abort.signal })).rejects.toBe(boom);
    const closing = shadow.update(() => {
      void shadow.close();
      return { desired: { a: 1 } };
    });
    expect(await failureOf(closing)).toMatchObject({ code: 'CLOSED' });
    expect(published(core(), thing, 'update')).toBe(0);
  });
});

test('py:H22 py:H27 what is no update is one typed error, at once and without a line', async () => {
  const shadow = clientOf(core()).shadow('lamp');
  for (const wrong of ['not json', [1], 5, undefined, true]) {
    expect(await failureOf(shadow.update(wrong as never))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
});

test('a shadow of a client that is closed cannot be had', async () => {
  const client = clientOf(core());
  await client.close();
  expect(thrownBy(() => client.shadow('lamp'))).toMatchObject({ code: 'CLOSED' });
});

test('counts its open requests down to none, and what nobody asked for', async () => {
  const { client, thing } = await device();
  const shadow = client.shadow(thing);
  const getting = shadow.get();
  expect(machineOf(client, shadow).context.operations).toBe(1);
  await getting;
  expect(machineOf(client, shadow).context).toMatchObject({ operations: 0, unmatched: 0 });
});
