import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createActor, createMachine, fromCallback, fromPromise, fromTransition, setup } from 'xstate';
import { Charts } from '../../src/inspect/charts.ts';
import { FeedStream } from '../../src/inspect/feed-stream.ts';
import { LiveFeed } from '../../src/inspect/live-feed.ts';
import { Recorder } from '../../src/inspect/recorder.ts';
import type { Inspector } from '../../src/inspect/serve-inspector.ts';
import { actorOf } from '../../src/machines/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { clientOf, cutLine, freshId, liveClient, useCore } from '../client/support.ts';
import type { Tab } from './feed-support.ts';
import { served, tabOf } from './served.ts';

const theCore = useCore();

const lamp = setup({
  types: { events: {} as { type: 'press' } | { type: 'nothing' } | { type: 'break' } },
}).createMachine({
  id: 'lamp',
  initial: 'off',
  context: { presses: 0 },
  states: {
    off: { on: { press: 'on' } },
    on: { on: { press: 'off', break: 'broken' } },
    broken: { type: 'final' },
  },
});

const active = (tab: Tab): string[] =>
  [...tab.actors.values()].filter(({ status }) => status === 'active').map((actor) => tab.pathOf(actor));

/** The ids of the active states of a running actor, asked of XState itself. */
function statesOf(snapshot: unknown): string[] {
  return (snapshot as { _nodes: { id: string }[] })._nodes.map(({ id }) => id).sort();
}

describe('the live page is told of a client', () => {
  it('all actors as a tree: connection, queue, subscriptions, its shadows and their requests', async () => {
    const client = await liveClient(theCore(), { clientId: 'tree' });
    const tab = await tabOf(await served(client));
    expect(active(tab)).toEqual(
      expect.arrayContaining([
        'tree',
        'tree/connection',
        'tree/connection/transport',
        'tree/queue',
        'tree/subscriptions',
      ]),
    );
    theCore().faults.loseShadowAnswers({ times: 1 });
    const asked = client
      .shadow('thing')
      .get({ timeoutMs: 60_000, clientToken: 'a-token' })
      .catch(() => undefined);
    await tab.until(
      () => tab.actor('tree/shadow/thing/get-1')?.states.includes('shadowOperation.open') === true,
    );
    expect(tab.actor('tree/shadow/thing')).toMatchObject({
      kind: 'machine',
      chart: 'deviceShadow',
      status: 'active',
    });
    expect(tab.actor('tree/shadow/thing/get-1')).toMatchObject({
      chart: 'shadowOperation',
      status: 'active',
    });
    expect(tab.actor('tree/connection/transport')).toMatchObject({
      kind: 'callback',
      chart: null,
      states: [],
    });
    await client.close({ flushTimeoutMs: 0 });
    await asked;
    await tab.until(() => tab.actor('tree')?.status === 'done');
    expect(active(tab)).toEqual([]);
    expect(tab.clients.get(tab.actor('tree')?.key ?? '')?.state).toBe('closed');
  });

  it('the states that are active, and the transitions that led there', async () => {
    const clientId = freshId();
    const client = await liveClient(theCore(), { clientId });
    const tab = await tabOf(await served(client));
    await cutLine(theCore(), client, clientId);
    await client.when('live');
    await tab.until(
      () => [...tab.clients.values()].every(({ state }) => state === 'live') && tab.changes.length > 0,
    );
    await tab.until(
      () =>
        tab.actor(`${clientId}/connection`)?.states.includes('connection.line.connected.session.up.live') ===
        true,
    );
    const { children } = actorOf(client).getSnapshot();
    for (const [name, child] of Object.entries(children)) {
      const shown = tab.actor(`${clientId}/${name}`);
      expect([...(shown?.states ?? [])].sort(), name).toEqual(
        shown?.kind === 'machine' ? statesOf(child?.getSnapshot()) : [],
      );
    }
    const connection = tab.actor(`${clientId}/connection`)?.key;
    const lost = tab.log.find(({ actor, type }) => actor === connection && type === 'transport.closed');
    expect(lost?.transitions).toContain('connection.line|transport.closed|0');
    expect(lost?.states).toContain('connection.backingOff');
    const inFact = tab.log.filter(({ actor, transitions }) => actor === connection && transitions.length > 0);
    expect(tab.actor(`${clientId}/connection`)?.last).toEqual({
      transitions: inFact.at(-1)?.transitions,
      at: inFact.at(-1)?.at,
    });
  });

  it('how much waits, and when the next attempt begins', async () => {
    const client = clientOf(theCore(), {
      reconnect: { baseMs: 60_000, maxMs: 60_000, stableMs: 90_000 },
    });
    const inspector = await served(client);
    const tab = await tabOf(inspector);
    await client.publish('a', 'b', { qos: 1 });
    await tab.until(() => [...tab.clients.values()][0]?.queued === 1);
    theCore().faults.refuse({ returnCode: 3, times: 1 });
    client.connect().catch(() => undefined);
    await tab.until(() => [...tab.clients.values()][0]?.state === 'backingOff');
    const status = client.status;
    expect([...tab.clients.values()][0]).toMatchObject({
      queued: 1,
      inFlight: 0,
      attempt: 1,
      retryAt: 'retryAt' in status ? status.retryAt : undefined,
      reason: { code: 'SERVER_UNAVAILABLE' },
    });
  });

  it('of several clients and actors, also of those that come later', async () => {
    const clients = [clientOf(theCore(), { clientId: 'first' }), clientOf(theCore(), { clientId: 'second' })];
    const own = createActor(lamp, { id: 'own' }).start();
    const inspector = await served([...clients, own]);
    const tab = await tabOf(inspector);
    expect([...tab.actors.values()].filter(({ parent }) => parent === null).map(({ name }) => name)).toEqual([
      'first',
      'second',
      'own',
    ]);
    expect([...tab.clients.values()].map(({ clientId }) => clientId)).toEqual(['first', 'second']);
    inspector.watch(clientOf(theCore(), { clientId: 'third' }));
    inspector.watch(own);
    await tab.until(() => tab.actor('third/connection') !== undefined);
    expect([...tab.actors.values()].filter(({ name }) => name === 'own')).toHaveLength(1);
  });
});

