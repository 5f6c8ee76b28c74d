import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { describe, expect, it } from 'vitest';

import { createIotClient } from '../../src/index.ts';
import { startLocalIotCore } from '../../src/local/index.ts';
import { closed, connectDevice, connectPlain, dial, failure, messages, startCore } from './support.ts';

/** The state of a listening socket, and the loopback addresses, in the hexadecimal of Linux's tables. */
const LISTENING = '0A';
const LOOPBACK_4 = '0100007F';
const LOOPBACK_6 = '00000000000000000000000001000000';

describe('the local core', () => {
  it('carries a message from one device to another over mutual TLS', async () => {
    const core = await startCore();
    const lamp = await connectDevice(core, 'kitchen-lamp');
    const button = await connectDevice(core, 'button');
    await lamp.subscribeAsync('kitchen/+', { qos: 1 });
    const arrived = messages(lamp, 1);
    await button.publishAsync('kitchen/light', 'on', { qos: 1 });
    expect(await arrived).toEqual(['kitchen/light=on']);
    expect(core.received).toMatchObject([{ clientId: 'button', topic: 'kitchen/light', qos: 1 }]);
  });

  it('says so when a client shows no certificate, and nothing about one that only leaves', async () => {
    const core = await startCore();
    const left = net.connect(core.port, '127.0.0.1');
    await once(left, 'connect');
    left.destroy();
    await core.when(() => core.connections.length === 0);
    const nobody = tls.connect({ port: core.port, host: 'localhost', ca: core.ca });
    nobody.on('error', () => {});
    await new Promise((resolve) => nobody.once('close', resolve));
    await core.when(() => core.connections.length === 0);
    expect(core.warnings).toEqual([
      {
        code: 'REFUSED',
        clientId: undefined,
        message: 'the local core refused a TLS handshake: peer did not return a certificate',
      },
    ]);
  });

  it('goes on with the packet ids of a session, so that no answer ends another message', async () => {
    const core = await startCore();
    const ids: number[] = [];
    for (const [index, payload] of ['first', 'second', 'third'].entries()) {
      const lamp = dial(core, 'lamp', { clean: false });
      lamp.on('packetreceive', (packet) => packet.cmd === 'publish' && ids.push(packet.messageId ?? 0));
      const connack = await new Promise((resolve) => lamp.once('connect', resolve));
      expect(connack).toMatchObject({ sessionPresent: index > 0 });
      await lamp.subscribeAsync('a', { qos: 1 });
      const arrived = messages(lamp, 1);
      await core.publish('a', payload, { qos: 1 });
      await arrived;
      await lamp.endAsync(true);
    }
    const [first = 0] = ids;
    expect(ids).toEqual(
      [first, 1, 2].map((step, index) => (index === 0 ? step : ((first + step - 1) % 65_535) + 1)),
    );
  });

  it('knows its clients, their subscriptions and their sockets', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync({ a: { qos: 0 }, 'b/#': { qos: 1 } });
    expect(core.clients).toEqual([
      {
        clientId: 'lamp',
        connection: 1,
        remotePort: core.connections[0]?.remotePort,
        protocolVersion: 4,
        clean: true,
        subscriptions: [
          { filter: 'a', qos: 0 },
          { filter: 'b/#', qos: 1 },
        ],
      },
    ]);
    await lamp.endAsync();
    await core.when(() => core.clients.length === 0 && core.connections.length === 0);
  });

  it('publishes as the cloud would', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync('jobs', { qos: 1 });
    const arrived = messages(lamp, 1);
    await core.publish('jobs', 'reboot', { qos: 1 });
    expect(await arrived).toEqual(['jobs=reboot']);
  });

  it('sec:S-19 listens on the loopback only, and without TLS only when asked to', async () => {
    const core = await startLocalIotCore();
    expect(core.plainPort).toBeUndefined();
    expect(() => core.plainOptions('lamp')).toThrow(/plainPort/);
    const cognitoPort = Number(new URL(core.cognito.endpoint).port);
    for (const port of [core.port, core.webSocketPort, cognitoPort]) {
      const addresses = listeningAt(port);
      expect(addresses).toContain(LOOPBACK_4);
      expect(addresses.filter((address) => address !== LOOPBACK_4 && address !== LOOPBACK_6)).toEqual([]);
    }
    await core.stop();
  });

  it('leaves nothing open when it stops, and may be stopped twice', async () => {
    // What is still open after a test is found by test/support/setup.ts.
    const core = await startLocalIotCore({ plainPort: 0 });
    const shaking = net.connect(core.port, '127.0.0.1').on('error', () => {});
    const cut = new Promise((resolve) => shaking.on('close', resolve));
    const lamp = await connectPlain(core, 'lamp');
    core.faults.freeze({ clientId: 'lamp' });
    core.faults.delayConnack(60_000);
    const held = core.tap.hold({ packet: 'suback' });
    const button = dial(core, 'button');
    await core.when(() => core.clients.length === 2 && core.connections.length === 3);
    const unheld = expect(held.caught()).rejects.toMatchObject({ code: 'CLOSED' });
    const over = Promise.all([closed(lamp), closed(button), cut]);
    await core[Symbol.asyncDispose]();
    await core.stop();
    await over;
    await unheld;
    await expect(core.restart()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(core.publish('a', 'b')).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(core.faults.listen()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(core.connections).toEqual([]);
    expect(core.clients).toEqual([]);
  });

  it('fails when its port is taken, and leaves nothing behind', async () => {
    const core = await startCore();
    for (const name of ['port', 'plainPort', 'webSocketPort', 'cognitoPort']) {
      await expect(startLocalIotCore({ [name]: core.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    }
  });

  it('listens at the second try when its port was taken at the first', async () => {
    const core = await startCore();
    core.faults.stopListening();
    const other = net.createServer().listen(core.port, '127.0.0.1');
    await once(other, 'listening');
    await expect(core.faults.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    other.close();
    await once(other, 'close');
    await core.faults.listen();
    await connectDevice(core, 'lamp');
  });

  it.each([
    [{ port: 70_000 }, /port must be a whole number/],
    [{ webSocketPort: '1' }, /webSocketPort must be a whole number/],
    [{ cognitoPort: -1 }, /cognitoPort must be a whole number/],
    [{ credentialLifetimeSeconds: 0 }, /credentialLifetimeSeconds must be a number of seconds/],
    [{ authorizer: true }, /authorizer must be a function; given: true/],
    [{ onWarning: undefined }, /onWarning must be left out or given/],
    [{ prot: 1 }, /options must be made of port/],
    [null, /options must be an object; given: null/],
    [{ limits: { payloadBytes: -1 } }, /limits\.payloadBytes must be/],
    [{ limits: { payload: 1 } }, /limits has no field "payload"/],
  ])('refuses the options %j', async (options, message) => {
    await expect(startLocalIotCore(options as unknown as object)).rejects.toThrow(message);
  });

  it('tells a client of MQTT 5 apart, and the developer why', async () => {
    const core = await startCore();
    const error = await failure(dial(core, 'lamp', { protocolVersion: 5 }));
    expect(error).toMatchObject({ code: 0x84 });
    expect(core.warnings).toMatchObject([{ code: 'UNSUPPORTED', clientId: 'lamp' }]);
    expect(core.warnings[0]?.message).toContain('MQTT 5');
  });

  it('refuses our own client that asks for MQTT 5, with what to do about it', async () => {
    const core = await startCore();
    const client = createIotClient({ ...core.deviceOptions('lamp'), protocolVersion: 5 });
    await expect(client.connect()).rejects.toMatchObject({
      code: 'UNSUPPORTED_PROTOCOL_VERSION',
      recovery: 'fatal',
      reasonCode: 0x84,
      remediation: expect.stringContaining('protocolVersion'),
    });
    expect(client.status).toMatchObject({ state: 'failed' });
    await client.close();
    expect(core.warnings).toEqual([
      {
        code: 'UNSUPPORTED',
        clientId: 'lamp',
        message: expect.stringContaining('the local core speaks MQTT 3.1.1 only (protocolVersion: 4)'),
      },
    ]);
  });
});

/** The addresses on which somebody on this machine listens at a port, as Linux tells them. */
function listeningAt(port: number): string[] {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFileSync(path, 'utf8'));
  const sockets = tables
    .flatMap((table) => table.trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/));
  return sockets
    .filter(([, , , state]) => state === LISTENING)
    .map(([, local = '']) => local.split(':'))
    .filter(([, portInHex = '']) => Number.parseInt(portInHex, 16) === port)
    .map(([address = '']) => address);
}
