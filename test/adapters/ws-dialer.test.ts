import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { wsDialer } from '../../src/adapters/ws-dialer.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { makeAuthority, makeLeaf } from '../support/certificates.ts';
import { refusal, type Upgrade, WebSocketFront } from '../support/web-socket-front.ts';
import { turn } from './live-line.ts';
import { accepted, closed, QUERY, useWebSockets } from './web-socket-world.ts';

const world = useWebSockets();

describe('the upgrade', () => {
  it('is a GET of /mqtt with subprotocol mqtt, and without compression (MQTT-6.0.0-3)', async () => {
    using connection = await world.live();
    const { request } = connection.upgrade;
    expect(request.method).toBe('GET');
    expect(request.url).toBe(`/mqtt?${QUERY}`);
    expect(request.headers).toMatchObject({
      host: `localhost:${world.front.port}`,
      'sec-websocket-protocol': 'mqtt',
      'sec-websocket-version': '13',
    });
    expect(request.headers).not.toHaveProperty('sec-websocket-extensions');
  });

  it('names the server by SNI, and asks for no ALPN (sec:S-3, py:C11)', async () => {
    using _ = await world.live();
    expect(world.front.handshakes).toEqual([{ serverName: 'localhost', alpn: false }]);
  });

  it('is not made to a server without the name that was dialed', async () => {
    const other = await makeLeaf(world.authority, {
      altNames: [{ type: 2, value: 'elsewhere.example.com' }],
    });
    await using elsewhere = await WebSocketFront.start({ ...other });
    using line = world.openLine({ port: elsewhere.port });
    expect((await line.error('transport.failed')).code).toBe('SERVER_NAME_MISMATCH');
    expect(elsewhere.upgrades).toHaveLength(0);
  });

  it('is not made to a server that another authority signed', async () => {
    using line = world.openLine({ ca: (await makeAuthority('Other Root')).cert });
    expect((await line.error('transport.failed')).code).toBe('SERVER_CERTIFICATE_UNTRUSTED');
    expect(world.front.upgrades).toHaveLength(0);
  });

  it('is not made over TLS 1.1 (sec:S-1)', async () => {
    const old = {
      ...world.server,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    };
    await using ancient = await WebSocketFront.start(old as object);
    using line = world.openLine({ port: ancient.port });
    expect((await line.error('transport.failed')).code).toBe('TLS_FAILED');
    expect(ancient.upgrades).toHaveLength(0);
  });

  it('reads the authorities anew for each attempt', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'authorities-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'ca.pem');
    await writeFile(path, (await makeAuthority('Other Root')).cert);
    using first = world.openLine({ ca: path });
    expect((await first.error('transport.failed')).code).toBe('SERVER_CERTIFICATE_UNTRUSTED');
    await writeFile(path, world.authority.cert);
    using _ = await world.live({ ca: path });
  });
});

