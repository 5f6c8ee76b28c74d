import { createHash } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { WebSocket } from 'ws';
import { createSigV4 } from '../../src/adapters/sigv4.ts';
import { wsDialer } from '../../src/adapters/ws-dialer.ts';
import type { IotError } from '../../src/protocol/errors.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { makeAuthority, makeLeaf, type Pair } from '../support/certificates.ts';
import { frame, refusal, type Upgrade, WebSocketFront } from '../support/web-socket-front.ts';
import { turn } from './live-line.ts';
import { openTestLine, type TestLine, type TestOptions } from './test-line.ts';

let authority: Pair;
let server: Pair;
let front: WebSocketFront;
/** Of each signature, so that what leaks can be found. */
const QUERY = 'X-Amz-Signature=canary&X-Amz-Security-Token=canary';

beforeAll(async () => {
  authority = await makeAuthority();
  server = await makeLeaf(authority);
});
beforeEach(async () => {
  front = await WebSocketFront.start({ ...server });
});
afterEach(() => front[Symbol.asyncDispose]());

/** Signs by rote: what a signature is, is tested elsewhere. */
const signIn = () =>
  createSigV4(
    {
      sign: () => Promise.resolve(`/mqtt?${QUERY}`),
      dialer: wsDialer,
      source: { isRenewable: false, get: () => Promise.resolve({ accessKeyId: 'A', secretAccessKey: 'B' }) },
    },
    { region: 'us-east-1' },
  );

const openLine = (options: Partial<TestOptions> = {}): TestLine =>
  openTestLine({
    ...{ endpoint: 'localhost', port: front.port, ca: authority.cert, authentication: signIn() },
    ...options,
  });

/** A client's line, and the server's end of it. */
interface Live extends Disposable {
  readonly line: TestLine;
  readonly upgrade: Upgrade;
  readonly there: WebSocket;
  /** The packets of the client, and how long each of its frames was. */
  readonly received: Packet[];
  readonly frames: number[];
  readonly clock: VirtualClock;
  next(cmd: Packet['cmd']): Promise<Packet>;
  send(packet: Packet): void;
}

async function live(options: Partial<TestOptions> = {}): Promise<Live> {
  front.onUpgrade = () => {};
  const clock = new VirtualClock();
  const line = openLine({ clock, ...options });
  const upgrade = await front.upgrade(front.upgrades.length);
  const there = upgrade.accept();
  const received: Packet[] = [];
  const frames: number[] = [];
  const parser = mqttPacket.parser().on('packet', (packet) => received.push(packet));
  there.on('message', (bytes: Buffer) => {
    frames.push(bytes.length);
    parser.parse(bytes);
  });
  const next = async (cmd: Packet['cmd']): Promise<Packet> => {
    for (;;) {
      const found = received.findIndex((one) => one.cmd === cmd);
      if (found >= 0) return received.splice(found, 1)[0] as Packet;
      await once(there, 'message');
    }
  };
  const send = (packet: Packet): void => there.send(mqttPacket.generate(packet));
  await next('connect');
  send({ cmd: 'connack', returnCode: 0, sessionPresent: false });
  await line.until('transport.connected');
  return { line, upgrade, there, received, frames, clock, next, send, [Symbol.dispose]: () => line.free() };
}

const publish = (payload: string | Buffer): Packet => ({
  ...{ cmd: 'publish', topic: 'a', payload, qos: 0, retain: false, dup: false },
});

/** Resolves at `close`, whatever error comes before it. */
const closed = (emitter: EventEmitter): Promise<unknown[]> =>
  new Promise((resolve) => emitter.once('close', (...facts) => resolve(facts)));

