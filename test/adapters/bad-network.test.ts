import { once } from 'node:events';
import net from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connack } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { liveLine, turn, turns } from './live-line.ts';
import { openTestLine } from './test-line.ts';

describe('fault:A-4 RST after k bytes of CONNECT', () => {
  /** Reads k bytes and no more of what each connection sends, and resets it. */
  async function resetAfter(k: number): Promise<string> {
    const server = net.createServer({ pauseOnConnect: true, highWaterMark: 1 }, (socket) => {
      socket.on('error', () => {});
      socket.on('readable', () => {
        if (k === 0 || socket.read(k) !== null) socket.resetAndDestroy();
      });
      if (k === 0) socket.resetAndDestroy();
      socket.read(0);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    using line = openTestLine({ port: (server.address() as net.AddressInfo).port, clientId: 'lamp' });
    const { code, recovery } = await line.error('transport.failed');
    await turns();
    expect(line.story.filter((fact) => fact !== 'transport.signedIn')).toEqual(['transport.failed']);
    server.close();
    await once(server, 'close');
    return `${code} ${recovery}`;
  }

  // A CONNECT of MQTT 3.1.1 with the id `lamp` has 18 bytes.
  test.each(Array.from({ length: 19 }, (_, k) => k))('k = %i', async (k) => {
    expect(await resetAfter(k)).toBe('CONNECTION_RESET retry');
  });
});

describe.each([4, 5] as const)('CONNACK, version %i', (protocolVersion) => {
  test('fault:A-7 fault:A-8 may come at any time: the transport has no deadline, the machine has', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const clock = new SimulatedClock();
    using line = openTestLine({ port: peer.port, protocolVersion, clock });
    const there = await peer.connection();
    await there.next('connect');
    expect(clock.pending).toBe(0);
    clock.advance(3_600_000);
    await turns();
    there.send(connack());
    await line.until('transport.connected');
  });

  test('fault:A-12 byte by byte, and a PUBLISH behind it', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port, protocolVersion });
    const there = await peer.connection();
    await there.next('connect');
    const publish = {
      cmd: 'publish',
      topic: 'a/b',
      payload: 'x',
      qos: 1,
      messageId: 3,
      dup: false,
      retain: false,
    } as const;
    for (const byte of Buffer.concat([there.bytesOf(connack()), there.bytesOf(publish)])) {
      there.raw(Uint8Array.of(byte));
      await turn();
    }
    expect(await line.message(0)).toMatchObject({ topic: 'a/b', qos: 1 });
    expect(await there.next('puback')).toMatchObject({ messageId: 3 });
  });

  test('fault:A-12 and 500 PUBLISHes in one segment: connected is told first, then each in order', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port, protocolVersion });
    const there = await peer.connection();
    await there.next('connect');
    const publishes = Array.from({ length: 500 }, (_, i) =>
      there.bytesOf({
        cmd: 'publish',
        topic: 'a',
        payload: `${i}`,
        qos: 1,
        messageId: i + 1,
        dup: false,
        retain: false,
      }),
    );
    line.onFact = (fact) => fact.type === 'transport.connected' && expect(line.messages).toEqual([]);
    there.raw(Buffer.concat([there.bytesOf(connack()), ...publishes]));
    await line.message(499);
    expect(line.messages.map(({ payload }) => payload.toString())).toEqual(publishes.map((_, i) => `${i}`));
    for (let i = 0; i < 500; i++) expect(await there.next('puback')).toMatchObject({ messageId: i + 1 });
  });

  test('fault:A-12 refused, with packets behind it in one segment: the attempt fails once, nothing is delivered', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port, protocolVersion });
    const there = await peer.connection();
    await there.next('connect');
    const publish = { cmd: 'publish', topic: 'a', payload: '', qos: 0, dup: false, retain: false } as const;
    there.send(connack({ code: protocolVersion === 5 ? 0x87 : 5 }), publish, connack());
    await line.until('transport.failed');
    await there.closed;
    await turns();
    expect(line.story).toEqual(['transport.signedIn', 'transport.failed']);
    expect(line.messages).toEqual([]);
  });

  test('fault:C-10 DISCONNECT, or what looks like it, ends the line within the turn', async () => {
    await using connection = await liveLine({ protocolVersion });
    connection.there.raw(Uint8Array.of(0xe0, 0));
    await connection.line.until('transport.closed');
    await connection.there.closed;
    expect(connection.line.story.slice(-2)).toEqual(['detach', 'transport.closed']);
  });

  // The process dies of an uncaught exception, and the runner says so, when a packet finds its way around our checks.
  test('whatever bytes come, the line lives, or ends once and frees its socket', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const firstByte = fc.oneof(
      {
        weight: 20,
        arbitrary: fc.constantFrom(0x30, 0x31, 0x32, 0x34, 0x40, 0x62, 0x90, 0xb0, 0xd0, 0x20, 0xe0, 0xf0),
      },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
    );
    const small = fc.oneof(fc.integer({ min: 0, max: 0x2b }), fc.integer({ min: 0, max: 255 }));
    const packet = fc
      .tuple(firstByte, fc.array(small, { maxLength: 24 }))
      .map(([first, body]) => [first, body.length, ...body]);
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(packet, { minLength: 1, maxLength: 8 }),
        async (isConnected, packets) => {
          using line = openTestLine({ port: peer.port, protocolVersion });
          const there = await peer.connection();
          if (isConnected) await there.accept();
          else await there.next('connect');
          if (isConnected) await line.until('transport.connected');
          void line.wire?.subscribe([{ filter: 'a', qos: 1 }]).catch(() => {});
          line.wire?.publish({ topic: 'a', payload: '', qos: 1, retain: false }, () => {});
          there.raw(Uint8Array.from(packets.flat()));
          there.end();
          const end = isConnected ? 'transport.closed' : 'transport.failed';
          while (!line.facts.some(({ type }) => type === end || type === 'transport.closed')) await turn();
          await there.closed;
          const told = line.facts.map(({ type }) => type);
          expect(
            told.filter((type) => type === 'transport.closed' || type === 'transport.failed'),
          ).toHaveLength(1);
          expect(line.messages.every(({ topic }) => topic !== '' && !/[+#\0]/.test(topic))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
