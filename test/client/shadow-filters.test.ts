// Which SUBSCRIBEs and UNSUBSCRIBEs a shadow costs, and what comes of those that are refused.
import { describe, expect, test } from 'vitest';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { asked, Heard, hadBy, prefixOf, published, whenState } from './shadow-support.ts';
import { clientOf, cutLine, failureOf, freshId, liveClient, settled, thrownBy, useCore } from './support.ts';

/** Client ids whose policy is that of AWS's tutorial: it lists each topic of one thing. */
const tutorial = new Map<string, string>();
/** Filters, and topics of publishes, that the policy denies. */
const denied = new Set<string>();

/** Each topic of one thing by itself, as the policies of AWS's tutorials have them. */
function tutorialAllows(thing: string, action: string, topic: string): boolean {
  const prefix = `${prefixOf(thing)}/`;
  if (!topic.startsWith(prefix)) return false;
  const rest = topic.slice(prefix.length);
  if (action === 'publish') return ['get', 'update', 'delete'].includes(rest);
  return [
    'get/accepted',
    'get/rejected',
    'update/accepted',
    'update/rejected',
    'update/delta',
    'update/documents',
    'delete/accepted',
    'delete/rejected',
  ].includes(rest);
}

const core = useCore({
  authorize: ({ clientId, action, topic = '' }) => {
    const thing = tutorial.get(clientId);
    if (thing !== undefined && action !== 'connect') return tutorialAllows(thing, action, topic);
    return action === 'receive' || !denied.has(topic);
  },
});

async function device(options: Parameters<typeof liveClient>[1] = {}) {
  const clientId = freshId();
  const client = await liveClient(core(), { clientId, ...options });
  return { client, clientId, thing: `thing-${clientId}` };
}

describe('a shadow that is not persistent', () => {
  test.each([
    ['get', ['get/+']],
    ['update', ['update/accepted', 'update/rejected']],
    ['delete', ['delete/+']],
  ] as const)(
    'py:H5 py:H33 py:R12 %s subscribes %j, and unsubscribes it after the answer',
    async (operation, filters) => {
      const { client, clientId, thing } = await device();
      const shadow = client.shadow(thing, { persistent: false });
      for (let round = 0; round < 2; round++) {
        core().shadows.update({ thingName: thing }, { state: { desired: { a: 1 } } });
        if (operation === 'update') await shadow.update({ desired: { a: 1 } });
        else await shadow[operation]();
        await core().when(() => hadBy(core(), clientId).length === 0);
      }
      const added = filters.map((filter) => `+${filter}`);
      const removed = filters.map((filter) => `-${filter}`);
      expect(asked(core(), clientId, thing)).toEqual([added, removed, added, removed].flat());
    },
  );

  test('py:H5 a rejection, a timeout and garbage release the topics too', async () => {
    const clock = new SimulatedClock();
    const { client, clientId, thing } = await device({ clock });
    const shadow = client.shadow(thing, { persistent: false });
    expect(await shadow.get()).toBeUndefined();
    await core().when(() => hadBy(core(), clientId).length === 0);
    core().faults.loseShadowAnswers({ times: 1 });
    const late = failureOf(shadow.get({ timeoutMs: 3_000 }));
    await core().when(() => published(core(), thing, 'get') === 2);
    await core().publish(`${prefixOf(thing)}/get/accepted`, 'ThisIsGarbagePayload!');
    await settled();
    clock.advance(3_000);
    expect(await late).toMatchObject({ code: 'TIMEOUT' });
    await core().when(() => hadBy(core(), clientId).length === 0);
    expect(asked(core(), clientId, thing)).toEqual(['+get/+', '-get/+', '+get/+', '-get/+']);
  });

  test('py:H18 of two at once, the first answer unsubscribes nothing', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing, { persistent: false });
    const held = core().tap.hold({ direction: 'toClient', packet: 'publish', clientId });
    const both = [shadow.get(), shadow.get()];
    await held.caught(2);
    held.releaseOne();
    await Promise.race(both);
    await settled();
    expect(asked(core(), clientId, thing)).toEqual(['+get/+']);
    held.release();
    await Promise.all(both);
    await core().when(() => hadBy(core(), clientId).length === 0);
    expect(asked(core(), clientId, thing)).toEqual(['+get/+', '-get/+']);
  });

  test('what is asked while it unsubscribes subscribes anew, and is answered', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing, { persistent: false });
    const held = core().tap.hold({ packet: 'unsuback', clientId });
    await shadow.get();
    await held.caught();
    const again = shadow.get();
    await settled();
    held.release();
    expect(await again).toBeUndefined();
    await core().when(() => hadBy(core(), clientId).length === 0);
    expect(asked(core(), clientId, thing)).toEqual(['+get/+', '-get/+', '+get/+', '-get/+']);
  });

  test('py:H20 a timeout is told also when the line has gone and come back', async () => {
    const clock = new SimulatedClock();
    const { client, clientId, thing } = await device({ clock });
    core().faults.loseShadowAnswers({ times: 1 });
    const getting = failureOf(client.shadow(thing, { persistent: false }).get());
    await core().when(() => published(core(), thing, 'get') === 1);
    await cutLine(core(), client, clientId);
    expect(await getting).toMatchObject({ code: 'OUTCOME_UNKNOWN', outcomeUnknown: false });
    clock.advance(60_000);
    await client.when('live');
    expect(hadBy(core(), clientId)).toEqual([]);
  });

  test('uses the topics that are held for watching, and releases nothing of them', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing, { persistent: false });
    const stop = shadow.onState(() => undefined);
    await shadow.whenSynced();
    await shadow.update({ desired: { a: 1 } });
    await shadow.get();
    expect(asked(core(), clientId, thing)).toEqual(['++/accepted', '++/rejected']);
    stop();
    await core().when(() => hadBy(core(), clientId).length === 0);
  });
});

