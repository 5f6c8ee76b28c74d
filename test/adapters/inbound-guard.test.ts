import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { InboundGuard } from '../../src/adapters/inbound-guard.ts';
import { connack } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { liveLine, settled, turn, turns } from './live-line.ts';
import { openTestLine } from './test-line.ts';

const MOST = 268_435_460;
const place = { endpoint: 'broker.example', port: 1883, stage: 'live', wallClock: 0 } as const;

/** The error for what is wrong with these bytes, coming at once or one by one; undefined when nothing is. */
function wrongWith(bytes: readonly number[], protocolVersion: 4 | 5 = 4, mostBytes = MOST) {
  const whole = new InboundGuard(protocolVersion, mostBytes).look(Uint8Array.from(bytes));
  const apart = new InboundGuard(protocolVersion, mostBytes);
  const one = bytes.map((byte) => apart.look(Uint8Array.of(byte))).find((breach) => breach !== undefined);
  expect(one?.reasonCode).toBe(whole?.reasonCode);
  if (whole === undefined) return undefined;
  const { code, recovery, message } = whole.error(place);
  return { code, recovery, message, reasonCode: whole.reasonCode };
}

describe('the first byte of a packet', () => {
  const OF_BOTH = [
    0x20,
    0x40,
    0x50,
    0x62,
    0x70,
    0x90,
    0xb0,
    0xd0,
    ...[0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d],
  ];

  test.each([
    [4, OF_BOTH],
    [5, [...OF_BOTH, 0xe0, 0xf0]],
  ] as const)(
    'fault:B-8 MQTT-2.2.2-2 in version %i is one that a broker may send',
    (protocolVersion, allowed) => {
      for (let byte = 0; byte < 256; byte++) {
        const wrong = wrongWith([byte], protocolVersion);
        if (allowed.includes(byte)) expect(wrong).toBeUndefined();
        else expect(wrong).toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: 0x81 });
      }
    },
  );

  test('is looked for behind each packet', () => {
    expect(wrongWith([0xd0, 0, 0x40, 2, 0, 1, 0x30, 3, 0, 1, 97, 0xd0, 0])).toBeUndefined();
    expect(wrongWith([0xd0, 0, 0x40, 2, 0, 1, 0x30, 3, 0, 1, 97, 0xd1])).toMatchObject({
      code: 'PROTOCOL_ERROR',
    });
  });
});

describe('the length of a packet', () => {
  test.each([
    [[0x7f], 129],
    [[0x80, 0x01], 131],
    [[0xff, 0x7f], 16_386],
    [[0xff, 0xff, 0x7f], 2_097_155],
    [[0xff, 0xff, 0xff, 0x7f], 268_435_460],
  ])('fault:B-16 %j: of %i bytes, header and all, is the last that passes', (length, bytes) => {
    expect(wrongWith([0x30, ...length], 4, bytes)).toBeUndefined();
    const wrong = wrongWith([0x30, ...length], 4, bytes - 1);
    expect(wrong).toMatchObject({ code: 'PACKET_TOO_LARGE', recovery: 'retry', reasonCode: 0x95 });
    expect(wrong?.message).toContain(`${bytes}`);
    expect(wrong?.message).toContain(`${bytes - 1}`);
  });

  test('fault:B-9 of five bytes is none', () => {
    expect(wrongWith([0x30, 0xff, 0xff, 0xff])).toBeUndefined();
    expect(wrongWith([0x30, 0xff, 0xff, 0xff, 0xff])).toMatchObject({
      code: 'PROTOCOL_ERROR',
      reasonCode: 0x81,
    });
  });

  test('may be written with more bytes than it needs', () => {
    expect(wrongWith([0x30, 0x83, 0x80, 0x00, 0, 1, 97, 0xd0, 0])).toBeUndefined();
  });
});

