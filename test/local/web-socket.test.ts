import { type EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { inspect } from 'node:util';
import { generate } from 'mqtt-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';

import { createIotClient } from '../../src/index.ts';
import type { Direction } from '../../src/local/index.ts';
import { amzDateOf } from './sigv4-query.ts';
import { closed, connectWebSocket, messages, startCore } from './support.ts';
import { signedPath, upgrade } from './upgrade.ts';

type Core = Awaited<ReturnType<typeof startCore>>;

const CONNECT = generate({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  clientId: 'lamp',
  keepalive: 0,
});

let core: Core;
beforeEach(async () => {
  core = await startCore({ webSocketPort: 0 });
});

const open: { destroy(): unknown }[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});

/** A bare WebSocket, once it is open. */
async function openWebSocket(options: ClientOptions = {}): Promise<WebSocket> {
  const url = `wss://localhost:${core.webSocketPort}${signedPath(core)}`;
  const webSocket = new WebSocket(url, 'mqtt', { ca: core.ca, ...options }).on('error', () => {});
  open.push({ destroy: () => webSocket.terminate() });
  await once(webSocket, 'open');
  return webSocket;
}

/** Unlike `once`, it does not mind an error. */
function gone(socket: EventEmitter): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

/** TLS to the port of the WebSockets, once it is agreed. */
async function openTls(options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: 'localhost', port: core.webSocketPort, ca: core.ca, ...options });
  open.push({ destroy: () => socket.destroy() });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

describe('MQTT over WebSocket on the local core', () => {
  it('carries messages of our client, which signs with keys of this core', async () => {
    const client = createIotClient(core.webSocketOptions('lamp'));
    await client.connect();
    const { state } = await client.publish('a', 'b', { qos: 1 });
    expect(state).toBe('delivered');
    expect(core.clients).toMatchObject([{ clientId: 'lamp' }]);
    expect(core.connections).toMatchObject([{ clientId: 'lamp' }]);
    await client.close();
    await core.when(() => core.connections.length === 0);
    expect(core.warnings).toEqual([]);
  });

  it('MQTT-6.0.0-4 names the subprotocol mqtt, and dates nothing that it accepts', async () => {
    expect(await upgrade(core, signedPath(core))).toMatchObject({ status: 101, subprotocol: 'mqtt' });
  });

  it.each([
    ['mqttv3.1, mqtt', 101],
    ['mqttv3.1', 101],
    ['MQTT', 400],
    [undefined, 400],
  ])('MQTT-6.0.0-3 answers the subprotocols %s with %d', async (offered, status) => {
    const answer = await upgrade(core, signedPath(core), { 'Sec-WebSocket-Protocol': offered });
    expect(answer.status).toBe(status);
    if (status === 400) expect(answer.body).toContain("must name 'mqtt'");
  });

  it('MQTT-6.0.0-2 takes packets as they come: in pieces, and several in a frame', async () => {
    const webSocket = await openWebSocket();
    const subscribe = generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }] });
    const bytes = Buffer.concat([CONNECT, subscribe, generate({ cmd: 'pingreq' })]);
    for (const piece of [bytes.subarray(0, 1), bytes.subarray(1, 9), Buffer.alloc(0), bytes.subarray(9)]) {
      webSocket.send(piece);
    }
    await core.tap.waitFor({ direction: 'toClient' }, 3);
    const seen = (direction: Direction) =>
      core.tap.packets({ direction }).map(({ packet, bytes: length }) => [packet, length]);
    expect(seen('toBroker')).toEqual([
      ['connect', CONNECT.length],
      ['subscribe', subscribe.length],
      ['pingreq', 2],
    ]);
    expect(seen('toClient')).toEqual(
      expect.arrayContaining([
        ['connack', 4],
        ['suback', 5],
        ['pingresp', 2],
      ]),
    );
  });

  it('MQTT-6.0.0-1 ends a connection at a text frame, also at one that would be a packet', async () => {
    const webSocket = await openWebSocket();
    webSocket.send(CONNECT);
    await core.tap.waitFor({ packet: 'connack' });
    webSocket.send(
      generate({ cmd: 'publish', topic: 'a', payload: 'b', qos: 0, dup: false, retain: false }).toString(),
    );
    await gone(webSocket);
    await core.when(() => core.connections.length === 0 && core.clients.length === 0);
    expect(core.received).toEqual([]);
    expect(core.warnings).toMatchObject([
      { clientId: 'lamp', message: expect.stringContaining('no MQTT packet') },
    ]);
  });
});