describe('what is watched', () => {
  test('costs two subscriptions, a third for deltas and a fourth for documents, each as long as somebody wants it', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing);
    const steps: string[] = [];
    const note = async (): Promise<void> => {
      await shadow.whenSynced();
      steps.push(
        hadBy(core(), clientId)
          .map((filter) => filter.slice(prefixOf(thing).length + 1))
          .join(' '),
      );
    };
    const stops = [shadow.onState(() => undefined)];
    await note();
    stops.push(shadow.onDelta(() => undefined));
    await note();
    stops.push(
      shadow.onDocuments(() => undefined),
      shadow.onDocuments(() => undefined),
    );
    await note();
    expect(steps).toEqual([
      '+/accepted +/rejected',
      '+/accepted +/rejected update/delta',
      '+/accepted +/rejected update/delta update/documents',
    ]);
    for (const stop of stops) stop();
    await core().when(() => hadBy(core(), clientId).length === 0);
    expect(asked(core(), clientId, thing).filter((one) => one.startsWith('+'))).toHaveLength(4);
  });

  test('subscribes exactly the topics of an operation on first use, with topics: "exact"', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing, { topics: 'exact' });
    await shadow.update({ desired: { a: 1 } });
    await shadow.update({ desired: { a: 2 } });
    expect(asked(core(), clientId, thing)).toEqual(['+update/accepted', '+update/rejected']);
    await shadow.get();
    await shadow.delete();
    expect(asked(core(), clientId, thing).slice(2)).toEqual([
      '+get/accepted',
      '+get/rejected',
      '+delete/accepted',
      '+delete/rejected',
    ]);
  });

  test('works with AWS\'s tutorial policy, which lists each topic, with topics: "exact"', async () => {
    const clientId = freshId();
    tutorial.set(clientId, `thing-${clientId}`);
    const client = await liveClient(core(), { clientId });
    const shadow = client.shadow(`thing-${clientId}`, { topics: 'exact' });
    const deltas = new Heard<unknown>();
    const documents = new Heard<unknown>();
    shadow.onDelta(({ state }) => deltas.push(state));
    shadow.onDocuments(({ current }) => documents.push(current.version));
    await shadow.whenSynced();
    await shadow.update({ desired: { a: 1 } });
    expect(await deltas.until(1)).toEqual([{ a: 1 }]);
    await shadow.update({ reported: { a: 1 } });
    expect(await documents.until(2)).toEqual([1, 2]);
    expect(await shadow.get()).toMatchObject({ version: 2 });
    expect(await shadow.delete()).toBe(2);
    const state = await whenState(shadow, ({ version }) => version === undefined);
    expect(state).toMatchObject({ desired: undefined, synced: true });
  });

  test("fault:H-15 with the tutorial's policy and wildcards it fails at subscribe, and says what to do", async () => {
    const clientId = freshId();
    tutorial.set(clientId, `thing-${clientId}`);
    const clock = new SimulatedClock();
    const client = await liveClient(core(), { clientId, clock });
    const shadow = client.shadow(`thing-${clientId}`);
    expect(await failureOf(shadow.get())).toMatchObject({
      code: 'SUBSCRIPTION_REFUSED',
      remediation: expect.stringContaining('topics: "exact"'),
    });
    expect(clock.now()).toBe(0);
    expect(published(core(), `thing-${clientId}`, 'get')).toBe(0);
  });
});

