import { createWebSocketReceiver } from '@statelyai/inspect';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { type AnyActorRef, createActor, createMachine, fromTransition } from 'xstate';
import { createIotClient } from '../../src/client/client.ts';
import { plainTcp } from '../../src/index.ts';
import { type StatelyInspector, statelyInspector } from '../../src/inspect/index.ts';
import { secretIn } from '../support/canaries.ts';
import {
  answerOf,
  Inbox,
  lampMachine,
  listening,
  openViewer,
  signingMachine,
  statusOf,
  UPGRADE,
  type Viewer,
} from './stately-support.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function relayed(options: object = {}): Promise<StatelyInspector & { readonly url: string }> {
  const stately = await statelyInspector({ via: 'webSocket', ...options });
  ends.push(() => stately.close());
  return stately as StatelyInspector & { readonly url: string };
}

async function viewerOf({ url }: { readonly url: string }): Promise<Viewer> {
  const viewer = await openViewer(url);
  ends.push(() => viewer.close());
  return viewer;
}

function started(machine: Parameters<typeof createActor>[0], stately: StatelyInspector): AnyActorRef {
  const actor = createActor(machine, { inspect: stately.inspect }).start();
  ends.push(() => actor.stop());
  return actor;
}

const countOf = (inbox: Inbox, name: string): unknown =>
  (inbox.newestOf(name)?.context as { readonly count?: number } | undefined)?.count;

