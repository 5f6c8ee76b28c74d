import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { createActor, createMachine } from 'xstate';
import { serveInspector } from '../../src/inspect/serve-inspector.ts';
import { IotError } from '../../src/protocol/errors.ts';
import { clientOf, failureOf, thrownBy, useCore } from '../client/support.ts';
import { ask, press } from './feed-support.ts';
import { served, tabOf } from './served.ts';

const theCore = useCore();
const anActor = () => createActor(createMachine({ id: 'lamp' })).start();
const names = ['dropConnections', 'freeze', 'thaw', 'stopListening', 'listen', 'refuse'] as const;

describe('sec:S-22 the page of an inspector', () => {
  it('is served on the loopback only', async () => {
    const { url } = await served(anActor());
    const port = Number(new URL(url).port);
    expect(url).toBe(`http://127.0.0.1:${port}/`);
    expect(addressesListening(port)).toEqual(['127.0.0.1']);
  });

  it.each(['/', '/feed', '/page/chart.css', '/charts/client.svg'])(
    'is not served by a name that a stranger has made lead here: %s',
    async (path) => {
      const { url } = await served(anActor());
      const { port } = new URL(url);
      const hosts = [
        'evil.example',
        `evil.example:${port}`,
        '127.0.0.1',
        `127.0.0.1:${Number(port) + 1}`,
        `127.0.0.1.evil.example:${port}`,
      ];
      for (const host of hosts) expect((await ask(url, path, { headers: { host } })).status, host).toBe(403);
    },
  );

  it('is not served to a page of a stranger, and takes no command from one', async () => {
    const freeze = vi.fn();
    const { url } = await served(anActor(), { core: { faults: { freeze } } });
    const { port } = new URL(url);
    const headers = { 'content-type': 'application/json' };
    const post = (more: object) =>
      ask(url, '/faults/freeze', { method: 'POST', headers: { ...headers, ...more }, body: '{}' });
    for (const origin of [
      'http://evil.example',
      'null',
      `https://127.0.0.1:${port}`,
      `http://127.0.0.1:${Number(port) + 1}`,
    ]) {
      expect((await ask(url, '/feed', { headers: { origin } })).status).toBe(403);
      expect((await post({ origin })).status).toBe(403);
    }
    expect((await post({})).status).toBe(403);
    expect(freeze).not.toHaveBeenCalled();
    expect((await post({ origin: url.slice(0, -1) })).status).toBe(204);
    expect((await post({ origin: `http://localhost:${port}`, host: `localhost:${port}` })).status).toBe(204);
    expect(freeze).toHaveBeenCalledTimes(2);
  });

  it('may load nothing from elsewhere, and nothing may frame it, keep it or learn of it', async () => {
    const { url } = await served(anActor());
    for (const path of ['/', '/page/chart.css', '/nothing']) {
      const { headers } = await ask(url, path);
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;/,
      );
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
      });
    }
  });

  it('serves its own files and pictures, and nothing else of the disk', async () => {
    const { url } = await served(anActor());
    const page = await ask(url, '/');
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).toContain('/page/main.js');
    const style = await ask(url, '/page/style.css');
    expect([style.status, style.headers['content-type']]).toEqual([200, 'text/css; charset=utf-8']);
    const chart = await ask(url, '/charts/shadowOperation.svg');
    expect([chart.status, chart.headers['content-type']]).toEqual([200, 'image/svg+xml; charset=utf-8']);
    const paths = [
      '/page/../serve-inspector.ts',
      '/page/..%2fserve-inspector.ts',
      '/page/%2e%2e/index.ts',
      '/page/..\\index.ts',
      '/page/',
      '/page/main.ts',
      '/page/tsconfig.json',
      '/page/x/style.css',
      '//page/style.css',
      '/page/style.css?x',
      '/page/nul.css',
      '/charts/../package.json',
      '/charts/..%2f..%2fpackage.json',
      '/charts/%2e%2e/README.svg',
      '/charts/.svg',
      '/charts/drawn-1.svg',
      '/charts/client.json',
      '/charts/__proto__.svg',
      '/feed/',
      '/feed?x',
      '/package.json',
      '/index.html',
      '/faults',
      'http://evil.example/',
      '*',
    ];
    for (const path of paths) {
      const { status, text } = await ask(url, path);
      expect([404, 405], path).toContain(status);
      expect(text, path).toMatch(/^\{"error":/);
    }
  });

  it('answers GET for what it shows and POST for what it does, and nothing else', async () => {
    const { url } = await served(anActor(), { core: { faults: { freeze() {} } } });
    for (const method of ['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH']) {
      for (const path of ['/', '/feed', '/page/style.css']) {
        const { status, headers } = await ask(url, path, { method });
        expect([status, headers.allow], method).toEqual([405, 'GET']);
      }
    }
    expect((await ask(url, '/faults/freeze')).status).toBe(405);
  });

  it('draws the machines of an app, when somebody wants to see them', async () => {
    const machine = createMachine({
      id: 'door',
      initial: 'shut',
      states: { shut: { on: { open: 'opened' } }, opened: {} },
    });
    const inspector = await served(createActor(machine).start());
    const tab = await tabOf(inspector);
    expect(tab.actor('door')?.chart).toBe('drawn-1');
    const { status, text } = await ask(inspector.url, '/charts/drawn-1.svg');
    expect(status).toBe(200);
    expect(text).toContain('data-state="door.shut"');
    expect(text).toContain('data-transition="door.shut|open|0"');
  });

  it('has room for 32 tabs', async () => {
    const inspector = await served(anActor());
    const tabs = await Promise.all(Array.from({ length: 32 }, () => tabOf(inspector)));
    expect((await ask(inspector.url, '/feed')).status).toBe(503);
    tabs[0]?.close();
    await vi.waitFor(() => tabOf(inspector));
  });
});

