import { describe, expect, it } from 'vitest';
import { createIotClient, type DehydratedClient, type IotClientOptions } from '../../src/index.ts';
import { clientOf, freshId, liveClient, settled, thrownBy, useCore } from './support.ts';

const theCore = useCore({ authorize: ({ action, topic }) => action !== 'subscribe' || topic !== 'denied' });

/** What one process leaves for the next, as it comes out of a file. */
function written(given: DehydratedClient): DehydratedClient {
  return JSON.parse(JSON.stringify(given)) as DehydratedClient;
}

const filtersAskedBy = (clientId: string): string[] =>
  theCore()
    .tap.packets({ packet: 'subscribe', clientId })
    .flatMap(({ filters = [] }) => filters);

describe('dehydrate', () => {
  it('says the wanted filters and nothing else, as plain JSON', async () => {
    const client = await liveClient(theCore());
    expect(client.dehydrate()).toEqual({ version: 1, subscriptions: [], shadows: [] });
    await client.subscribe('a', () => undefined);
    const twice = await client.subscribe('b/+', { qos: 1 }, () => undefined);
    await client.subscribe('b/+', () => undefined);
    const gone = await client.subscribe('gone', () => undefined);
    await gone.unsubscribe();
    await client.shadow('lamp').get();
    const expected = {
      version: 1,
      subscriptions: [
        { filter: 'a', qos: 0 },
        { filter: 'b/+', qos: 1 },
      ],
      shadows: [],
    };
    expect(client.dehydrate()).toEqual(expected);
    expect(written(client.dehydrate())).toEqual(expected);
    await twice.unsubscribe();
    expect(client.dehydrate().subscriptions[1]).toEqual({ filter: 'b/+', qos: 0 });
  });

  it('leaves out what the broker has refused, also when an earlier process wanted it', async () => {
    const resume: DehydratedClient = {
      version: 1,
      subscriptions: [{ filter: 'denied', qos: 0 }],
      shadows: [],
    };
    const client = clientOf(theCore(), { resume });
    expect(client.dehydrate().subscriptions).toHaveLength(1);
    const refused = new Promise((resolve) => client.on('subscriptionRefused', resolve));
    await client.connect();
    expect(await refused).toMatchObject({ filter: 'denied' });
    expect(client.dehydrate().subscriptions).toEqual([]);
  });
});