describe('upgrades that the local core refuses', () => {
  it.each<[string, (path: string) => string, Record<string, string>, string | RegExp]>([
    ['another path', (path) => path.replace('/mqtt', '/mqtt/'), {}, /Forbidden/],
    ['no signature', () => '/mqtt', {}, /Missing Authentication Token/],
    ['a query that cannot be read', (path) => `${path}&a=%`, {}, /Forbidden/],
    ['a changed query', (path) => `${path}&a=b`, {}, /signature we calculated does not match/],
    ['a changed host', (path) => path, { Host: 'localhost' }, /signature we calculated does not match/],
    ['half of a signature', (path) => path.replace(/&X-Amz-Signature=[^&]*/, ''), {}, /X-Amz-Signature/],
  ])('%s: 403, dated, and the developer is told why', async (_name, edit, headers, message) => {
    const path = edit(signedPath(core));
    const { status, body, date } = await upgrade(core, path, headers);
    expect(status).toBe(403);
    expect((JSON.parse(body) as { message: string }).message).toMatch(message);
    expect(Math.abs(Date.parse(date ?? '') - Date.now())).toBeLessThan(60_000);
    expect(core.warnings).toMatchObject([
      { code: 'REFUSED', message: expect.stringContaining('with 403: ') },
    ]);
    const told = JSON.stringify([body, core.warnings]);
    for (const [, secret = ''] of path.matchAll(/X-Amz-(?:Signature|Security-Token)=([^&]*)/g)) {
      expect(told).not.toContain(secret);
    }
    await core.when(() => core.connections.length === 0);
  });

  it.each([
    'https://example.com',
    'https://localhost.example.com',
    'https://notlocalhost',
    'https://127.0.0.1.nip.io',
    'null',
    'file://',
  ])('sec:S-21 a page of %s, although its signature is good', async (origin) => {
    const { status, body } = await upgrade(core, signedPath(core), { Origin: origin });
    expect(status).toBe(403);
    expect(body).toBe('{"message":"Forbidden"}');
    expect(core.warnings[0]?.message).toContain('not on the loopback');
  });

  it.each(['http://localhost', 'https://localhost:5173', 'http://127.0.0.1:8080', 'http://[::1]:3000'])(
    'but not a page of %s',
    async (origin) => {
      expect(await upgrade(core, signedPath(core), { Origin: origin })).toMatchObject({ status: 101 });
    },
  );

  it('a stale signature, by the clock of the core', async () => {
    const path = signedPath(core);
    core.faults.skewClock(3_600_000);
    const { status, body, date } = await upgrade(core, path);
    expect({ status, body }).toMatchObject({
      status: 403,
      body: expect.stringContaining('Signature expired'),
    });
    expect(Date.parse(date ?? '') - Date.now()).toBeGreaterThan(3_500_000);
    expect(
      await upgrade(core, signedPath(core, { amzDate: amzDateOf(Date.now() + 3_600_000) })),
    ).toMatchObject({
      status: 101,
    });
  });

  it('as many as a fault says, with the status that it says', async () => {
    core.faults.refuseUpgrades({ status: 502, times: 2 });
    const statuses: number[] = [];
    for (let count = 0; count < 3; count++) statuses.push((await upgrade(core, signedPath(core))).status);
    expect(statuses).toEqual([502, 502, 101]);
    core.faults.refuseUpgrades({ status: 401 });
    expect(await upgrade(core, signedPath(core))).toMatchObject({ status: 401, date: expect.any(String) });
    core.faults.refuseUpgrades({ times: 0 });
    expect(await upgrade(core, signedPath(core))).toMatchObject({ status: 101 });
    expect(core.warnings).toEqual([]);
    expect(() => core.faults.refuseUpgrades({ status: 101 })).toThrow(/status must be/);
    expect(() => core.faults.skewClock(Number.NaN)).toThrow(/skewMs must be/);
  });

  it('requests that ask for no WebSocket, whatever their path', async () => {
    for (const path of ['/mqtt', '/', '/secret?token=1']) {
      const headers = { Connection: undefined, Upgrade: undefined };
      expect(await upgrade(core, path, headers)).toMatchObject({ status: 404, body: '' });
    }
  });

  it('and ends the connection, also when the client does not', async () => {
    const socket = await openTls({ allowHalfOpen: true } as tls.ConnectionOptions);
    const asks = ['GET /mqtt HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'];
    socket.write(`${asks.join('\r\n')}\r\n\r\n`);
    await core.when(() => core.warnings.length === 1 && core.connections.length === 0);
  });

  it('what is no HTTP, and goes on', async () => {
    const socket = await openTls();
    socket.write(CONNECT);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
    await connectWebSocket(core, 'lamp');
  });
});

