import { describe, expect, test } from 'vitest';
import type { IotError } from '../../src/protocol/errors.ts';
import type { OutgoingMessage } from '../../src/protocol/message.ts';
import type { Wire } from '../../src/protocol/transport.ts';
import { type BrokerConnection, connack } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { type LiveLine, liveLine, turn, turns } from './live-line.ts';
import { openTestLine, type TestLine } from './test-line.ts';

interface Live extends LiveLine {
  readonly wire: Wire;
}

async function live(protocolVersion: 4 | 5 = 4): Promise<Live> {
  const connection = await liveLine({ protocolVersion });
  return { ...connection, wire: connection.line.live };
}

const message = (payload: string | Uint8Array, qos: 0 | 1 = 1): OutgoingMessage => ({
  topic: 'plants/basil',
  payload,
  qos,
  retain: false,
});

/** A publish whose calls of `done` are noted. */
function publish(wire: Wire, payload: string | Uint8Array, qos: 0 | 1 = 1): (IotError | undefined)[] {
  const calls: (IotError | undefined)[] = [];
  wire.publish(message(payload, qos), (error) => calls.push(error));
  return calls;
}

/** Returns once the peer's bytes so far have been handled: a message behind them has arrived. */
async function settled({ line, there }: Live): Promise<void> {
  const index = line.messages.length;
  there.send({ cmd: 'publish', topic: 'mark', payload: '', qos: 0, retain: false, dup: false });
  await line.message(index);
}

const puback = (messageId: number | undefined) => ({
  cmd: 'puback' as const,
  messageId: messageId as number,
});