describe('the live page is told of any actor', () => {
  it('what it got, what that made it do, and what changed nothing', async () => {
    const actor = createActor(lamp).start();
    const tab = await tabOf(await served(actor));
    expect(tab.actor('lamp')).toMatchObject({
      states: ['lamp', 'lamp.off'],
      context: { presses: 0 },
      last: null,
    });
    actor.send({ type: 'press' });
    actor.send({ type: 'nothing' });
    actor.send({ type: 'press' });
    actor.send({ type: 'press' });
    actor.send({ type: 'break' });
    await tab.until(({ logged }) => logged === 5);
    const row = ({ sequence, type, transitions, states }: (typeof tab.log)[number]) => [
      sequence,
      type,
      transitions,
      states,
    ];
    expect(tab.log.map(row)).toEqual([
      [1, 'press', ['lamp.off|press|0'], ['lamp', 'lamp.on']],
      [2, 'nothing', [], null],
      [3, 'press', ['lamp.on|press|0'], ['lamp', 'lamp.off']],
      [4, 'press', ['lamp.off|press|0'], ['lamp', 'lamp.on']],
      [5, 'break', ['lamp.on|break|0'], ['lamp', 'lamp.broken']],
    ]);
    expect(tab.actor('lamp')).toMatchObject({
      status: 'done',
      states: ['lamp', 'lamp.broken'],
      chart: 'drawn-1',
    });
  });

  it('how it ended: done, failed, or stopped from outside', async () => {
    const waits = fromPromise(() => new Promise(() => {}));
    const machine = setup({
      actors: {
        waits,
        works: fromCallback(() => () => {}),
        gives: fromPromise(async () => 'it'),
        fails: fromPromise(async () => Promise.reject(new Error('no luck'))),
      },
    }).createMachine({
      id: 'boss',
      initial: 'busy',
      on: { 'xstate.error.*': {} },
      states: {
        busy: {
          invoke: (['waits', 'works', 'gives', 'fails'] as const).map((src) => ({ src, id: src })),
          on: { enough: 'idle' },
        },
        idle: {},
      },
    });
    const actor = createActor(machine).start();
    const tab = await tabOf(await served(actor));
    await tab.until(() => tab.actor('boss/fails')?.status === 'error');
    actor.send({ type: 'enough' });
    await tab.until(() => tab.actor('boss/waits')?.status === 'stopped');
    const shown = ['waits', 'works', 'gives', 'fails'].map((name) => tab.actor(`boss/${name}`));
    expect(shown.map((one) => [one?.kind, one?.status])).toEqual([
      ['promise', 'stopped'],
      ['callback', 'stopped'],
      ['promise', 'done'],
      ['promise', 'error'],
    ]);
    expect(shown[3]?.error).toEqual({ name: 'Error', message: 'no luck' });
    actor.stop();
    await tab.until(() => tab.actor('boss')?.status === 'stopped');
  });

  it('that it has failed, when a guard of its own throws and nobody is above it', async () => {
    const machine = createMachine({
      id: 'broken',
      on: {
        go: {
          guard: () => {
            throw new Error('a guard that throws');
          },
          actions: [],
        },
      },
    });
    const actor = createActor(machine);
    actor.subscribe({ error: () => {} });
    actor.start();
    const tab = await tabOf(await served(actor));
    actor.send({ type: 'go' });
    await tab.until(() => tab.actor('broken')?.status === 'error');
    expect(tab.actor('broken')?.error).toMatchObject({ name: 'Error' });
  });

  it('and of all that belong together, whichever of them was given', async () => {
    const machine = setup({ actors: { lamp } }).createMachine({
      id: 'house',
      invoke: [
        { src: 'lamp', id: 'lamp' },
        { src: 'lamp', id: 'other' },
      ],
    });
    const house = createActor(machine).start();
    const { lamp: child } = house.getSnapshot().children;
    const tab = await tabOf(await served(child as never));
    expect([...tab.actors.values()].map((actor) => tab.pathOf(actor))).toEqual([
      'house',
      'house/lamp',
      'house/other',
    ]);
    house.stop();
  });

  it('before it is started, too', async () => {
    const actor = createActor(lamp, { id: 'later' });
    const tab = await tabOf(await served(actor));
    actor.start();
    actor.send({ type: 'press' });
    await tab.until(({ logged }) => logged === 2);
    expect(tab.log.map(({ type }) => type)).toEqual(['xstate.init', 'press']);
    expect(tab.actor('later')?.states).toEqual(['lamp', 'lamp.on']);
  });
});