const accepted = ({ request }: Upgrade, headers: readonly string[], key?: string): string => {
  const given = key ?? `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const digest = createHash('sha1').update(given).digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', ...headers];
  return [...lines, `Sec-WebSocket-Accept: ${digest}`, '', ''].join('\r\n');
};

/** How an attempt fails when its upgrade is treated so. */
async function failureOf(onUpgrade: (upgrade: Upgrade) => void, options = {}): Promise<IotError> {
  front.onUpgrade = onUpgrade;
  using line = openLine(options);
  return await line.error('transport.failed');
}

describe('the upgrade', () => {
  it('is a GET of /mqtt with subprotocol mqtt, and without compression (MQTT-6.0.0-3)', async () => {
    using connection = await live();
    const { request } = connection.upgrade;
    expect(request.method).toBe('GET');
    expect(request.url).toBe(`/mqtt?${QUERY}`);
    expect(request.headers).toMatchObject({
      host: `localhost:${front.port}`,
      'sec-websocket-protocol': 'mqtt',
      'sec-websocket-version': '13',
    });
    expect(request.headers).not.toHaveProperty('sec-websocket-extensions');
  });

  it('names the server by SNI, and asks for no ALPN (sec:S-3, py:C11)', async () => {
    using _ = await live();
    expect(front.handshakes).toEqual([{ serverName: 'localhost', alpn: false }]);
  });

  it('is not made to a server without the name that was dialed', async () => {
    const other = await makeLeaf(authority, { altNames: [{ type: 2, value: 'elsewhere.example.com' }] });
    await using elsewhere = await WebSocketFront.start({ ...other });
    using line = openLine({ port: elsewhere.port });
    expect((await line.error('transport.failed')).code).toBe('SERVER_NAME_MISMATCH');
    expect(elsewhere.upgrades).toHaveLength(0);
  });

  it('is not made to a server that another authority signed', async () => {
    using line = openLine({ ca: (await makeAuthority('Other Root')).cert });
    expect((await line.error('transport.failed')).code).toBe('SERVER_CERTIFICATE_UNTRUSTED');
    expect(front.upgrades).toHaveLength(0);
  });

  it('is not made over TLS 1.1 (sec:S-1)', async () => {
    const old = { ...server, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await using ancient = await WebSocketFront.start(old as object);
    using line = openLine({ port: ancient.port });
    expect((await line.error('transport.failed')).code).toBe('TLS_FAILED');
    expect(ancient.upgrades).toHaveLength(0);
  });

  it('reads the authorities anew for each attempt', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'authorities-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'ca.pem');
    await writeFile(path, (await makeAuthority('Other Root')).cert);
    using first = openLine({ ca: path });
    expect((await first.error('transport.failed')).code).toBe('SERVER_CERTIFICATE_UNTRUSTED');
    await writeFile(path, authority.cert);
    using _ = await live({ ca: path });
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
    const error = await failureOf((upgrade) => upgrade.answer(refusal(`${status} Canary`)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`HTTP status ${status}`);
    expect(inspect(error)).not.toMatch(/canary/i);
  });

  it('by a redirect: it is not followed, and nobody else is shown the signature', async () => {
    await using elsewhere = await WebSocketFront.start({ ...server });
    const location = `wss://localhost:${elsewhere.port}/mqtt`;
    const error = await failureOf((upgrade) => upgrade.answer(refusal('302 Found', { Location: location })));
    expect(error.code).toBe('WEBSOCKET_REFUSED');
    expect(error.remediation).toContain('redirects are not followed');
    expect(elsewhere.handshakes).toHaveLength(0);
  });

  it('by the page of a captive portal: no byte of it is shown (fault:A-22)', async () => {
    const page = `<html>${'canary '.repeat(5_000)}</html>`;
    const portal = refusal('200 OK', { 'Content-Type': 'text/html', 'Set-Cookie': 'canary' }, page);
    const error = await failureOf((upgrade) => upgrade.answer(portal));
    expect(error.code).toBe('WEBSOCKET_REFUSED');
    expect(error.message).toContain('HTTP status 200');
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/canary|html/i);
  });

  it.each([
    ['a page without a head', `<html>canary</html>\r\n\r\n`],
    ['MQTT', '\x20\x02\x00\x00'],
    ['a head without an end', `HTTP/1.1 101 OK\r\nCanary: ${'x'.repeat(100_000)}`],
  ])('by %s instead of HTTP: no byte of it is shown (fault:A-22)', async (_, bytes) => {
    const error = await failureOf((upgrade) => upgrade.answer(bytes));
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
    const error = await failureOf((upgrade) => upgrade.socket.write(answer(upgrade)));
    expect(error.code).toBe('WEBSOCKET_REFUSED');
    expect(error.message).toContain(why);
    expect(inspect(error)).not.toMatch(/canary/i);
  });

  it.each<[string, (upgrade: Upgrade) => void]>([
    ['FIN (py:W13)', ({ socket }) => socket.end()],
    ['RST', ({ tcp }) => tcp.resetAndDestroy()],
    ['half a head and FIN', (upgrade) => upgrade.answer('HTTP/1.1 101 Swi')],
  ])('by %s instead of an answer: the network', async (_, act) => {
    const error = await failureOf(act);
    expect(error.recovery).toBe('retry');
    expect(error.code).toBe('CONNECTION_RESET');
  });

  it.each<[string, (upgrade: Upgrade) => void]>([
    ['nothing', () => {}],
    ['an endless head, byte by byte', ({ socket }) => socket.write('HTTP/1.1 101 ')],
  ])('by %s: it is freed when it is given up, at once', async (_, act) => {
    front.onUpgrade = act;
    using line = openLine();
    const { socket } = await front.upgrade(0);
    line.free();
    await closed(socket);
    expect(line.facts.map(({ type }) => type)).toEqual(['transport.signedIn']);
  });

  it('is freed also while TLS shakes hands, and before it is dialed', async () => {
    using before = openLine();
    before.free();
    using during = openLine();
    await during.until('transport.signedIn');
    during.free();
    await turn();
    expect(front.upgrades).toHaveLength(0);
  });

  it('of 403: says the time of this device, and hears that of the server (fault:D-11)', async () => {
    const heard: number[] = [];
    front.onUpgrade = (upgrade) =>
      upgrade.answer(refusal('403 Forbidden', { Date: 'Sun, 01 Mar 2026 12:00:00 GMT' }));
    const { signal } = new AbortController();
    const wallClock = () => Date.parse('2026-03-01T11:00:00Z');
    const open = await wsDialer.prepare({
      ...{ endpoint: 'localhost', port: front.port, ca: authority.cert },
      ...{ signal, wallClock, clock: new VirtualClock() },
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
    front.onUpgrade = (upgrade) => upgrade.answer(answer);
    const { signal } = new AbortController();
    const open = await wsDialer.prepare({
      ...{ endpoint: 'localhost', port: front.port, ca: authority.cert },
      ...{ signal, wallClock: Date.now, clock: new VirtualClock() },
    });
    const heard: number[] = [];
    await expect(open('/mqtt', { signal, serverTime: (time) => heard.push(time) })).rejects.toThrow(
      'HTTP status',
    );
    expect(heard).toEqual([]);
  });
});