describe('publish', () => {
  test.each([
    ['text', 'grün', Buffer.from('grün')],
    ['bytes', Uint8Array.of(0, 255, 7), Buffer.from([0, 255, 7])],
    ['a part of a larger buffer', new Uint8Array(8).fill(9).subarray(2, 4), Buffer.from([9, 9])],
    ['nothing', '', Buffer.alloc(0)],
    ['128 KiB', Buffer.alloc(131_072, 5), Buffer.alloc(131_072, 5)],
  ])('writes %s as it is', async (_, payload, expected) => {
    await using connection = await live();
    publish(connection.wire, payload);
    const packet = await connection.there.next('publish');
    expect(Buffer.compare(packet.payload as Buffer, expected)).toBe(0);
    expect(packet).toMatchObject({ topic: 'plants/basil', qos: 1, retain: false, dup: false });
  });

  test('retain is passed on', async () => {
    await using connection = await live();
    connection.wire.publish({ ...message('x', 0), retain: true }, () => {});
    expect(await connection.there.next('publish')).toMatchObject({ retain: true, qos: 0 });
  });

  test('fault:B-4 PUBACKs out of order settle each its own publish', async () => {
    await using connection = await live();
    const first = publish(connection.wire, 'first');
    const second = publish(connection.wire, 'second');
    const ids = [await connection.there.next('publish'), await connection.there.next('publish')];
    connection.there.send(puback(ids[1]?.messageId));
    await settled(connection);
    expect([first, second]).toEqual([[], [undefined]]);
    connection.there.send(puback(ids[0]?.messageId));
    await settled(connection);
    expect([first, second]).toEqual([[undefined], [undefined]]);
  });

  test('fault:B-2 fault:B-3 a second PUBACK, and one for an unknown id, are ignored', async () => {
    await using connection = await live();
    const calls = publish(connection.wire, 'x');
    const { messageId } = await connection.there.next('publish');
    connection.there.send(puback(messageId), puback(messageId), puback(4_711));
    await settled(connection);
    expect(calls).toEqual([undefined]);
    expect(connection.line.facts.at(-1)?.type).toBe('transport.connected');
  });

  test('mqttjs:B17 fault:B-5 a refusing PUBACK of MQTT 5 is an error, "no matching subscribers" is not', async () => {
    await using connection = await live(5);
    const [taken, refused] = [publish(connection.wire, '1'), publish(connection.wire, '2')];
    const ids = [await connection.there.next('publish'), await connection.there.next('publish')];
    connection.there.send({ ...puback(ids[0]?.messageId), reasonCode: 0x10 });
    connection.there.send({ ...puback(ids[1]?.messageId), reasonCode: 0x87 });
    await settled(connection);
    expect(taken).toEqual([undefined]);
    expect(refused).toMatchObject([{ code: 'PUBLISH_REFUSED' }]);
    expect(refused[0]?.message).toContain('plants/basil');
  });

  test('mqttjs:B1 mqttjs:B8 done is never called after the line has ended', async () => {
    await using connection = await live();
    const open = publish(connection.wire, 'open');
    await connection.there.next('publish');
    connection.there.end();
    await connection.line.until('transport.closed');
    const late = publish(connection.wire, 'late');
    const lateToo = publish(connection.wire, 'late', 0);
    await turn();
    expect([open, late, lateToo]).toEqual([[], [], []]);
  });

  test('mqttjs:B12 a QoS 0 publish is done when the socket has taken it, and never when the socket is destroyed', async () => {
    await using connection = await live();
    expect(publish(connection.wire, 'small', 0)).toEqual([undefined]);
    connection.there.stream.pause();
    const big = Buffer.alloc(1_000_000);
    const stuck = Array.from({ length: 30 }, () => publish(connection.wire, big, 0));
    await turn();
    expect(stuck.at(-1)).toEqual([]);
    connection.there.stream.resume();
    while (stuck.at(-1)?.length === 0) await turn();
    expect(stuck.every((calls) => calls.length === 1)).toBe(true);

    connection.there.stream.pause();
    const lost = Array.from({ length: 30 }, () => publish(connection.wire, big, 0));
    connection.line.free();
    connection.there.stream.resume();
    await connection.there.closed;
    expect(lost.at(-1)).toEqual([]);
  });

  test('a publish that ends the line from within drain lets no other be called back', async () => {
    await using connection = await live();
    connection.there.stream.pause();
    const big = Buffer.alloc(1_000_000);
    const stuck = Array.from({ length: 30 }, () => publish(connection.wire, big, 0)).at(-1);
    let ended = false;
    connection.wire.publish(message(big, 0), () => {
      ended = true;
      connection.line.free();
    });
    const after = publish(connection.wire, big, 0);
    connection.there.stream.resume();
    await connection.there.closed;
    expect([ended, stuck?.length, after.length]).toEqual([true, 1, 0]);
  });

  test('QoS 0 publishes are done too when the socket never asked to wait for what came last', async () => {
    await using connection = await live();
    // More than is written at once: the rest is small, and taken as soon as it is written.
    const payload = Buffer.alloc(4_096);
    const calls = Array.from({ length: 33 }, () => publish(connection.wire, payload, 0));
    expect([calls[0], calls.at(-1)]).toEqual([[undefined], []]);
    while (connection.there.count('publish') < 33) await turn();
    await turns();
    expect(calls).toEqual(Array.from({ length: 33 }, () => [undefined]));
  });

  test('one that throws when it is told at the end of a turn ends the line', async () => {
    await using connection = await live();
    const payload = Buffer.alloc(4_096);
    for (let i = 0; i < 32; i++) publish(connection.wire, payload, 0);
    connection.wire.publish(message(payload, 0), () => {
      throw new Error('oops');
    });
    expect(await connection.line.error('transport.closed')).toMatchObject({ code: 'INTERNAL' });
  });

  test('tells how many bytes it is on the wire, and 0 for one that is not written', async () => {
    await using connection = await live(5);
    const bytes = ([0, 1] as const).map((qos) => connection.wire.publish(message('grün', qos), () => {}));
    const head = 2 + 2 + 'plants/basil'.length + 1 + 5;
    expect(bytes).toEqual([head, head + 2]);
    connection.line.free();
    expect(connection.wire.publish(message('late'), () => {})).toBe(0);
  });

  test('packets of all kinds go out in the order of their calls, DISCONNECT last', async () => {
    await using connection = await live();
    const { wire, there, line } = connection;
    publish(wire, '1', 0);
    const [granted, ended] = [wire.subscribe([{ filter: 'a', qos: 0 }]), wire.unsubscribe(['b'])];
    for (const open of [granted, ended]) open.catch(() => {});
    publish(wire, Buffer.alloc(200_000), 0);
    publish(wire, '2', 1);
    line.disconnect();
    await there.next('disconnect');
    const sent = there.received.slice(1).map(({ cmd }) => cmd);
    expect(sent).toEqual(['publish', 'subscribe', 'unsubscribe', 'publish', 'publish', 'disconnect']);
  });

  test('what mqtt.js answers does not overtake what was sent before', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line: TestLine = openTestLine({ port: peer.port, onMessage: () => publish(line.live, 'x', 0) });
    const there = await peer.connection();
    await there.accept();
    await line.until('transport.connected');
    const incoming = { cmd: 'publish', topic: 'a', payload: '', retain: false, dup: false } as const;
    there.send(
      { ...incoming, qos: 0 },
      { ...incoming, qos: 2, messageId: 3 },
      { ...incoming, qos: 0 },
      { cmd: 'pubrel', messageId: 3 },
    );
    await there.next('pubcomp');
    const sent = there.received.slice(1).map(({ cmd }) => cmd);
    expect(sent).toEqual(['publish', 'pubrec', 'publish', 'publish', 'pubcomp']);
  });

  test('fault:B-17 packet ids wrap around those in use', async () => {
    await using connection = await live();
    const kept = publish(connection.wire, 'kept');
    const { messageId: keptId } = await connection.there.next('publish');
    const open = connection.wire.subscribe([{ filter: 'a', qos: 0 }]);
    open.catch(() => {});
    const { messageId: openId } = await connection.there.next('subscribe');
    const seen = new Set<number>();
    for (let i = 0; i < 65_533; i++) {
      publish(connection.wire, '');
      if (i % 1_000 === 999) await turn();
    }
    while (connection.there.count('publish') < 65_534) await turn();
    connection.there.send(puback(5));
    await settled(connection);
    publish(connection.wire, 'the only free id');
    while (connection.there.count('publish') < 65_535) await turn();
    expect(connection.there.received.at(-1)).toMatchObject({ messageId: 5 });
    for (const packet of connection.there.received)
      if (packet.cmd === 'publish') seen.add(packet.messageId as number);
    expect(seen.size).toBe(65_534);
    expect(seen.has(openId as number)).toBe(false);
    expect([keptId, kept]).toEqual([1, []]);
  });
});