describe('the relay for the viewer of Stately', () => {
  it('shows a machine with its definition, its events and its deep states as they are', async () => {
    const stately = await relayed();
    const { inbox } = await viewerOf(stately);
    started(lampMachine, stately).send({ type: 'press' });
    await inbox.until((messages) => messages.some(({ event }) => event?.type === 'press'));
    await inbox.until(() => typeof inbox.newestOf('lamp')?.value === 'object');
    expect(inbox.newestOf('lamp')).toMatchObject({
      status: 'active',
      value: { token: { a: { b: { c: 'd' } } } },
      context: { count: 0, password: '[redacted]' },
      children: {},
    });
    const { definition, rootId, sessionId } = inbox.messages[0] ?? {};
    expect(rootId).toBe(sessionId);
    // A viewer makes a machine of it.
    const again = createActor(createMachine(JSON.parse(definition ?? '') as never)).start();
    again.send({ type: 'press' });
    expect(again.getSnapshot().value).toEqual({ token: { a: { b: { c: 'd' } } } });
    again.send({ type: 'press' });
    expect(again.getSnapshot().value).toBe('off');
    again.stop();
  });

  it('is understood by the receiver of @statelyai/inspect', async () => {
    const stately = await relayed();
    const receiver = createWebSocketReceiver({ server: stately.url.replace('http:', 'ws:') });
    const seen = new Promise<unknown>((resolve) => {
      receiver.subscribe((event) => {
        if (event.type === '@xstate.actor') resolve(event.name);
      });
    });
    started(lampMachine, stately);
    expect(await seen).toBe('lamp');
  });

  it('tells who comes late of every actor that lives, with its newest snapshot, after any number of events', async () => {
    const stately = await relayed();
    const early = await viewerOf(stately);
    const lamp = started(lampMachine, stately);
    lamp.send({ type: 'press' });
    const busy = createActor(lampMachine, { id: 'busy', inspect: stately.inspect }).start();
    ends.push(() => busy.stop());
    for (let count = 95; count <= 95 * 12; count += 95) {
      for (let i = 0; i < 95; i++) busy.send({ type: 'count' });
      await early.inbox.until(() => countOf(early.inbox, 'busy') === count);
    }
    expect(early.inbox.messages.length).toBeGreaterThan(1_000);

    const late = await viewerOf(stately);
    busy.send({ type: 'count' });
    await late.inbox.until(() => countOf(late.inbox, 'busy') === 95 * 12 + 1);
    const [first] = late.inbox.messages;
    expect(first).toMatchObject({ type: '@xstate.actor', name: 'lamp' });
    expect(JSON.parse(first?.definition ?? '')).toMatchObject({ id: 'lamp' });
    expect(late.inbox.newestOf('lamp')?.value).toEqual({ token: { a: { b: { c: 'd' } } } });
    // The oldest messages are forgotten.
    expect(late.inbox.messages.length).toBeLessThan(1_100);
  });

  it('sends of very many events the newest, and every state that an actor is in at last', async () => {
    const stately = await relayed();
    const { inbox } = await viewerOf(stately);
    const lamp = started(lampMachine, stately);
    for (let i = 0; i < 20_000; i++) lamp.send({ type: 'count' });
    const other = started(signingMachine, stately);
    await inbox.until(() => inbox.newestOf('signing')?.value === 'signed');
    expect(inbox.newestOf('lamp')?.context).toMatchObject({ count: 20_000 });
    expect(inbox.messages.length).toBeLessThan(500);
    expect(other.getSnapshot().status).toBe('active');
  });

  it('forgets actors that have ended, with the last message about them', async () => {
    const stately = await relayed();
    const early = await viewerOf(stately);
    createActor(
      fromTransition((state: number) => state + 1, 0),
      { inspect: stately.inspect, id: 'gone' },
    )
      .start()
      .stop();
    const lamp = started(lampMachine, stately);
    for (let round = 1; round <= 12; round++) {
      for (let i = 0; i < 95; i++) lamp.send({ type: 'count' });
      await early.inbox.until(() => countOf(early.inbox, 'lamp') === 95 * round);
    }
    expect(early.inbox.messages.map(({ name }) => name)).toContain('gone');
    const late = await viewerOf(stately);
    await late.inbox.until(({ length }) => length > 500);
    expect(late.inbox.messages.map(({ name }) => name)).not.toContain('gone');
  });

  it('introduces an actor that ran before anybody looked', async () => {
    const stately = await relayed();
    const { inbox } = await viewerOf(stately);
    const lamp = createActor(lampMachine).start();
    ends.push(() => lamp.stop());
    lamp.system.inspect(stately.inspect);
    lamp.send({ type: 'press' });
    await inbox.until((messages) => messages.some(({ event }) => event?.type === 'press'));
    expect(inbox.messages[0]).toMatchObject({ type: '@xstate.actor', name: 'lamp' });
  });

  it('shows a client: its connection, its queue and its subscriptions', async () => {
    const stately = await relayed();
    const { inbox } = await viewerOf(stately);
    const client = createIotClient({
      endpoint: 'localhost',
      auth: plainTcp(),
      port: 1,
      inspect: stately.inspect,
    });
    ends.push(() => client.close());
    await inbox.until(() => inbox.newestOf('connection') !== undefined);
    const names = inbox.messages.flatMap(({ name }) => name ?? []);
    expect(names).toEqual(expect.arrayContaining(['client', 'connection', 'queue', 'subscriptions']));
    for (const { definition } of inbox.messages.filter(({ type }) => type === '@xstate.actor'))
      expect(() => JSON.parse(definition ?? '') as unknown).not.toThrow();
  });

  it('sec:S-22 sec:S-16 sends no secret and no payload: not what a promise returned, nor what was in a definition', async () => {
    const stately = await relayed();
    const { inbox } = await viewerOf(stately);
    started(signingMachine, stately);
    const secretive = createMachine({
      id: 'secretive',
      context: { credentials: 'canary-of-a-definition', mqttPassword: 'canary-of-another' },
      meta: { note: 'wss://user:canary-of-a-url@host.local/?token=canary-of-a-query' },
      invoke: [],
    });
    started(secretive, stately).send({ type: 'came', message: { payload: 'canary-of-a-payload' } });
    await inbox.until(() => inbox.newestOf('signing')?.value === 'signed');
    await inbox.until((messages) => messages.some(({ event }) => event?.type === 'came'));
    const resolved = inbox.messages.find(({ event }) => event?.type === 'xstate.promise.resolve');
    expect(resolved?.event).toMatchObject({ data: '[payload]' });
    expect(inbox.texts.length).toBeGreaterThan(5);
    expect(secretIn(inbox.texts.join('\n'))).toBeUndefined();
  });

  it('goes on with the next actor when a snapshot cannot be read', async () => {
    const stately = await relayed();
    const { inbox } = await viewerOf(stately);
    const hostile = createActor(
      {
        ...fromTransition((state: object) => state, {}),
        getInitialSnapshot: () =>
          new Proxy(
            {},
            {
              get: (_target, key) => {
                if (key === 'status') return 'active';
                throw new Error('not to be read');
              },
            },
          ) as never,
      },
      { inspect: stately.inspect },
    );
    hostile.start();
    started(lampMachine, stately);
    await inbox.until(() => inbox.newestOf('lamp') !== undefined);
  });
});