describe('the buttons of the page', () => {
  it('are there for what the core can do, and for nothing without one', async () => {
    const actor = anActor();
    const faults = async (options: object) => (await tabOf(await served(actor, options))).feeds[0]?.faults;
    expect(await faults({})).toEqual([]);
    expect(await faults({ core: { faults: { listen() {}, freeze: 1, other() {} } } })).toEqual(['listen']);
    expect(await faults({ core: theCore() })).toEqual(names);
  });

  it('break the line of a client, and mend it', async () => {
    const client = clientOf(theCore());
    await client.connect();
    await client.when('live');
    const { url } = await served(client, { core: theCore() });
    const lost = client.when('backingOff');
    expect((await press(url, 'refuse', { times: 1 })).status).toBe(204);
    expect((await press(url, 'dropConnections')).status).toBe(204);
    await lost;
    await vi.waitFor(
      () =>
        expect(client.status).toMatchObject({ state: 'backingOff', reason: { code: 'SERVER_UNAVAILABLE' } }),
      { interval: 1 },
    );
    await client.when('live');
    for (const name of ['freeze', 'thaw', 'stopListening', 'listen'])
      expect((await press(url, name)).status).toBe(204);
  });

  it('say what is wrong with what was asked', async () => {
    const refuse = vi.fn();
    const dropConnections = () =>
      Promise.reject(new IotError('INTERNAL', 'the core: password=hunter2-of-old'));
    const { url } = await served(anActor(), { core: { faults: { refuse, dropConnections } } });
    const origin = url.slice(0, -1);
    const post = (path: string, body: string, type = 'application/json') =>
      ask(url, path, { method: 'POST', headers: { origin, 'content-type': type }, body });
    expect((await post('/faults/refuse', '{}', 'text/plain')).status).toBe(415);
    expect((await post('/faults/refuse', '{}', 'application/jsonp')).status).toBe(415);
    for (const body of ['', '[]', 'null', '1', '{'])
      expect((await post('/faults/refuse', body)).status).toBe(400);
    for (const body of [
      { times: -1 },
      { times: 1.5 },
      { times: '3' },
      { returnCode: 0 },
      { returnCode: 256 },
      { other: 1 },
    ])
      expect((await press(url, 'refuse', body)).status).toBe(400);
    expect((await press(url, 'refuse', { times: 1, pad: 'x'.repeat(2_000) })).status).toBe(413);
    for (const name of ['thaw', 'nothing', '__proto__', 'constructor', ''])
      expect((await press(url, name)).status).toBe(404);
    expect(refuse).not.toHaveBeenCalled();
    await press(url, 'refuse', { times: 2, returnCode: 5 });
    await press(url, 'refuse', { times: 3 });
    expect(refuse.mock.calls).toEqual([[{ returnCode: 5, times: 2 }], [{ returnCode: 3, times: 3 }]]);
    const failed = await press(url, 'dropConnections');
    expect([failed.status, failed.text]).toEqual([500, '{"error":"the core: password=[redacted]"}']);
  });
});

