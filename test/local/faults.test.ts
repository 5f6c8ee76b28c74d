import net from 'node:net';
import { describe, expect, it } from 'vitest';

import {
  closed,
  connectDevice,
  connected,
  connectPlain,
  deafClient,
  dial,
  failure,
  messages,
  startCore,
} from './support.ts';

describe('the faults of the local core', () => {
  it('drops one client, with a reset, and the broker knows', async () => {
    const core = await startCore();
    const lamp = await connectDevice(core, 'lamp');
    const button = await connectPlain(core, 'button');
    const reset = failure(lamp);
    await core.faults.dropConnections({ clientId: 'lamp' });
    expect(core.clients.map(({ clientId }) => clientId)).toEqual(['button']);
    expect(core.connections.map(({ clientId }) => clientId)).toEqual(['button']);
    expect(await reset).toMatchObject({ code: 'ECONNRESET' });
    expect(button.connected).toBe(true);
  });

  it('drops all, also sockets that are still in their handshake', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const shaking = net.connect(core.port, '127.0.0.1').on('error', () => {});
    const cut = new Promise((resolve) => shaking.on('close', resolve));
    await core.when(() => core.connections.length === 2);
    const over = closed(lamp);
    await core.faults.dropConnections();
    expect(core.connections).toEqual([]);
    await Promise.all([over, cut]);
  });

  it('freezes a line: sockets stay open, nothing comes through, and all arrives after the thaw', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const button = await connectPlain(core, 'button');
    await lamp.subscribeAsync('#', { qos: 1 });
    core.faults.freeze({ clientId: 'lamp' });
    const passed = core.tap.packets({ clientId: 'lamp' }).length;

    const published = lamp.publishAsync('from/lamp', 'x', { qos: 1 });
    await button.publishAsync('to/lamp', 'y', { qos: 1 });
    await button.publishAsync('to/lamp', 'z', { qos: 1 });
    expect(core.tap.packets({ clientId: 'lamp' })).toHaveLength(passed);
    expect(core.received.map(({ clientId }) => clientId)).toEqual(['button', 'button']);
    expect(core.connections).toHaveLength(2);

    const arrived = messages(lamp, 3);
    core.faults.thaw({ clientId: 'lamp' });
    await published;
    expect((await arrived).sort()).toEqual(['from/lamp=x', 'to/lamp=y', 'to/lamp=z']);
  });

  it('freezes connections to come as well', async () => {
    const core = await startCore();
    core.faults.freeze();
    const lamp = dial(core, 'lamp');
    await core.when(() => core.connections.length === 1 && core.connections[0]?.clientId === 'lamp');
    expect(core.clients).toEqual([]);
    core.faults.thaw();
    await connected(lamp);
  });

  it('keeps the end of a frozen connection from the broker, as a half-open line does', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp', {
      will: { topic: 'wills', payload: Buffer.from('gone'), qos: 1, retain: false },
    });
    core.faults.freeze();
    await lamp.endAsync(true);
    await core.when(() => core.connections.length === 0);
    expect(core.clients).toHaveLength(1);
    core.faults.thaw();
    await core.when(() => core.clients.length === 0);
    expect(core.received).toMatchObject([{ topic: 'wills' }]);
  });

  it('keeps a frozen client from seeing that the broker gave it up', async () => {
    const core = await startCore({ limits: { minKeepAliveSeconds: 1 } });
    const lamp = deafClient(core, [{ cmd: 'connect', clientId: 'lamp', keepalive: 1 }]);
    await core.when(() => core.clients.length === 1);
    core.faults.freeze();
    await core.when(() => core.clients.length === 0);
    expect(core.connections).toMatchObject([{ clientId: 'lamp' }]);
    const over = new Promise((resolve) => lamp.on('close', resolve));
    lamp.resume();
    core.faults.thaw();
    await over;
  });

  it.each([2, 3, 4, 5, 7])(
    'refuses the next CONNECT with return code %i, then accepts',
    async (returnCode) => {
      const core = await startCore();
      core.faults.refuse({ returnCode, times: 1 });
      const refused = dial(core, 'lamp');
      const over = closed(refused);
      expect(await failure(refused)).toMatchObject({ code: returnCode });
      await over;
      expect(core.tap.packets({ packet: 'connect' })).toMatchObject([{ fate: 'answered' }]);
      expect(core.tap.packets({ packet: 'connack' })).toMatchObject([{ returnCode }]);
      expect(core.clients).toEqual([]);
      await connectPlain(core, 'lamp');
    },
  );

  it('refuses until it is told to stop', async () => {
    const core = await startCore();
    core.faults.refuse({ returnCode: 3 });
    for (const clientId of ['a', 'b', 'c'])
      expect(await failure(dial(core, clientId))).toMatchObject({ code: 3 });
    core.faults.refuse({ times: 0 });
    await connectPlain(core, 'd');
    expect(() => core.faults.refuse({ returnCode: 0 })).toThrow(/returnCode must be/);
  });

  it('holds back what it would refuse, as a frozen line would', async () => {
    const core = await startCore();
    core.faults.refuse({ returnCode: 3, times: 1 });
    const hold = core.tap.hold({ packet: 'connect' });
    const refused = failure(dial(core, 'lamp'));
    await hold.caught();
    expect(core.tap.log).toEqual([]);
    hold.release();
    expect(await refused).toMatchObject({ code: 3 });
  });

  it('delays a CONNACK', async () => {
    const core = await startCore();
    core.faults.delayConnack(120);
    await connectPlain(core, 'lamp');
    const [connect, connack] = [
      core.tap.packets({ packet: 'connect' }),
      core.tap.packets({ packet: 'connack' }),
    ];
    expect((connack[0]?.at ?? 0) - (connect[0]?.at ?? 0)).toBeGreaterThanOrEqual(115);
    core.faults.delayConnack(0);
    await connectPlain(core, 'button');
  });

  it('opens its ports once, however often they are opened and closed meanwhile', async () => {
    const core = await startCore();
    core.faults.stopListening();
    const first = core.faults.listen();
    core.faults.stopListening();
    await Promise.all([first, core.faults.listen(), core.faults.listen()]);
    await connectPlain(core, 'lamp');
    const last = core.faults.listen();
    core.faults.stopListening();
    await last;
    expect(await failure(dial(core, 'button'))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('refuses to be dialled at all, and listens again on the same port', async () => {
    const core = await startCore();
    const before = [core.port, core.plainPort];
    const lamp = await connectPlain(core, 'lamp');
    core.faults.stopListening();
    expect(await failure(dial(core, 'button'))).toMatchObject({ code: 'ECONNREFUSED' });
    expect(lamp.connected).toBe(true);
    await core.faults.listen();
    expect([core.port, core.plainPort]).toEqual(before);
    await connectPlain(core, 'button');
  });

  it('restarts on the same ports and keeps sessions and retained messages', async () => {
    const core = await startCore();
    const before = [core.port, core.plainPort];
    const lamp = await connectDevice(core, 'lamp', { clean: false });
    await lamp.subscribeAsync('news/+', { qos: 1 });
    await core.publish('weather', 'sunny', { qos: 1, retain: true });
    const over = closed(lamp);
    const down = core.restart({ downMs: 20 });
    await over;
    expect(await failure(dial(core, 'too-soon'))).toMatchObject({ code: 'ECONNREFUSED' });
    await down;
    expect([core.port, core.plainPort]).toEqual(before);
    await core.publish('news/today', 'kept', { qos: 1 });

    const again = dial(core, 'lamp', { clean: false });
    const arrived = messages(again, 1);
    expect(await new Promise((resolve) => again.once('connect', resolve))).toMatchObject({
      sessionPresent: true,
    });
    expect(await arrived).toEqual(['news/today=kept']);
    const retained = messages(again, 1);
    await again.subscribeAsync('weather', { qos: 1 });
    expect(await retained).toEqual(['weather=sunny']);
  });

  it('forgets a client that was dropped at any moment of its sign-in', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp', { clean: false });
    await lamp.subscribeAsync(['a', 'b', 'c']);
    await lamp.endAsync();
    for (let turns = 0; turns < 12; turns++) {
      const passed = core.tap.waitFor({ packet: 'connect' }, turns + 2);
      const again = dial(core, 'lamp', { clean: false });
      const over = closed(again);
      await passed;
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      await core.faults.dropConnections();
      await over;
    }
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(core.clients).toEqual([]);
    await connectPlain(core, 'lamp', { clean: false });
    await core.restart();
  });

  it('survives being dropped and dialled in quick succession', async () => {
    const core = await startCore();
    for (let round = 0; round < 20; round++) {
      const lamp = await connectPlain(core, 'lamp', { clean: round % 2 === 0 });
      if (round % 3 === 0) await core.faults.dropConnections();
      else if (round % 3 === 1) lamp.stream.destroy();
    }
    const last = await connectPlain(core, 'lamp');
    expect(core.clients).toHaveLength(1);
    await last.subscribeAsync('a');
    const arrived = messages(last, 1);
    await core.publish('a', 'still here');
    expect(await arrived).toEqual(['a=still here']);
  });
});