describe('a line over WebSocket', () => {
  it('sends and takes MQTT in binary frames (MQTT-6.0.0-1)', async () => {
    using connection = await live();
    const kinds: boolean[] = [];
    connection.there.on('message', (_: Buffer, isBinary: boolean) => kinds.push(isBinary));
    connection.line.live.publish({ topic: 'a', payload: Buffer.from('up'), qos: 1, retain: false }, () => {});
    expect(await connection.next('publish')).toMatchObject({ topic: 'a' });
    expect(kinds).toEqual([true]);
    connection.send(publish('down'));
    expect((await connection.line.message(0)).payload).toEqual(Buffer.from('down'));
  });

  it.each([300, 0xffff + 3, 3_000_000])('takes a packet of %i bytes in one frame (py:W14)', async (size) => {
    using connection = await live();
    connection.send(publish(Buffer.alloc(size, 7)));
    expect((await connection.line.message(0)).payload).toHaveLength(size);
  });

  it('sends a large packet whole, whatever the other side takes at a time', async () => {
    using connection = await live();
    connection.there.pause();
    const payload = Buffer.alloc(3_000_000, 7);
    connection.line.live.publish({ topic: 'a', payload, qos: 1, retain: false }, () => {});
    await turn();
    connection.there.resume();
    const came = (await connection.next('publish')) as Packet & { payload: Buffer };
    expect(came.payload.equals(payload)).toBe(true);
  });

  it('takes a frame whose bytes come in parts (py:W15)', async () => {
    using connection = await live();
    const bytes = frame(0x82, mqttPacket.generate(publish('in three parts')));
    for (const part of [bytes.subarray(0, 4), bytes.subarray(4, 9), bytes.subarray(9)]) {
      connection.upgrade.socket.write(part);
      await turn();
    }
    expect((await connection.line.message(0)).payload.toString()).toBe('in three parts');
  });

  it('takes a packet in several frames and fragments, and several packets in one frame (MQTT-6.0.0-2)', async () => {
    using connection = await live();
    const bytes = mqttPacket.generate(publish('x'));
    const [head, tail] = [bytes.subarray(0, 2), bytes.subarray(2)];
    const { socket } = connection.upgrade;
    socket.write(Buffer.concat([frame(0x82, head), frame(0x82, tail)]));
    socket.write(Buffer.concat([frame(0x02, head), frame(0x80, tail)]));
    socket.write(frame(0x82, Buffer.concat([bytes, bytes])));
    await connection.line.message(3);
    expect(connection.line.messages).toHaveLength(4);
  });

  it('answers a ping of WebSocket (py:W17), and takes it for a sign of life', async () => {
    using connection = await live();
    connection.there.ping('are you there');
    const [answer] = (await once(connection.there, 'pong')) as [Buffer];
    expect(answer.toString()).toBe('are you there');
    connection.clock.advance(31_000);
    await connection.next('pingreq');
    connection.there.ping();
    await once(connection.there, 'pong');
    connection.clock.advance(4_500);
    expect(connection.line.ended).toBeUndefined();
  });

  it.each([
    ['masked (py:W16)', frame(0x82, 'abc', { masked: true }), 1002],
    ['with RSV1 set (py:W16)', frame(0xc2, 'abc'), 1002],
    ['of an opcode that is none', frame(0x83, 'abc'), 1002],
    ['of text (MQTT-6.0.0-1)', frame(0x81, 'canary'), 1003],
    ['of text that is none', frame(0x81, Buffer.of(0xff, 0xfe)), 1007],
    ['that continues nothing', frame(0x80, 'abc'), 1002],
    ['longer than any packet', Buffer.of(0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0), 1009],
  ])('ends at a frame %s, and says why', async (_, bytes, closeCode) => {
    using connection = await live();
    const there = closed(connection.there);
    connection.upgrade.socket.write(bytes);
    const error = await connection.line.error('transport.closed');
    expect(error.code).toBe('PROTOCOL_ERROR');
    expect(error.message).toContain('broke the WebSocket protocol');
    expect(inspect(error, { depth: 9 })).not.toMatch(/canary/i);
    expect((await there)[0]).toBe(closeCode);
  });

  it('bounds a frame by what a packet may be long', async () => {
    using connection = await live({ maximumPacketBytes: 1_024 });
    connection.upgrade.socket.write(Buffer.of(0x82, 127, 0, 0, 0, 0, 1, 0, 0, 1));
    expect((await connection.line.error('transport.closed')).code).toBe('PROTOCOL_ERROR');
    using wider = await live({ maximumPacketBytes: 0x2000000 });
    wider.send(publish(Buffer.alloc(0x1000100)));
    expect((await wider.line.message(0)).payload).toHaveLength(0x1000100);
  });

  it('may be wrong in the very bytes behind the upgrade', async () => {
    const error = await failureOf((upgrade) =>
      upgrade.socket.write(
        Buffer.concat([
          Buffer.from(accepted(upgrade, ['Upgrade: websocket', 'Sec-WebSocket-Protocol: mqtt'])),
          frame(0xc2, 'abc'),
        ]),
      ),
    );
    expect(error.code).toBe('PROTOCOL_ERROR');
  });
});