describe('keys that the local core issued', () => {
  it('are temporary unless asked otherwise, and end when they say', () => {
    const { expiration, ...keys } = core.issueCredentials();
    expect(keys).toEqual({
      accessKeyId: expect.stringMatching(/^ASIA[0-9A-F]{16}$/),
      secretAccessKey: expect.stringMatching(/^.{40}$/),
      sessionToken: expect.stringMatching(/^.{128}$/),
    });
    expect((expiration?.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_590_000);
    expect(core.issueCredentials({ sessionToken: false })).toEqual({
      accessKeyId: expect.stringMatching(/^AKIA[0-9A-F]{16}$/),
      secretAccessKey: expect.any(String),
    });
    expect(core.issueCredentials({ sessionToken: false, lifetimeSeconds: 1 })).toHaveProperty('expiration');
    expect(core.issueCredentials().secretAccessKey).not.toBe(keys.secretAccessKey);
  });

  it.each([0, -1, Number.NaN, 200_000, '1'])('do not live %j seconds', (lifetimeSeconds) => {
    const options = { lifetimeSeconds } as { lifetimeSeconds: number };
    expect(() => core.issueCredentials(options)).toThrow(/lifetimeSeconds must be a number of seconds/);
  });

  it('are refused once they have ended, and good again for a new line when renewed', async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = core.issueCredentials({ lifetimeSeconds: 0.5 });
    const keys = { accessKeyId, secretAccessKey, sessionToken };
    expect(await upgrade(core, signedPath(core, keys))).toMatchObject({ status: 101 });
    core.faults.skewClock(501);
    expect(await upgrade(core, signedPath(core, keys))).toMatchObject({
      status: 403,
      body: expect.stringContaining('is expired'),
    });
    expect(await upgrade(core, signedPath(core))).toMatchObject({ status: 101 });
  });

  it('sec:S-7 sec:S-20 are never shown by a core, nor is what they signed', async () => {
    const temporary = core.issueCredentials();
    const lasting = core.issueCredentials({ sessionToken: false });
    await upgrade(core, signedPath(core));
    await upgrade(core, signedPath(core, { secretAccessKey: 'canary' }));
    const options = core.webSocketOptions('lamp');
    const shown = [core, core.warnings, core.tap.log, core.clients, options].map((value) =>
      inspect(value, { depth: 20, showHidden: true }),
    );
    const secrets = [temporary.secretAccessKey, temporary.sessionToken, lasting.secretAccessKey, 'canary'];
    for (const secret of secrets) expect(shown.join()).not.toContain(secret);
    expect(shown.join()).not.toContain('X-Amz-Signature=');
  });
});

