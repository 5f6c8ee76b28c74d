import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';

import { type Frame, Framer } from '../../src/local/framer.ts';
import { parse, readFrame } from '../../src/local/packet.ts';

const PACKETS: Packet[] = [
  { cmd: 'connect', clientId: 'lamp', clean: false, keepalive: 30, protocolVersion: 4, protocolId: 'MQTT' },
  { cmd: 'connack', returnCode: 0, sessionPresent: true },
  {
    cmd: 'publish',
    topic: 'plants/basilikum-ä',
    payload: 'x'.repeat(300),
    qos: 1,
    messageId: 513,
    dup: true,
    retain: true,
  },
  { cmd: 'publish', topic: 'a', payload: Buffer.alloc(0), qos: 0, dup: false, retain: false },
  { cmd: 'puback', messageId: 7 },
  {
    cmd: 'subscribe',
    messageId: 8,
    subscriptions: [
      { topic: 'a/#', qos: 1 },
      { topic: 'b', qos: 0 },
    ],
  },
  { cmd: 'suback', messageId: 8, granted: [1, 128] },
  { cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['a/#'] },
  { cmd: 'unsuback', messageId: 9, granted: [] },
  { cmd: 'pingreq' },
  { cmd: 'pingresp' },
  { cmd: 'disconnect' },
];

const BYTES = PACKETS.map((packet) => generate(packet));

describe('the framer', () => {
  it('finds the same packets and changes no byte, however the stream is cut', () => {
    const whole = Buffer.concat(BYTES);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: whole.length - 1 })), (cuts) => {
        const framer = new Framer();
        const ends = [...new Set([...cuts, whole.length])].sort((a, b) => a - b);
        const frames: Frame[] = [];
        let from = 0;
        for (const end of ends) {
          frames.push(...framer.take(whole.subarray(from, end)));
          from = end;
        }
        expect(frames.map(({ bytes }) => bytes)).toEqual(BYTES);
      }),
    );
  });

  it('gives a packet through in one piece per byte read, not sooner', () => {
    const [first] = BYTES as [Buffer];
    const framer = new Framer();
    const counts = [...first].map((byte) => framer.take(Buffer.from([byte])).length);
    expect(counts).toEqual([...new Array<number>(first.length - 1).fill(0), 1]);
  });

  it('gives bytes that are no packet through, and all that follows', () => {
    const framer = new Framer();
    expect(framer.take(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]))).toMatchObject([
      { fault: 'malformed' },
    ]);
    expect(framer.take(Buffer.from([0xc0, 0]))).toMatchObject([
      { fault: 'malformed', bytes: Buffer.from([0xc0, 0]) },
    ]);
  });

  it('fault:B-9 reports a packet that is too large by its header alone', () => {
    const framer = new Framer(1_000);
    expect(framer.take(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]))).toMatchObject([{ fault: 'tooLarge' }]);
  });
});

describe('the look at a packet', () => {
  it('agrees with mqtt-packet', () => {
    const framer = new Framer();
    for (const bytes of BYTES) {
      const [frame] = framer.take(bytes) as [Frame];
      const facts = readFrame(frame, 4);
      const packet = parse(bytes, 4) as Packet & Record<string, unknown>;
      expect(facts).toMatchObject({ packet: packet.cmd, bytes: bytes.length });
      if (packet.messageId !== undefined) expect(facts.messageId).toBe(packet.messageId);
      if (packet.cmd === 'publish') {
        const { topic, qos, retain, dup: duplicate } = packet;
        expect(facts).toMatchObject({ topic, qos, retain, duplicate, payloadBytes: packet.payload.length });
      }
    }
  });

  it('survives every body', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 100 }), (first, body) => {
        const bytes = Buffer.from([first, body.length, ...body]);
        for (const version of [4, 5]) readFrame({ bytes, bodyAt: 2 }, version);
      }),
    );
  });
});