describe('an inspector', () => {
  it('says at once what it was not given rightly', async () => {
    const wrong: readonly (readonly [unknown, unknown, RegExp])[] = [
      [undefined, {}, /what is inspected must be a client .* given: undefined/],
      [[anActor(), {}], {}, /what is inspected must be/],
      [anActor(), null, /options must be an object/],
      [anActor(), { port: -1 }, /port must be a whole number from 0 to 65535; given: -1/],
      [anActor(), { port: '80' }, /port must be/],
      [anActor(), { payloads: 'all' }, /payloads must be "none" or "size" or "truncated"; given: "all"/],
      [anActor(), { core: {} }, /core must be what startLocalIotCore\(\) returned/],
      [anActor(), { clock: Date }, /clock must be/],
      [
        anActor(),
        { host: '0.0.0.0' },
        /options has no field "host"; it may have port, payloads, core, clock/,
      ],
    ];
    for (const [target, options, message] of wrong) {
      const error = await failureOf(serveInspector(target as never, options as never));
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(error.message).toMatch(message);
    }
    const inspector = await served(anActor());
    expect(thrownBy(() => inspector.watch({} as never)).code).toBe('INVALID_ARGUMENT');
  });

  it('names a port that another program has', async () => {
    const { url } = await served(anActor());
    const error = await failureOf(serveInspector(anActor(), { port: Number(new URL(url).port) }));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(new URL(url).port);
    expect(error.remediation).toBeDefined();
  });

  it('ends all pages when it is closed, watches nothing any more, and can be closed twice', async () => {
    const actor = anActor();
    const inspector = await serveInspector(actor);
    const tab = await tabOf(inspector);
    const idle = net.connect(Number(new URL(inspector.url).port), '127.0.0.1');
    await once(idle, 'connect');
    await Promise.all([inspector.close(), inspector.close()]);
    await inspector[Symbol.asyncDispose]();
    await tab.closed();
    await vi.waitFor(() => expect(idle.closed || idle.readyState === 'closed').toBe(true));
    expect(await ask(inspector.url, '/').catch(({ code }: NodeJS.ErrnoException) => code)).toBe(
      'ECONNREFUSED',
    );
    actor.send({ type: 'x' });
  });

  it('breaks no step of an actor, whatever it looks like', async () => {
    const actor = anActor();
    await served(actor);
    const odd = createActor(createMachine({ id: 'odd' }), { parent: actor } as never);
    Object.defineProperty(odd, 'getSnapshot', {
      value: () => {
        throw new Error('not now');
      },
    });
    odd.start();
    odd.send({ type: 'x' });
    expect(actor.getSnapshot().status).toBe('active');
  });
});

/** As the system says it: all addresses on which this port is listened on. */
function addressesListening(port: number): string[] {
  const table = execFileSync('cat', ['/proc/net/tcp', '/proc/net/tcp6'], { encoding: 'utf8' });
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  return rows
    .filter(([, local, , state]) => local?.endsWith(`:${hex}`) === true && state === '0A')
    .map(([, local = '']) => {
      const address = local.split(':')[0] ?? '';
      return address.length === 8 ? Buffer.from(address, 'hex').reverse().join('.') : address;
    });
}