describe('a tab', () => {
  it('that comes late has the history, also when nobody looked', async () => {
    const actor = createActor(lamp).start();
    const inspector = await served(actor);
    for (let i = 0; i < 3; i++) actor.send({ type: 'press' });
    const early = await tabOf(inspector);
    expect(early.log.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    actor.send({ type: 'press' });
    await early.until(({ logged }) => logged === 4);
    const late = await tabOf(inspector);
    expect(late.log).toEqual(early.log);
    expect([...late.actors]).toEqual([...early.actors]);
    actor.send({ type: 'press' });
    for (const tab of [early, late]) {
      await tab.until(({ logged }) => logged === 5);
      expect(tab.log.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
      expect(tab.feeds).toHaveLength(1);
    }
  });

  it('hears nothing while nothing happens, but a sign of life every 15 seconds', async () => {
    const clock = new SimulatedClock();
    const inspector = await served(createActor(lamp).start(), { clock });
    const tab = await firstTabOf(inspector, clock);
    clock.advance(14_000);
    clock.advance(2_000);
    await tab.until(({ beats }) => beats === 1);
    expect(tab.changes).toEqual([]);
  });

  it('is told ten times a second at most, whatever happens: the newest events, and how many there were', async () => {
    const clock = new SimulatedClock();
    const busy = createActor(fromTransition((count: number) => count + 1, 0)).start();
    const inspector = await served(busy, { clock });
    const tab = await firstTabOf(inspector, clock);
    for (let flush = 1; flush <= 10; flush++) {
      for (let i = 0; i < 1_000; i++) busy.send({ type: 'x'.repeat(90) });
      clock.advance(99);
      clock.advance(1);
      await tab.until(({ logged }) => logged === flush * 1_000);
    }
    expect(tab.changes).toHaveLength(10);
    for (const { log, logged, actors } of tab.changes) {
      expect(log).toHaveLength(200);
      expect(log.at(-1)?.sequence).toBe(logged);
      expect(actors).toHaveLength(1);
    }
    expect(Math.max(...tab.changes.map((change) => JSON.stringify(change).length))).toBeLessThan(100_000);
    expect(tab.actor('transition')?.context).toEqual({ context: 10_000 });
  });

  it('of more than 200 actors that changed is told the others in the next change', async () => {
    const clock = new SimulatedClock();
    const parent = createActor(lamp).start();
    const tab = await firstTabOf(await served(parent, { clock }), clock);
    for (let i = 0; i < 450; i++)
      createActor(
        fromTransition(() => 0, 0),
        { parent, id: `t-${i}` },
      ).start();
    for (let flush = 1; flush <= 3; flush++) {
      clock.advance(100);
      await tab.until(({ changes }) => changes.length === flush);
    }
    expect(tab.changes.map(({ actors }) => actors.length)).toEqual([200, 200, 50]);
    expect(tab.actors.size).toBe(451);
  });

  it('that does not read gets no more until it does, and then everything anew', () => {
    const clock = new SimulatedClock();
    const recorder = new Recorder(clock);
    const actor = createActor(lamp).start();
    recorder.watch(actor as never);
    const feed = new LiveFeed({ recorder, charts: new Charts(), clock, payloads: 'none', faults: [] });
    const [slow, quick] = [new SlowPage(), new SlowPage()];
    for (const page of [slow, quick]) feed.add(new FeedStream(page as never));
    clock.advance(0);
    slow.isFull = true;
    for (let i = 0; i < 5; i++) {
      actor.send({ type: 'press' });
      clock.advance(100);
    }
    clock.advance(20_000);
    // One change was written when it was full already, as the page does not say so before.
    expect(slow.kinds).toEqual(['feed', 'change']);
    expect(quick.kinds.filter((kind) => kind !== ':')).toEqual(['feed', ...Array(5).fill('change')]);
    slow.isFull = false;
    slow.emit('drain');
    clock.advance(100);
    expect(slow.kinds).toEqual(['feed', 'change', 'feed']);
    expect(slow.last).toMatchObject({ type: 'feed', logged: 5, log: { length: 5 } });
    actor.send({ type: 'press' });
    clock.advance(100);
    expect(slow.kinds).toEqual(['feed', 'change', 'feed', 'change']);
    feed.close();
    recorder.close();
    expect(clock.pending).toBe(0);
  });
});

/** What Node's response is to a stream, of a page that reads when it is told to. */
class SlowPage extends EventEmitter {
  isFull = false;
  readonly written: string[] = [];

  get kinds(): string[] {
    return this.written.map((text) => (text.startsWith(':') ? ':' : parsed(text).type));
  }

  get last(): object {
    return parsed(this.written.at(-1) ?? '');
  }

  writeHead(): void {}
  flushHeaders(): void {}
  end(): void {}

  write(text: string): boolean {
    this.written.push(text);
    return !this.isFull;
  }
}

const parsed = (text: string) => JSON.parse(text.slice('data: '.length)) as { readonly type: string };

/** A tab of an inspector whose time stands still. */
async function firstTabOf(inspector: Inspector, clock: SimulatedClock): Promise<Tab> {
  const opening = tabOf(inspector);
  const opened = { yet: false };
  void opening.then(() => {
    opened.yet = true;
  });
  // The stream begins in a timer of its own, which starts when the request has come.
  while (!opened.yet) {
    clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return opening;
}

describe('what is remembered', () => {
  it('has bounds: 2,000 events, and 500 actors that have ended, the oldest forgotten first', async () => {
    const child = createMachine({ id: 'child', initial: 'end', states: { end: { type: 'final' } } });
    const parent = createActor(createMachine({ id: 'parent', on: { '*': {} } })).start();
    const inspector = await served(parent);
    const tab = await tabOf(inspector);
    for (let i = 1; i <= 1_200; i++) createActor(child, { parent, id: `child-${i}` }).start();
    await tab.until(() => tab.actor('parent/child-1200') !== undefined);
    for (let i = 0; i < 2_000; i++) parent.send({ type: 'tick' });
    const late = await tabOf(inspector);
    expect(late.actors.size).toBe(501);
    expect(late.actor('parent/child-700')).toBeUndefined();
    expect(late.actor('parent/child-701')).toBeDefined();
    expect(late.log).toHaveLength(2_000);
    await tab.until(() => tab.actors.size === 501);
    expect([...tab.actors.keys()].sort()).toEqual([...late.actors.keys()].sort());
  });

  it('goes with what it led to: of a client that has ended nothing is watched once it is forgotten', async () => {
    const ended = createMachine({ id: 'ended', initial: 'end', states: { end: { type: 'final' } } });
    const first = createActor(ended).start();
    const inspector = await served(first);
    for (let i = 0; i < 500; i++) inspector.watch(createActor(ended).start());
    const tab = await tabOf(inspector);
    expect(tab.actors.size).toBe(500);
    expect(tab.actors.has('1')).toBe(false);
    first.send({ type: 'too late' });
    expect((await tabOf(inspector)).logged).toBe(0);
  });
});