describe('resume', () => {
  it('asks for the filters before the app comes for them, and holds what comes meanwhile', async () => {
    const core = theCore();
    const clientId = freshId();
    const before = await liveClient(core, { clientId });
    await before.subscribe('plants/+', { qos: 1 }, () => undefined);
    const left = written(before.dehydrate());
    await before.close();
    const other = await liveClient(core);

    const client = await liveClient(core, { clientId, resume: left });
    expect(filtersAskedBy(clientId)).toEqual(['plants/+', 'plants/+']);
    await other.publish('plants/basil', 'dry', { qos: 1 });
    await core.when(() => core.tap.packets({ packet: 'puback', clientId }).length > 0);
    expect(client.dehydrate()).toEqual(left);
    const texts: string[] = [];
    const heard = new Promise<void>((resolve) => {
      void client.subscribe('plants/+', { qos: 1 }, (message) => {
        texts.push(message.text());
        if (texts.length === 2) resolve();
      });
    });
    await other.publish('plants/basil', 'wet', { qos: 1 });
    await heard;
    expect(texts).toEqual(['dry', 'wet']);
    expect(client.dehydrate()).toEqual(left);
  });

  it('is taken over by the first subscribe: its end is the end of the filter', async () => {
    const core = theCore();
    const clientId = freshId();
    const resume: DehydratedClient = { version: 1, subscriptions: [{ filter: 'x', qos: 0 }], shadows: [] };
    const client = await liveClient(core, { clientId, resume });
    const subscription = await client.subscribe('x', () => undefined);
    await subscription.unsubscribe();
    expect(core.tap.packets({ packet: 'unsubscribe', clientId })).toHaveLength(1);
    expect(client.dehydrate().subscriptions).toEqual([]);
  });

  it('ends by unsubscribe() when the app does not want it', async () => {
    const core = theCore();
    const clientId = freshId();
    const resume: DehydratedClient = { version: 1, subscriptions: [{ filter: 'x', qos: 0 }], shadows: [] };
    const client = await liveClient(core, { clientId, resume });
    await client.unsubscribe('x');
    expect(core.tap.packets({ packet: 'unsubscribe', clientId })).toHaveLength(1);
    expect(client.dehydrate().subscriptions).toEqual([]);
  });

  it('does not tell a delta again that was handled, tells the one that was not, and each new one', async () => {
    const core = theCore();
    const clientId = freshId();
    const address = { thingName: clientId };
    const desire = (n: number) => core.shadows.update(address, { state: { desired: { n } } });
    const versions: number[] = [];
    const before = await liveClient(core, { clientId });
    const handled = new Promise<void>((resolve) => {
      before.shadow(clientId).onDelta(({ version }) => {
        versions.push(version);
        resolve();
      });
    });
    desire(1);
    await handled;
    await settled();
    const left = written(before.dehydrate());
    expect(left.shadows).toEqual([{ thingName: clientId, handledDelta: 1 }]);
    await before.close();

    const client = await liveClient(core, { clientId, resume: left });
    expect(client.dehydrate().shadows).toEqual(left.shadows);
    const shadow = client.shadow(clientId);
    shadow.onDelta(({ version }) => versions.push(version));
    shadow.onState(() => undefined);
    expect(await shadow.whenSynced()).toMatchObject({ delta: { n: 1 }, version: 1 });
    await settled();
    expect(versions).toEqual([1]);
    expect(client.dehydrate().shadows).toEqual(left.shadows);
    await client.disconnect();
    desire(2);
    await client.connect();
    await shadow.whenSynced();
    await settled();
    expect(versions).toEqual([1, 2]);
    expect(client.dehydrate().shadows).toEqual([{ thingName: clientId, handledDelta: 2 }]);
  });

  it('says nothing of a delta that a handler has failed on: the next process is told it', async () => {
    const core = theCore();
    const clientId = freshId();
    core.shadows.update({ thingName: clientId, shadowName: 'n' }, { state: { desired: { n: 1 } } });
    const before = await liveClient(core, { clientId });
    const failed = new Promise((resolve) => before.on('handlerError', resolve));
    before.shadow(clientId, { name: 'n' }).onDelta(() => {
      throw new Error('not now');
    });
    await failed;
    await settled();
    expect(before.dehydrate().shadows).toEqual([]);
  });

  it('forgets what was handled once a newer delta has come, also when nobody is left who handles it', async () => {
    const core = theCore();
    const clientId = freshId();
    core.shadows.update({ thingName: clientId }, { state: { desired: { n: 1 } } });
    core.shadows.update({ thingName: clientId }, { state: { desired: { n: 2 } } });
    const resume: DehydratedClient = {
      version: 1,
      subscriptions: [],
      shadows: [{ thingName: clientId, handledDelta: 1 }],
    };
    const client = await liveClient(core, { clientId, resume });
    const shadow = client.shadow(clientId);
    shadow.onState(() => undefined);
    const told = new Promise<() => void>((resolve) => {
      const remove = shadow.onDelta(() => resolve(remove));
    });
    (await told)();
    expect(client.dehydrate().shadows).toEqual([]);
  });

  it('says nothing of a delta that a loop has not done with', async () => {
    const core = theCore();
    const clientId = freshId();
    core.shadows.update({ thingName: clientId }, { state: { desired: { n: 1 } } });
    const client = await liveClient(core, { clientId });
    const loop = client.shadow(clientId).deltas()[Symbol.asyncIterator]();
    expect(await loop.next()).toMatchObject({ value: { version: 1 } });
    await settled();
    expect(client.dehydrate().shadows).toEqual([]);
    await loop.return?.();
  });

  it('keeps a filter that a shadow uses too for the app', async () => {
    const core = theCore();
    const clientId = freshId();
    const filter = `$aws/things/${clientId}/shadow/update/delta`;
    const resume: DehydratedClient = { version: 1, subscriptions: [{ filter, qos: 0 }], shadows: [] };
    const client = await liveClient(core, { clientId, resume });
    const shadow = client.shadow(clientId);
    shadow.onDelta(() => undefined);
    await shadow.whenSynced();
    await shadow.close();
    expect(client.dehydrate().subscriptions).toEqual([{ filter, qos: 0 }]);
    const unsubscribed = core.tap.packets({ packet: 'unsubscribe', clientId });
    expect(unsubscribed.flatMap(({ filters = [] }) => filters)).not.toContain(filter);
  });

  it('tells a delta of a shadow that was made anew, whatever its version', async () => {
    const core = theCore();
    const clientId = freshId();
    core.shadows.update({ thingName: clientId }, { state: { desired: { n: 1 } } });
    const resume: DehydratedClient = {
      version: 1,
      subscriptions: [],
      shadows: [{ thingName: clientId, handledDelta: 50 }],
    };
    const client = await liveClient(core, { clientId, resume });
    const told = new Promise((resolve) => client.shadow(clientId).onDelta(resolve));
    expect(await told).toMatchObject({ version: 1, state: { n: 1 } });
  });

  const bad: [string, unknown][] = [
    ['resume', 1],
    ['resume', null],
    ['resume.version', { version: 2, subscriptions: [], shadows: [] }],
    ['resume.subscriptions', { version: 1, shadows: [] }],
    ['filter', { version: 1, subscriptions: [{ filter: 'a#', qos: 0 }], shadows: [] }],
    ['qos', { version: 1, subscriptions: [{ filter: 'a', qos: 2 }], shadows: [] }],
    ['noLocal', { version: 1, subscriptions: [{ filter: 'a', qos: 0, noLocal: true }], shadows: [] }],
    ['thingName', { version: 1, subscriptions: [], shadows: [{ thingName: 'a/b', handledDelta: 1 }] }],
    ['handledDelta', { version: 1, subscriptions: [], shadows: [{ thingName: 'a', handledDelta: '1' }] }],
    ['token', { version: 1, subscriptions: [], shadows: [], token: 'x' }],
  ];
  it.each(bad)('refuses what is not from dehydrate(): %s', (field, resume) => {
    const options = { ...theCore().plainOptions(freshId()), resume } as IotClientOptions;
    expect(thrownBy(() => createIotClient(options))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(field) as string,
    });
  });

  it('refuses more filters than there may be', () => {
    const subscriptions = ['a', 'b', 'c'].map((filter) => ({ filter, qos: 0 as const }));
    const resume: DehydratedClient = { version: 1, subscriptions, shadows: [] };
    const options = { ...theCore().plainOptions(freshId()), maxSubscriptions: 2, resume };
    expect(thrownBy(() => createIotClient(options)).message).toContain('maxSubscriptions');
  });
});
