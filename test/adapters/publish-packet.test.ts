import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import { expect, test } from 'vitest';
import { publishPacket } from '../../src/adapters/publish-packet.ts';
import type { OutgoingMessage } from '../../src/protocol/message.ts';

/** What mqtt-packet writes for the same message. */
function reference(message: OutgoingMessage, protocolVersion: 4 | 5, messageId?: number): Buffer {
  const { topic, payload, qos, retain } = message;
  return mqttPacket.generate(
    {
      cmd: 'publish',
      topic,
      qos,
      retain,
      payload: Buffer.from(payload as Uint8Array),
      dup: false,
      ...(messageId === undefined ? {} : { messageId }),
    },
    { protocolVersion },
  );
}

test('writes the bytes that mqtt-packet writes', () => {
  const outgoing = fc.record({
    topic: fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }),
    payload: fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 300 })),
    qos: fc.constantFrom<0 | 1>(0, 1),
    retain: fc.boolean(),
  });
  const packetId = fc.integer({ min: 1, max: 65_535 });
  fc.assert(
    fc.property(outgoing, packetId, fc.constantFrom<4 | 5>(4, 5), (message, id, version) => {
      const given = message.qos === 0 ? undefined : id;
      expect(publishPacket(message, version, given)).toEqual(reference(message, version, given));
    }),
  );
});

// Behind the payload's bytes: two for the length of the topic, one for the topic.
test.each([127, 128, 16_383, 16_384, 2_097_151, 2_097_152])(
  'MQTT-2.2.3 a remaining length of %i',
  (length) => {
    const message = { topic: 't', payload: new Uint8Array(length - 3), qos: 0, retain: false } as const;
    expect(publishPacket(message, 4).equals(reference(message, 4))).toBe(true);
  },
);

test('a lone surrogate in a text payload goes out as U+FFFD, as every encoder writes it', () => {
  const message = { topic: 't', payload: 'a\ud800b', qos: 0, retain: false } as const;
  expect(publishPacket(message, 4).subarray(-5)).toEqual(Buffer.from('a\ufffdb'));
});