describe('refused topics', () => {
  test('fault:H-15 each request asks anew, so that a policy that is mended is used', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing);
    const filter = `${prefixOf(thing)}/+/accepted`;
    denied.add(filter);
    for (const persistent of [true, false]) {
      expect(await failureOf(shadow.get()), String(persistent)).toMatchObject({
        code: 'SUBSCRIPTION_REFUSED',
      });
    }
    denied.delete(filter);
    expect(await shadow.get()).toBeUndefined();
    await settled();
    expect(hadBy(core(), clientId)).toHaveLength(2);
  });

  test('a denied get ends three lines and says so, and then leaves the line to the others', async () => {
    const { client, thing } = await device();
    const topic = `${prefixOf(thing)}/get`;
    denied.add(topic);
    const warned = new Promise((resolve) => client.on('warning', ({ message }) => resolve(message)));
    client.shadow(thing).onState(() => undefined);
    expect(await warned).toMatch(/line has ended 3 times .*iot:Publish/);
    expect(published(core(), thing, 'get')).toBe(3);
    await client.when('live');
    expect((await client.publish('others', 'go on', { qos: 1 })).state).toBe('delivered');
    denied.delete(topic);
  });

  test('what is watched is silent until it is watched anew, and whenSynced() says why, then and later', async () => {
    const { client, clientId, thing } = await device();
    const shadow = client.shadow(thing);
    const filter = `${prefixOf(thing)}/update/delta`;
    denied.add(filter);
    const stop = shadow.onDelta(() => undefined);
    expect(await failureOf(shadow.whenSynced())).toMatchObject({ code: 'SUBSCRIPTION_REFUSED' });
    expect(await failureOf(shadow.whenSynced())).toMatchObject({ code: 'SUBSCRIPTION_REFUSED' });
    const tries = () => asked(core(), clientId, thing).filter((one) => one === '+update/delta').length;
    expect(tries()).toBe(1);
    denied.delete(filter);
    await settled();
    expect(tries()).toBe(1);
    shadow.onState(() => undefined);
    expect(await shadow.whenSynced()).toMatchObject({ synced: true });
    expect(tries()).toBe(2);
    stop();
  });
});

describe('the limits of a connection', () => {
  test('fault:C-4 batches of at most eight, and the 51st filter is a typed error: those of shadows count', async () => {
    const { client, clientId, thing } = await device({ maxSubscriptions: 50 });
    const shadows = Array.from({ length: 24 }, (_, index) => client.shadow(thing, { name: `s${index}` }));
    await Promise.all(shadows.map((shadow) => shadow.get()));
    await client.subscribe('mine/1', () => undefined);
    await client.subscribe('mine/2', () => undefined);
    expect(hadBy(core(), clientId)).toHaveLength(50);
    const subscribes = core().tap.packets({ packet: 'subscribe', clientId });
    expect(Math.max(...subscribes.map(({ filters = [] }) => filters.length))).toBeLessThanOrEqual(8);
    const one = client.shadow(thing, { name: 'one-too-many' });
    const warnings: string[] = [];
    client.on('warning', ({ message }) => warnings.push(message));
    expect(await failureOf(one.get())).toMatchObject({ code: 'TOO_MANY_SUBSCRIPTIONS' });
    one.onState(() => undefined);
    expect(await failureOf(one.whenSynced())).toMatchObject({ code: 'TOO_MANY_SUBSCRIPTIONS' });
    expect(warnings).toEqual([
      expect.stringMatching(/one-too-many.* stays silent: .*50 subscriptions/) as unknown,
    ]);
    await shadows[0]?.close();
    expect(await one.get()).toBeUndefined();
  });

  test('fault:H-21 sixteen shadows with deltas fit into one connection', async () => {
    const { client, clientId, thing } = await device({ maxSubscriptions: 50 });
    const shadows = Array.from({ length: 16 }, (_, index) => client.shadow(thing, { name: `s${index}` }));
    for (const shadow of shadows) shadow.onDelta(() => undefined);
    await Promise.all(shadows.map((shadow) => shadow.whenSynced()));
    expect(hadBy(core(), clientId)).toHaveLength(48);
  });

  test('fault:C-5 sec:S-14 names that could be a wildcard or another level never come into a topic', () => {
    const client = clientOf(core());
    for (const wrong of ['', 'a/b', '+', '#', 'a b', 'ä', '\u0000', 'x'.repeat(129), '$aws', undefined, 5]) {
      expect(thrownBy(() => client.shadow(wrong as string))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    for (const wrong of ['', 'a/b', '+', '#', 'ü', 'x'.repeat(65), null, 5]) {
      expect(thrownBy(() => client.shadow('lamp', { name: wrong as string }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    expect(client.shadow('x'.repeat(128), { name: '$x:_-'.padEnd(64, 'y') }).name).toHaveLength(64);
  });

  test('fault:C-5 the longest names make topics that the broker takes', async () => {
    const { client } = await device();
    const shadow = client.shadow(`t${freshId()}`.padEnd(128, 'x'), { name: 'n'.repeat(64) });
    expect((await shadow.update({ desired: { a: 1 } })).version).toBe(1);
  });
});