describe('the faults of the local core, over WebSocket', () => {
  it('drop a connection with a reset', async () => {
    const socket = await openTls();
    const webSocket = await openWebSocket({ createConnection: () => socket });
    webSocket.send(CONNECT);
    await core.tap.waitFor({ packet: 'connack' });
    const error = new Promise((resolve) => socket.once('error', resolve));
    await core.faults.dropConnections({ clientId: 'lamp' });
    expect(core.clients).toEqual([]);
    expect(core.connections).toEqual([]);
    expect(await error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('freeze, and all arrives after the thaw', async () => {
    const lamp = await connectWebSocket(core, 'lamp');
    await lamp.subscribeAsync('a', { qos: 1 });
    core.faults.freeze({ clientId: 'lamp' });
    const passed = core.tap.packets({ clientId: 'lamp' }).length;
    const published = lamp.publishAsync('b', 'x', { qos: 1 });
    await core.publish('a', 'y', { qos: 1 });
    expect(core.tap.packets({ clientId: 'lamp' })).toHaveLength(passed);
    const arrived = messages(lamp, 1);
    core.faults.thaw();
    expect(await arrived).toEqual(['a=y']);
    await published;
  });

  it('refuse a CONNECT', async () => {
    core.faults.refuse({ returnCode: 3 });
    await expect(connectWebSocket(core, 'lamp')).rejects.toMatchObject({ code: 3 });
    await core.when(() => core.connections.length === 0);
  });

  it('a restart comes back on the same ports, and keeps keys and sessions', async () => {
    const { webSocketPort, cognito } = core;
    const path = signedPath(core);
    const lamp = await connectWebSocket(core, 'lamp', { clean: false });
    await lamp.subscribeAsync('a', { qos: 1 });
    const over = closed(lamp);
    await core.restart();
    await over;
    expect([core.webSocketPort, core.cognito]).toEqual([webSocketPort, cognito]);
    expect(await upgrade(core, path)).toMatchObject({ status: 101 });
    await connectWebSocket(core, 'lamp', { clean: false });
    expect(core.clients).toMatchObject([{ clientId: 'lamp', subscriptions: [{ filter: 'a', qos: 1 }] }]);
  });

  it('close the port, and open it again', async () => {
    core.faults.stopListening();
    await expect(upgrade(core, signedPath(core))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await core.faults.listen();
    expect(await upgrade(core, signedPath(core))).toMatchObject({ status: 101 });
  });
});

describe('a core that stops', () => {
  it('ends sockets in TLS and in HTTP, idle ones that are kept alive, and silent WebSockets', async () => {
    const shaking = net.connect(core.webSocketPort, '127.0.0.1').on('error', () => {});
    const halfAsked = await openTls();
    halfAsked.write('GET /mqtt HTTP/1.1\r\nHost:');
    const agent = new https.Agent({ keepAlive: true, ca: core.ca });
    const idle = https.get({ host: 'localhost', port: core.webSocketPort, path: '/', agent });
    idle.on('error', () => {});
    const [response] = (await once(idle, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    const silent = await openWebSocket();
    const lamp = await connectWebSocket(core, 'lamp');
    core.faults.freeze({ clientId: 'lamp' });
    await core.when(() => core.connections.length === 5);
    const over = Promise.all([gone(shaking), gone(halfAsked), gone(silent), closed(lamp)]);
    await core.stop();
    expect(core.connections).toEqual([]);
    await over;
    agent.destroy();
  });

  it('does not wait for a client that reads nothing, and that it was just saying good-bye to', async () => {
    const webSocket = await openWebSocket();
    webSocket.pause();
    webSocket.send(generate({ cmd: 'pingreq' }));
    await core.tap.waitFor({ packet: 'end', direction: 'toClient' });
    expect(core.connections).toHaveLength(1);
    const over = gone(webSocket);
    await core.stop();
    expect(core.connections).toEqual([]);
    webSocket.resume();
    await over;
  });
});