describe('the topic of a PUBLISH', () => {
  const publishTo = (topic: readonly number[]) => [0x30, 2 + topic.length, 0, topic.length, ...topic];
  test.each(['a', '', 'ü', '\ufeffa', 'a\ufffd', '😀', 'x'.repeat(120)])('is %j', (topic) => {
    expect(wrongWith([...publishTo([...Buffer.from(topic)]), 0xd0, 0])).toBeUndefined();
  });

  test('fault:B-11 MQTT-1.5.3-1 MQTT-1.5.4-1 is UTF-8, as Node sees it, coming whole or byte by byte', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.string({ unit: 'binary', maxLength: 4 }).map((text) => new TextEncoder().encode(text).slice(0, -1)),
      fc.string({ unit: 'binary', maxLength: 4 }).map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(bytes, (topic) => {
        const wrong = wrongWith(publishTo([...topic]));
        if (isUtf8(topic)) expect(wrong).toBeUndefined();
        else expect(wrong).toMatchObject({ code: 'PROTOCOL_ERROR', reasonCode: 0x81 });
      }),
    );
  });

  test('of another packet there is none to look at', () => {
    expect(wrongWith([0x40, 4, 0, 1, 0xff, 0xff, 0x90, 4, 0, 1, 0xff, 0xff])).toBeUndefined();
  });
});

test('what a broker may send passes, however it is cut', () => {
  const publish = fc.record({
    cmd: fc.constant('publish' as const),
    topic: fc.string({ minLength: 1 }),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
    messageId: fc.integer({ min: 1, max: 65_535 }),
    retain: fc.boolean(),
    dup: fc.boolean(),
  });
  const other = fc.constantFrom<Packet>(
    { cmd: 'pingresp' },
    { cmd: 'puback', messageId: 1 },
    { cmd: 'suback', messageId: 2, granted: [0, 1] },
    { cmd: 'connack', returnCode: 0, sessionPresent: false },
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(publish, other)),
      fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
      (packets, cuts) => {
        const bytes = Buffer.concat(
          packets.map((packet) => mqttPacket.generate(packet, { protocolVersion: 4 })),
        );
        const guard = new InboundGuard(4, MOST);
        for (let at = 0; at < bytes.length; ) {
          const end = at + (cuts.next().value as number);
          expect(guard.look(bytes.subarray(at, end))).toBeUndefined();
          at = end;
        }
      },
    ),
  );
});