describe('the stream of a WebSocket', () => {
  /** The stream alone, so that a test decides what is read and written. */
  async function opened() {
    front.onUpgrade = () => {};
    const { signal } = new AbortController();
    const open = await wsDialer.prepare({
      ...{ endpoint: 'localhost', port: front.port, ca: authority.cert },
      ...{ signal, wallClock: Date.now, clock: new VirtualClock() },
    });
    const opening = open('/mqtt', { signal });
    const there = (await front.upgrade(0)).accept();
    const { stream, bytesRead } = await opening;
    onTestFinished(() => void stream.destroy());
    return { stream, bytesRead, there };
  }

  it('reads no more than is wanted, and all of it later', async () => {
    const { stream, there } = await opened();
    const many = 300;
    for (let i = 0; i < many; i++) there.send(Buffer.alloc(65_536));
    for (let i = 0; i < 50; i++) await turn();
    expect(stream.readableLength).toBeLessThan(1_000_000);
    expect(there.bufferedAmount).toBeGreaterThan(1_000_000);
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    while (bytes < many * 65_536) await turn();
    expect(bytes).toBe(many * 65_536);
  });

  it('tells when the other side takes no more, and when it does again', async () => {
    const { stream, there } = await opened();
    there.pause();
    while (stream.write(Buffer.alloc(262_144)) || stream.writableLength < 8_000_000) await turn();
    expect(stream.writableNeedDrain).toBe(true);
    let bytes = 0;
    there.on('message', (frame: Buffer) => {
      bytes += frame.length;
    });
    there.resume();
    await once(stream, 'drain');
    expect(stream.writableLength).toBe(0);
    while (bytes % 262_144 !== 0 || bytes < 8_000_000) await turn();
  });

  it('counts what came over TCP, TLS and frames included', async () => {
    const { stream, bytesRead, there } = await opened();
    const before = bytesRead();
    there.send(Buffer.alloc(1_000));
    await once(stream, 'readable');
    expect(bytesRead() - before).toBeGreaterThan(1_000);
  });

  it('destroyed, it takes the socket with it, and an error that comes then is nobody’s', async () => {
    const { stream, there } = await opened();
    there.send(Buffer.of(1));
    stream.destroy();
    await closed(there);
    expect(stream.destroyed).toBe(true);
  });
});