describe('subscribe', () => {
  const requests = [
    { filter: 'a/#', qos: 1 },
    { filter: 'resubscribe', qos: 0 },
    { filter: '7', qos: 1 },
  ] as const;

  test('mqttjs:B15 fault:B-6 is one SUBSCRIBE, and its answer tells the fate of each filter', async () => {
    await using connection = await live();
    const { wire, there } = connection;
    const answers = wire.subscribe(requests);
    const subscribe = await there.next('subscribe');
    expect(subscribe.subscriptions.map(({ topic, qos }) => [topic, qos])).toEqual([
      ['a/#', 1],
      ['resubscribe', 0],
      ['7', 1],
    ]);
    there.send({ cmd: 'suback', messageId: subscribe.messageId as number, granted: [0, 0x80, 1] });
    const [downgraded, refused, granted] = await answers;
    expect(downgraded).toEqual({ filter: 'a/#', grantedQos: 0 });
    expect(refused).toMatchObject({
      filter: 'resubscribe',
      error: { code: 'SUBSCRIPTION_REFUSED', recovery: 'none' },
    });
    expect(refused !== undefined && 'error' in refused && refused.error.message).toContain('resubscribe');
    expect(granted).toEqual({ filter: '7', grantedQos: 1 });
  });

  test('fault:B-6 a wrong number of codes ends the line', async () => {
    await using connection = await live();
    const { wire, there, line } = connection;
    const answers = wire.subscribe(requests);
    const { messageId } = await there.next('subscribe');
    there.send({ cmd: 'suback', messageId: messageId as number, granted: [0, 1] });
    await expect(answers).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    expect(await line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
    await there.closed;
  });

  test('a SUBACK that nobody asked for is ignored, and so is one for a publish', async () => {
    await using connection = await live();
    const calls = publish(connection.wire, 'x');
    const { messageId } = await connection.there.next('publish');
    connection.there.send({ cmd: 'suback', messageId: 99, granted: [0] });
    await settled(connection);
    connection.there.send(puback(messageId));
    await settled(connection);
    expect(calls).toEqual([undefined]);
  });

  test.each([
    ['the broker closes', 'CONNECTION_LOST', ({ there }: Live) => there.end()],
    ['the line is freed', 'CONNECTION_LOST', ({ line }: Live) => line.free()],
    ['disconnect is asked for', 'DISCONNECTED', ({ line }: Live) => line.disconnect()],
    ['the protocol is broken', 'PROTOCOL_ERROR', ({ there }: Live) => there.raw(Uint8Array.of(0, 0))],
  ])('open promises reject when %s', async (_, code, act) => {
    await using connection = await live();
    const open = [connection.wire.subscribe(requests), connection.wire.unsubscribe(['a'])];
    const outcomes = Promise.allSettled(open);
    await connection.there.next('unsubscribe');
    act(connection);
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code } });
    await expect(connection.wire.subscribe(requests)).rejects.toMatchObject({ code });
  });
});

