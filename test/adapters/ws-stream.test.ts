import { once } from 'node:events';
import { inspect } from 'node:util';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { describe, expect, it, onTestFinished } from 'vitest';
import { wsDialer } from '../../src/adapters/ws-dialer.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { frame } from '../support/web-socket-front.ts';
import { turn } from './live-line.ts';
import { accepted, closed, publish, useWebSockets } from './web-socket-world.ts';

const world = useWebSockets();

describe('a line over WebSocket', () => {
  it('sends and takes MQTT in binary frames (MQTT-6.0.0-1)', async () => {
    using connection = await world.live();
    const kinds: boolean[] = [];
    connection.there.on('message', (_: Buffer, isBinary: boolean) => kinds.push(isBinary));
    connection.line.live.publish({ topic: 'a', payload: Buffer.from('up'), qos: 1, retain: false }, () => {});
    expect(await connection.next('publish')).toMatchObject({ topic: 'a' });
    expect(kinds).toEqual([true]);
    connection.send(publish('down'));
    expect((await connection.line.message(0)).payload).toEqual(Buffer.from('down'));
  });

  it.each([300, 0xffff + 3, 3_000_000])('takes a packet of %i bytes in one frame (py:W14)', async (size) => {
    using connection = await world.live();
    connection.send(publish(Buffer.alloc(size, 7)));
    expect((await connection.line.message(0)).payload).toHaveLength(size);
  });

  it('sends a large packet whole, whatever the other side takes at a time', async () => {
    using connection = await world.live();
    connection.there.pause();
    const payload = Buffer.alloc(3_000_000, 7);
    connection.line.live.publish({ topic: 'a', payload, qos: 1, retain: false }, () => {});
    await turn();
    connection.there.resume();
    const came = (await connection.next('publish')) as Packet & { payload: Buffer };
    expect(came.payload.equals(payload)).toBe(true);
  });

  it('takes a frame whose bytes come in parts (py:W15)', async () => {
    using connection = await world.live();
    const bytes = frame(0x82, mqttPacket.generate(publish('in three parts')));
    for (const part of [bytes.subarray(0, 4), bytes.subarray(4, 9), bytes.subarray(9)]) {
      connection.upgrade.socket.write(part);
      await turn();
    }
    expect((await connection.line.message(0)).payload.toString()).toBe('in three parts');
  });

  it('takes a packet in several frames and fragments, and several packets in one frame (MQTT-6.0.0-2)', async () => {
    using connection = await world.live();
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
    using connection = await world.live();
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
    using connection = await world.live();
    const there = closed(connection.there);
    connection.upgrade.socket.write(bytes);
    const error = await connection.line.error('transport.closed');
    expect(error.code).toBe('PROTOCOL_ERROR');
    expect(error.message).toContain('broke the WebSocket protocol');
    expect(inspect(error, { depth: 9 })).not.toMatch(/canary/i);
    expect((await there)[0]).toBe(closeCode);
  });

  it('bounds a frame by what a packet may be long', async () => {
    using connection = await world.live({ maximumPacketBytes: 1_024 });
    connection.upgrade.socket.write(Buffer.of(0x82, 127, 0, 0, 0, 0, 1, 0, 0, 1));
    expect((await connection.line.error('transport.closed')).code).toBe('PROTOCOL_ERROR');
    using wider = await world.live({ maximumPacketBytes: 0x2000000 });
    wider.send(publish(Buffer.alloc(0x1000100)));
    expect((await wider.line.message(0)).payload).toHaveLength(0x1000100);
  });

  it('may be wrong in the very bytes behind the upgrade', async () => {
    const error = await world.failureOf((upgrade) =>
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
    world.front.onUpgrade = () => {};
    const { signal } = new AbortController();
    const open = await wsDialer.prepare({
      ...{ endpoint: 'localhost', port: world.front.port, ca: world.authority.cert },
      ...{ signal, wallClock: Date.now, clock: new SimulatedClock() },
    });
    const opening = open('/mqtt', { signal });
    const there = (await world.front.upgrade(0)).accept();
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
    using connection = await world.live();
    connection.there.close(code, 'canary');
    const [answered] = await closed(connection.there);
    const error = await connection.line.error('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'closed', error: { code: 'CONNECTION_LOST' } });
    expect(inspect(error)).not.toMatch(/canary/);
    expect(answered).toBe(code);
  });

  it('a close frame behind a message: it is delivered, then closed', async () => {
    using connection = await world.live();
    connection.send(publish('last'));
    connection.there.close();
    await connection.line.until('transport.closed');
    expect(connection.line.messages).toHaveLength(1);
    expect(connection.line.ended?.how).toBe('closed');
  });

  it('FIN without a close frame: closed', async () => {
    using connection = await world.live();
    connection.send(publish('last'));
    connection.upgrade.socket.end();
    await connection.line.until('transport.closed');
    expect(connection.line.messages).toHaveLength(1);
    expect(connection.line.ended).toMatchObject({ how: 'closed', error: { code: 'CONNECTION_LOST' } });
  });

  it('FIN without a close_notify: closed', async () => {
    using connection = await world.live();
    connection.upgrade.tcp.end();
    await connection.line.until('transport.closed');
    expect(connection.line.ended?.how).toBe('closed');
  });

  it('RST: reset', async () => {
    using connection = await world.live();
    connection.upgrade.tcp.resetAndDestroy();
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'reset', error: { code: 'CONNECTION_LOST' } });
  });

  it('RST by a broker that reads nothing, however much was written: reset', async () => {
    using connection = await world.live();
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
    using connection = await world.live();
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
    using connection = await world.live();
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
    using connection = await world.live();
    connection.clock.advance(35_000);
    await connection.line.until('transport.closed');
    expect(connection.line.ended).toMatchObject({ how: 'givenUp', error: { code: 'PING_TIMEOUT' } });
  });

  it('a ping that is answered keeps it alive', async () => {
    using connection = await world.live();
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
    using connection = await world.live();
    connection.line.free();
    await closed(connection.there);
    expect(connection.line.ended).toMatchObject({ how: 'givenUp', error: { code: 'CONNECTION_LOST' } });
  });

  it('disconnect(): DISCONNECT, then a close frame, behind all that was published', async () => {
    using connection = await world.live();
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
    using connection = await world.live();
    connection.upgrade.socket.pause();
    connection.line.disconnect();
    await turn();
    expect(connection.line.ended).toBeUndefined();
    connection.line.free();
    connection.upgrade.socket.resume();
    await closed(connection.there);
  });
});