describe('the end of a line over WebSocket', () => {
  it.each([1000, 1001, 1011])('a close frame %i: closed, and answered', async (code) => {
    using connection = await live();
    connection.there.close(code, 'canary');
    const [answered] = await closed(connection.there);
    const error = await connection.line.error('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'closed', error: { code: 'CONNECTION_LOST' } });
    expect(inspect(error)).not.toMatch(/canary/);
    expect(answered).toBe(code);
  });

  it('a close frame behind a message: it is delivered, then closed', async () => {
    using connection = await live();
    connection.send(publish('last'));
    connection.there.close();
    await connection.line.until('transport.closed');
    expect(connection.line.messages).toHaveLength(1);
    expect(connection.line.ended?.how).toBe('closed');
  });

  it('FIN without a close frame: closed', async () => {
    using connection = await live();
    connection.send(publish('last'));
    connection.upgrade.socket.end();
    await connection.line.until('transport.closed');
    expect(connection.line.messages).toHaveLength(1);
    expect(connection.line.ended).toMatchObject({ how: 'closed', error: { code: 'CONNECTION_LOST' } });
  });

  it('FIN without a close_notify: closed', async () => {
    using connection = await live();
    connection.upgrade.tcp.end();
    await connection.line.until('transport.closed');
    expect(connection.line.ended?.how).toBe('closed');
  });

  it('RST: reset', async () => {
    using connection = await live();
    connection.upgrade.tcp.resetAndDestroy();
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'reset', error: { code: 'CONNECTION_LOST' } });
  });

  it('RST by a broker that reads nothing, however much was written: reset', async () => {
    using connection = await live();
    connection.there.pause();
    for (let i = 0; i < 60; i++) {
      const payload = Buffer.alloc(131_072);
      connection.line.live.publish({ topic: 'a', payload, qos: 1, retain: false }, () => {});
      await turn();
    }
    connection.upgrade.tcp.resetAndDestroy();
    await connection.line.until('transport.closed');
    expect(connection.line.ended?.how).toBe('reset');
  });

  it('FIN by a broker that reads nothing, however much was written: closed, at once', async () => {
    using connection = await live();
    connection.upgrade.socket.pause();
    for (let i = 0; i < 60; i++) {
      const payload = Buffer.alloc(131_072);
      connection.line.live.publish({ topic: 'a', payload, qos: 1, retain: false }, () => {});
      await turn();
    }
    connection.upgrade.socket.end();
    await connection.line.until('transport.closed');
    expect(connection.line.ended?.how).toBe('closed');
  });

  it('what is published behind a close frame ends the line, as closed and not as a fault', async () => {
    using connection = await live();
    // The server owes the FIN.
    const { socket } = connection.upgrade;
    socket.end = () => socket;
    const answered = once(socket, 'data');
    socket.write(frame(0x88, Buffer.of(0x03, 0xe9)));
    await answered;
    expect(connection.line.ended).toBeUndefined();
    connection.line.live.publish({ topic: 'a', payload: Buffer.from('x'), qos: 0, retain: false }, () => {});
    await connection.line.until('transport.closed');
    expect(connection.line.ended?.how).toBe('closed');
  });

  it('no byte after a ping: given up', async () => {
    using connection = await live();
    connection.clock.advance(35_000);
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'givenUp', error: { code: 'PING_TIMEOUT' } });
  });

  it('a ping that is answered keeps it alive', async () => {
    using connection = await live();
    for (let i = 0; i < 3; i++) {
      connection.clock.advance(31_000);
      await connection.next('pingreq');
      connection.send({ cmd: 'pingresp' });
      connection.send(publish('behind it'));
      await connection.line.message(i);
    }
    expect(connection.line.ended).toBeUndefined();
  });

  it('free(): given up, and the socket is gone', async () => {
    using connection = await live();
    connection.line.free();
    await closed(connection.there);
    expect(connection.line.ended).toMatchObject({ how: 'givenUp', error: { code: 'CONNECTION_LOST' } });
  });

  it('disconnect(): DISCONNECT, then a close frame, behind all that was published', async () => {
    using connection = await live();
    const there = closed(connection.there);
    connection.line.live.publish(
      { topic: 'a', payload: Buffer.alloc(500_000), qos: 1, retain: false },
      () => {},
    );
    connection.line.disconnect();
    expect((await there)[0]).toBe(1000);
    expect(connection.received.map(({ cmd }) => cmd)).toEqual(['publish', 'disconnect']);
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'givenUp', error: { code: 'DISCONNECTED' } });
  });

  it('disconnect() of a broker that never answers: it is freed when it is given up', async () => {
    using connection = await live();
    connection.upgrade.socket.pause();
    connection.line.disconnect();
    await turn();
    expect(connection.line.ended).toBeUndefined();
    connection.line.free();
    connection.upgrade.socket.resume();
    await closed(connection.there);
  });
});