describe('an upgrade that is refused', () => {
  it.each([
    [401, 'BAD_CREDENTIALS'],
    [403, 'BAD_CREDENTIALS'],
    [407, 'WEBSOCKET_REFUSED'],
    [408, 'SERVER_UNAVAILABLE'],
    [429, 'SERVER_UNAVAILABLE'],
    [500, 'SERVER_UNAVAILABLE'],
    [502, 'SERVER_UNAVAILABLE'],
    [503, 'SERVER_UNAVAILABLE'],
    [400, 'WEBSOCKET_REFUSED'],
    [404, 'WEBSOCKET_REFUSED'],
    [426, 'WEBSOCKET_REFUSED'],
    [204, 'WEBSOCKET_REFUSED'],
  ] as const)('with %i: %s, with the status (fault:A-21)', async (status, code) => {
    const error = await world.failureOf((upgrade) => upgrade.answer(refusal(`${status} Canary`)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`HTTP status ${status}`);
    expect(inspect(error)).not.toMatch(/canary/i);
  });

  it('by a redirect: it is not followed, and nobody else is shown the signature (sec:S-31)', async () => {
    await using elsewhere = await WebSocketFront.start({ ...world.server });
    const location = `wss://localhost:${elsewhere.port}/mqtt`;
    const error = await world.failureOf((upgrade) =>
      upgrade.answer(refusal('302 Found', { Location: location })),
    );
    expect(error.code).toBe('WEBSOCKET_REFUSED');
    expect(error.remediation).toContain('redirects are not followed');
    expect(elsewhere.handshakes).toHaveLength(0);
  });

  it('by the page of a captive portal: no byte of it is shown (fault:A-22)', async () => {
    const page = `<html>${'canary '.repeat(5_000)}</html>`;
    const portal = refusal('200 OK', { 'Content-Type': 'text/html', 'Set-Cookie': 'canary' }, page);
    const error = await world.failureOf((upgrade) => upgrade.answer(portal));
    expect(error.code).toBe('WEBSOCKET_REFUSED');
    expect(error.message).toContain('HTTP status 200');
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/canary|html/i);
  });

  it.each([
    ['a page without a head', `<html>canary</html>\r\n\r\n`],
    ['MQTT', '\x20\x02\x00\x00'],
    ['a head without an end', `HTTP/1.1 101 OK\r\nCanary: ${'x'.repeat(100_000)}`],
  ])('by %s instead of HTTP: no byte of it is shown (fault:A-22)', async (_, bytes) => {
    const error = await world.failureOf((upgrade) => upgrade.answer(bytes));
    expect(error.code).toBe('WEBSOCKET_REFUSED');
    expect(error.message).toContain('it is not HTTP (HPE_');
    // The parser's own error has what it could not parse, as bytes.
    expect(error.cause).toBeUndefined();
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/canary|html/i);
  });

  it.each<[string, (upgrade: Upgrade) => string, string]>([
    ['without a subprotocol (MQTT-6.0.0-3)', (it) => accepted(it, ['Upgrade: websocket']), 'no subprotocol'],
    [
      'with another subprotocol',
      (it) => accepted(it, ['Upgrade: websocket', 'Sec-WebSocket-Protocol: canary']),
      'invalid subprotocol',
    ],
    [
      'for another key',
      (it) => accepted(it, ['Upgrade: websocket', 'Sec-WebSocket-Protocol: mqtt'], 'other'),
      'Sec-WebSocket-Accept',
    ],
    ['to something else', (it) => accepted(it, ['Upgrade: canary']), 'Upgrade header'],
    [
      'with compression that nobody asked for',
      (it) =>
        accepted(it, [
          'Upgrade: websocket',
          'Sec-WebSocket-Protocol: mqtt',
          'Sec-WebSocket-Extensions: permessage-deflate',
        ]),
      'Extensions',
    ],
  ])('by a 101 %s', async (_, answer, why) => {
    const error = await world.failureOf((upgrade) => upgrade.socket.write(answer(upgrade)));
    expect(error.code).toBe('WEBSOCKET_REFUSED');
    expect(error.message).toContain(why);
    expect(inspect(error)).not.toMatch(/canary/i);
  });

  it.each<[string, (upgrade: Upgrade) => void]>([
    ['FIN (py:W13)', ({ socket }) => socket.end()],
    ['RST', ({ tcp }) => tcp.resetAndDestroy()],
    ['half a head and FIN', (upgrade) => upgrade.answer('HTTP/1.1 101 Swi')],
  ])('by %s instead of an answer: the network', async (_, act) => {
    const error = await world.failureOf(act);
    expect(error.recovery).toBe('retry');
    expect(error.code).toBe('CONNECTION_RESET');
  });

  it.each<[string, (upgrade: Upgrade) => void]>([
    ['nothing', () => {}],
    ['an endless head, byte by byte', ({ socket }) => socket.write('HTTP/1.1 101 ')],
  ])('by %s: it is freed when it is given up, at once', async (_, act) => {
    world.front.onUpgrade = act;
    using line = world.openLine();
    const { socket } = await world.front.upgrade(0);
    line.free();
    await closed(socket);
    expect(line.facts.map(({ type }) => type)).toEqual(['transport.signedIn']);
  });

  it('is freed also while TLS shakes hands, and before it is dialed', async () => {
    using before = world.openLine();
    before.free();
    using during = world.openLine();
    await during.until('transport.signedIn');
    during.free();
    await turn();
    expect(world.front.upgrades).toHaveLength(0);
  });

  it('of 403: says the time of this device, and hears that of the server (fault:D-11)', async () => {
    const heard: number[] = [];
    world.front.onUpgrade = (upgrade) =>
      upgrade.answer(refusal('403 Forbidden', { Date: 'Sun, 01 Mar 2026 12:00:00 GMT' }));
    const { signal } = new AbortController();
    const wallClock = () => Date.parse('2026-03-01T11:00:00Z');
    const open = await wsDialer.prepare({
      ...{ endpoint: 'localhost', port: world.front.port, ca: world.authority.cert },
      ...{ signal, wallClock, clock: new SimulatedClock() },
    });
    await expect(open('/mqtt', { signal, serverTime: (time) => heard.push(time) })).rejects.toThrow(
      "this device's clock says 2026-03-01T11:00:00.000Z",
    );
    expect(heard).toEqual([Date.parse('2026-03-01T12:00:00Z')]);
  });

  it.each([
    ['403 without a Date', refusal('403 Forbidden')],
    ['403 with a Date that is none', refusal('403 Forbidden', { Date: 'canary' })],
    ['500 with a Date', refusal('500 No', { Date: 'Sun, 01 Mar 2026 12:00:00 GMT' })],
  ])('of %s: nothing is known of the server’s time', async (_, answer) => {
    world.front.onUpgrade = (upgrade) => upgrade.answer(answer);
    const { signal } = new AbortController();
    const open = await wsDialer.prepare({
      ...{ endpoint: 'localhost', port: world.front.port, ca: world.authority.cert },
      ...{ signal, wallClock: Date.now, clock: new SimulatedClock() },
    });
    const heard: number[] = [];
    await expect(open('/mqtt', { signal, serverTime: (time) => heard.push(time) })).rejects.toThrow(
      'HTTP status',
    );
    expect(heard).toEqual([]);
  });
});