describe('unsubscribe', () => {
  test('is one UNSUBSCRIBE and resolves at UNSUBACK', async () => {
    await using connection = await live();
    const { wire, there } = connection;
    const done = wire.unsubscribe(['a/#', 'b']);
    const { messageId, unsubscriptions } = await there.next('unsubscribe');
    expect(unsubscriptions).toEqual(['a/#', 'b']);
    there.send({ cmd: 'unsuback', messageId: messageId as number } as never);
    await done;
  });
});

describe('what the broker sends', () => {
  test('a message arrives as it is, and its PUBACK goes out after onMessage', async () => {
    await using connection = await live();
    const { line, there } = connection;
    const payload = Buffer.from([1, 2, 3]);
    there.send({ cmd: 'publish', topic: 'a/b', payload, qos: 1, retain: true, dup: true, messageId: 12 });
    const got = await line.message(0);
    expect(there.count('puback')).toBe(0);
    expect({ ...got, payload: [...got.payload] }).toEqual({
      topic: 'a/b',
      payload: [1, 2, 3],
      qos: 1,
      retain: true,
      duplicate: true,
    });
    expect(await there.next('puback')).toMatchObject({ messageId: 12 });
  });

  test('a message whose handler freed the line is not acknowledged', async () => {
    const peer = await ScriptedBroker.start({ automatic: false });
    const line: TestLine = openTestLine({ port: peer.port, onMessage: () => line.free() });
    const there = await peer.connection();
    await there.accept();
    await line.until('transport.connected');
    there.send({ cmd: 'publish', topic: 'a', payload: '', qos: 1, retain: false, dup: false, messageId: 1 });
    await there.closed;
    expect(there.count('puback')).toBe(0);
    await peer.stop();
  });

  test('a handler may ask for the end: DISCONNECT is the last packet, and the broker closes', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false, allowHalfOpen: true });
    using line: TestLine = openTestLine({ port: peer.port, onMessage: () => line.disconnect() });
    const there = await peer.connection();
    await there.accept();
    await line.until('transport.connected');
    there.send({ cmd: 'publish', topic: 'a', payload: '', qos: 1, retain: false, dup: false, messageId: 1 });
    await there.next('disconnect');
    await turns();
    expect(line.facts.at(-1)?.type).toBe('transport.connected');
    there.end();
    expect(await line.error('transport.closed')).toMatchObject({ code: 'DISCONNECTED' });
    await there.closed;
    expect(there.received.map((packet) => packet.cmd)).toEqual(['connect', 'disconnect']);
  });

  test('fault:B-13 QoS 2 is answered by the book', async () => {
    await using connection = await live();
    const { line, there } = connection;
    there.send({ cmd: 'publish', topic: 'a', payload: 'x', qos: 2, retain: false, dup: false, messageId: 3 });
    expect(await there.next('pubrec')).toMatchObject({ messageId: 3 });
    there.send({ cmd: 'pubrel', messageId: 3 });
    expect(await there.next('pubcomp')).toMatchObject({ messageId: 3 });
    expect(await line.message(0)).toMatchObject({ topic: 'a', qos: 2 });
  });

  test.each<[string, (there: BrokerConnection) => void]>([
    ['fault:B-8 a first byte of 0', (there) => there.raw(Uint8Array.of(0, 0))],
    ['fault:B-9 a length of 5 bytes', (there) => there.raw(Uint8Array.of(0x30, 255, 255, 255, 255, 1))],
    ['fault:B-12 a second CONNACK', (there) => there.send(connack())],
    ['fault:B-12 PUBREC for QoS 1', (there) => there.raw(Uint8Array.of(0x50, 2, 0, 1))],
    ['PUBCOMP for QoS 1', (there) => there.raw(Uint8Array.of(0x70, 2, 0, 1))],
    ['DISCONNECT in MQTT 3.1.1', (there) => there.raw(Uint8Array.of(0xe0, 0))],
    ['PINGREQ', (there) => there.raw(Uint8Array.of(0xc0, 0))],
    [
      'HTML instead of MQTT',
      (there) => there.raw(Buffer.from(`<html>${'captive portal '.repeat(20)}</html>`)),
    ],
  ])('%s ends the line with PROTOCOL_ERROR', async (_, act) => {
    await using connection = await live();
    const { line, there, wire } = connection;
    publish(wire, 'x');
    await there.next('publish');
    act(there);
    const error = await line.error('transport.closed');
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', recovery: 'retry' });
    expect(error.message).not.toContain('html');
    await there.closed;
    expect(line.story.slice(-2)).toEqual(['detach', 'transport.closed']);
  });

  test.each([
    ['garbage', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a PUBLISH', Uint8Array.of(0x30, 3, 0, 1, 97)],
    ['CONNACK that is too short', Uint8Array.of(0x20, 1, 0)],
  ])('%s before CONNACK fails the attempt with PROTOCOL_ERROR', async (_, bytes) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port });
    const there = await peer.connection();
    await there.next('connect');
    there.raw(bytes);
    expect(await line.error('transport.failed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
    await there.closed;
  });

  test('fault:B-10 a truncated packet and FIN: closed, and nothing is delivered', async () => {
    await using connection = await live();
    const { line, there } = connection;
    there.raw(Uint8Array.of(0x30, 100, 0, 1, 97, 98, 99));
    there.end();
    expect(await line.error('transport.closed')).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(line.messages).toEqual([]);
  });

  test('mqttjs:B9 a DISCONNECT of MQTT 5 ends the line at once', async () => {
    await using connection = await live(5);
    const { line, there } = connection;
    there.send({ cmd: 'disconnect', reasonCode: 0x8b });
    expect(await line.error('transport.closed')).toMatchObject({ code: 'SERVER_UNAVAILABLE' });
    await there.closed;
  });

  test('FIN is seen although what was written cannot be flushed', async () => {
    await using connection = await live();
    const { line, there, wire } = connection;
    there.stream.pause();
    for (let i = 0; i < 30; i++) wire.publish(message(Buffer.alloc(1_000_000), 0), () => {});
    there.end();
    expect(await line.error('transport.closed')).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