describe('the door of the relay', () => {
  it('sec:S-22 serves a page that loads nothing but itself and the viewer', async () => {
    const { url } = await relayed({ viewer: 'http://127.0.0.1:1/viewer?"a&b' });
    const page = await answerOf(url);
    const policy = page.headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'; script-src 'self'");
    expect(policy).toContain('frame-src http://127.0.0.1:1;');
    expect(policy).toContain("frame-ancestors 'none'");
    expect(page.body).toContain('data-viewer="http://127.0.0.1:1/viewer?%22a&amp;b"');
    for (const path of ['relay.js', 'relay.css']) expect(await statusOf(url + path)).toBe(200);
    expect(await statusOf(`${url}other`)).toBe(404);
    expect(await statusOf(url, {}, 'POST')).toBe(405);
  });

  it('sec:S-22 refuses pages of strangers, and names that lead here', async () => {
    const { url } = await relayed();
    const { port, host } = new URL(url);
    const foreign: Record<string, string>[] = [
      { Host: `evil.example:${port}` },
      { Host: '127.0.0.1' },
      { Host: host, Origin: 'https://evil.example' },
      { Host: host, Origin: `https://127.0.0.1:${port}` },
      { Host: host, Origin: 'http://127.0.0.1:1' },
      { Host: host, Origin: 'null' },
    ];
    for (const headers of foreign) {
      expect(await statusOf(url, headers)).toBe(403);
      expect(await statusOf(`${url}feed`, { ...UPGRADE, ...headers })).toBe(403);
    }
    const own = [{ Host: host }, { Host: `localhost:${port}`, Origin: `http://localhost:${port}` }];
    for (const headers of own) {
      expect(await statusOf(url, headers)).toBe(200);
      expect(await statusOf(`${url}feed`, { ...UPGRADE, ...headers })).toBe(101);
    }
    expect(await statusOf(`${url}other`, { ...UPGRADE, Host: host })).toBe(403);
    expect(await statusOf(`${url.slice(0, -1)}//`, { Host: host })).toBe(404);
  });

  it('sec:S-22 listens on 127.0.0.1 only', async () => {
    const { url } = await relayed();
    expect(new URL(url).hostname).toBe('127.0.0.1');
    // Were it open on all interfaces, it would be on every address of the loopback too.
    await expect(statusOf(url.replace('127.0.0.1', '127.0.0.2'), {})).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  it('takes the port that it is given, and says when it cannot be had', async () => {
    const { url } = await relayed();
    const port = Number(new URL(url).port);
    await expect(statelyInspector({ via: 'webSocket', port })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `port ${port} of the loopback cannot be had`,
    });
  });

  it('ends its viewers when it is closed, after what was left to say, and tells nothing any more', async () => {
    const stately = await relayed();
    const viewer = await viewerOf(stately);
    const lamp = started(lampMachine, stately);
    lamp.send({ type: 'press' });
    await Promise.all([stately.close(), stately.close()]);
    expect(await viewer.closed).toBe(1001);
    expect(viewer.inbox.newestOf('lamp')?.value).toEqual({ token: { a: { b: { c: 'd' } } } });
    lamp.send({ type: 'press' });
    await expect(statusOf(stately.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('cuts a viewer that has something to say', async () => {
    const { url } = await relayed();
    const { WebSocket } = await import('ws');
    const socket = new WebSocket(url.replace('http:', 'ws:'));
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await new Promise((resolve) => socket.on('open', resolve));
    socket.send('x'.repeat(2_000));
    expect(await closed).toBe(1009);
  });
});

describe('an inspector server of somebody else', () => {
  it('is told again what matters on each new connection, also after it closed in order', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    ends.push(() => new Promise((resolve) => server.close(resolve)));
    const port = await listening(server);
    const inboxes: Inbox[] = [];
    const reached = (count: number) =>
      new Promise<Inbox>((resolve) => {
        server.on('connection', (socket) => {
          const inbox = new Inbox();
          if (inboxes.push(inbox) === count) resolve(inbox);
          socket.on('message', (data: Buffer) => inbox.take(data.toString()));
        });
      });
    const first = reached(1);
    const stately = await statelyInspector({ via: 'webSocket', url: `ws://127.0.0.1:${port}` });
    ends.push(() => stately.close());
    expect(stately.url).toBeUndefined();
    const lamp = started(lampMachine, stately);
    const before = await first;
    await before.until(() => before.newestOf('lamp') !== undefined);

    server.removeAllListeners('connection');
    const second = reached(2);
    for (const socket of server.clients) socket.close(1000);
    const after = await second;
    lamp.send({ type: 'press' });
    await after.until(() => typeof after.newestOf('lamp')?.value === 'object');
    expect(after.messages[0]).toMatchObject({ type: '@xstate.actor', name: 'lamp' });
  });

  it('may be away: closing does not wait for it', async () => {
    const stately = await statelyInspector({ via: 'webSocket', url: 'ws://127.0.0.1:1' });
    await stately.close();
  });
});

describe('options of the inspector', () => {
  it.each([
    [undefined, 'options'],
    [{}, 'via'],
    [{ via: 'browser' }, 'via'],
    [{ via: 'webSocket', host: '0.0.0.0' }, 'host'],
    [{ via: 'webSocket', iframe: {} }, 'iframe'],
    [{ via: 'webSocket', port: 65_536 }, 'port'],
    [{ via: 'webSocket', payloads: 'all' }, 'payloads'],
    [{ via: 'webSocket', viewer: 'http://stately.ai/inspect' }, 'viewer'],
    [{ via: 'webSocket', viewer: 'javascript:alert(1)' }, 'viewer'],
    [{ via: 'webSocket', url: 'ws://10.0.0.1:8080' }, 'url'],
    [{ via: 'webSocket', url: 'ws://user:password@localhost:8080' }, 'url'],
    [{ via: 'webSocket', url: 'ws://localhost:8080', port: 8080 }, 'port'],
    [{ via: 'sky', apiKey: '' }, 'apiKey'],
    [{ via: 'sky', port: 1 }, 'port'],
  ])('refuses %j', async (options, field) => {
    await expect(statelyInspector(options as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(field) as string,
    });
  });
});