describe('on a line', () => {
  const announced = (bytes: number) => {
    const header = [0x30];
    for (let rest = bytes; ; rest >>>= 7) {
      header.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
      if (rest <= 0x7f) return Uint8Array.from(header);
    }
  };

  test('fault:B-9 fault:B-16 sec:S-13 256 MB announced: the line ends at the header', async () => {
    await using connection = await liveLine({ maximumPacketBytes: 150_000 });
    const { line, there } = connection;
    there.raw(announced(268_435_455));
    expect(await line.error('transport.closed')).toMatchObject({ code: 'PACKET_TOO_LARGE' });
    await there.closed;
    expect(line.messages).toEqual([]);
  });

  test('fault:B-16 payloads of 0 and of 131,072 bytes pass under a bound that has room for them', async () => {
    await using connection = await liveLine({ maximumPacketBytes: 131_072 + 1_000 });
    for (const size of [0, 131_072]) {
      const payload = Buffer.alloc(size, 7);
      connection.there.send({ cmd: 'publish', topic: 'a', payload, qos: 0, retain: false, dup: false });
    }
    expect((await connection.line.message(0)).payload).toHaveLength(0);
    expect((await connection.line.message(1)).payload).toHaveLength(131_072);
  });

  test('without a bound a large packet is taken', async () => {
    await using connection = await liveLine();
    const payload = Buffer.alloc(4_000_000, 7);
    connection.there.send({ cmd: 'publish', topic: 'a', payload, qos: 0, retain: false, dup: false });
    expect((await connection.line.message(0)).payload).toHaveLength(4_000_000);
  });

  test('fault:B-9 sec:S-13 nothing of what follows is kept: the memory stays flat', async () => {
    await using connection = await liveLine({ maximumPacketBytes: 150_000 });
    const { line, there } = connection;
    await settled(connection);
    const before = process.memoryUsage().arrayBuffers;
    there.raw(announced(268_435_455));
    for (let i = 0; i < 32 && line.ended === undefined; i++) {
      there.raw(Buffer.alloc(1_048_576));
      await turn();
    }
    expect(await line.error('transport.closed')).toMatchObject({ code: 'PACKET_TOO_LARGE' });
    await there.closed;
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1_048_576);
  });

  const good = {
    cmd: 'publish',
    topic: 'good',
    payload: 'x',
    qos: 1,
    messageId: 1,
    dup: false,
    retain: false,
  } as const;
  const large = { ...good, topic: 'large', payload: Buffer.alloc(2_000), messageId: 2 };

  describe.each([4, 5] as const)('what is in front of a breach, version %i', (protocolVersion) => {
    const bound = { protocolVersion, maximumPacketBytes: 1_000 };

    test('is taken and acknowledged; the breach and what is behind it is not', async () => {
      await using connection = await liveLine(bound);
      const { line, there } = connection;
      there.send(good, { ...good, messageId: 7 }, large, { ...good, messageId: 3 });
      expect(await line.error('transport.closed')).toMatchObject({ code: 'PACKET_TOO_LARGE' });
      await there.closed;
      expect(line.messages.map(({ topic }) => topic)).toEqual(['good', 'good']);
      const acknowledged = there.received.filter(({ cmd }) => cmd === 'puback');
      expect(acknowledged.map(({ messageId }) => messageId)).toEqual([1, 7]);
      expect(there.received.at(-1)).toMatchObject(
        protocolVersion === 5 ? { cmd: 'disconnect', reasonCode: 0x95 } : { cmd: 'puback' },
      );
    });

    test('is taken in front of bytes that begin no packet too', async () => {
      await using connection = await liveLine(bound);
      const { line, there } = connection;
      there.raw(Buffer.concat([there.bytesOf(good), Uint8Array.of(0, 0), there.bytesOf(good)]));
      expect(await line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
      await there.closed;
      expect(line.messages.map(({ topic }) => topic)).toEqual(['good']);
      expect(there.count('puback')).toBe(1);
    });

    test('is taken when it came in parts, and when the breach did', async () => {
      await using connection = await liveLine(bound);
      const { line, there } = connection;
      const bytes = Buffer.concat([there.bytesOf(good), there.bytesOf(large)]);
      for (const [from, to] of [
        [0, 5],
        [5, there.bytesOf(good).length + 1],
        [there.bytesOf(good).length + 1, bytes.length],
      ]) {
        there.raw(bytes.subarray(from, to));
        await turns();
      }
      expect(await line.error('transport.closed')).toMatchObject({ code: 'PACKET_TOO_LARGE' });
      expect(line.messages.map(({ topic }) => topic)).toEqual(['good']);
    });

    test('is taken when it is the CONNACK: the line was there', async () => {
      await using peer = await ScriptedBroker.start({ automatic: false });
      using line = openTestLine({ port: peer.port, ...bound });
      const there = await peer.connection();
      await there.next('connect');
      there.send(connack(), good, large);
      expect(await line.error('transport.closed')).toMatchObject({ code: 'PACKET_TOO_LARGE' });
      await there.closed;
      expect(line.story).toEqual([
        ...['transport.signedIn', 'attach', 'transport.connected', 'detach', 'transport.closed'],
      ]);
      expect(line.messages).toHaveLength(1);
      expect(there.count('puback')).toBe(1);
    });

    test('ends the line itself when it is wrong', async () => {
      await using connection = await liveLine(bound);
      connection.there.send({ ...good, topic: 'a/#' }, good, large);
      expect(await connection.line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
      expect(connection.line.messages).toEqual([]);
    });
  });

  test('fault:A-22 before CONNACK too: an answer in HTTP fails the attempt at its first byte', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port });
    const there = await peer.connection();
    await there.next('connect');
    there.raw(Buffer.from('HTTP'));
    const error = await line.error('transport.failed');
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR' });
    expect(error.message).toContain('0x48');
    await there.closed;
  });
});
