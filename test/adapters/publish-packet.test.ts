import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import { expect, test } from 'vitest';
import { PublishPacket } from '../../src/adapters/publish-packet.ts';
import type { MessageProperties, OutgoingMessage } from '../../src/protocol/message.ts';
import { anyText } from '../support/any-text.ts';

const MARGIN = 3;

/** The bytes of a packet that was written into the middle of other memory. */
function publishPacket(message: OutgoingMessage, protocolVersion: 4 | 5, packetId?: number): Buffer {
  const packet = new PublishPacket(message, protocolVersion, packetId);
  const memory = Buffer.alloc(packet.byteLength + 2 * MARGIN, 0xff);
  packet.writeTo(memory, MARGIN);
  const margins = [...memory.subarray(0, MARGIN), ...memory.subarray(-MARGIN)];
  expect(margins.every((byte) => byte === 0xff)).toBe(true);
  return memory.subarray(MARGIN, -MARGIN);
}

/** The names that mqtt-packet has for them; nothing where there is nothing to write, else it writes no packet at all. */
function mqttPacketProperties(properties: MessageProperties) {
  const userProperties = Object.create(null) as Record<string, string[]>;
  for (const [name, values] of Object.entries(properties.userProperties ?? {})) {
    if ([values].flat().length > 0) userProperties[name] = [values].flat();
  }
  const { payloadFormat, messageExpirySeconds, contentType, responseTopic, correlationData } = properties;
  const fields = {
    payloadFormatIndicator: payloadFormat === undefined ? undefined : payloadFormat === 'utf8',
    messageExpiryInterval: messageExpirySeconds,
    contentType,
    responseTopic,
    correlationData: correlationData === undefined ? undefined : Buffer.from(correlationData),
    userProperties: Object.keys(userProperties).length === 0 ? undefined : userProperties,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

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
      properties: mqttPacketProperties(message.properties ?? {}),
      ...(messageId === undefined ? {} : { messageId }),
    },
    { protocolVersion },
  );
}

const text = fc.string({ unit: 'grapheme', maxLength: 200 });
const properties: fc.Arbitrary<MessageProperties> = fc.record(
  {
    payloadFormat: fc.constantFrom('bytes', 'utf8'),
    messageExpirySeconds: fc.integer({ min: 0, max: 0xffff_ffff }),
    contentType: text,
    responseTopic: text,
    correlationData: fc.uint8Array({ maxLength: 300 }),
    userProperties: fc.dictionary(text, fc.oneof(text, fc.array(text, { maxLength: 3 }))),
  },
  { requiredKeys: [] },
);

test('writes the bytes that mqtt-packet writes', () => {
  const outgoing = fc.record({
    properties,
    topic: fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }),
    payload: fc.oneof(anyText(), fc.uint8Array({ maxLength: 300 })),
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

test('MQTT 3.1.1 has no properties: they are passed over', () => {
  const message = { topic: 't', payload: 'x', qos: 0, retain: false } as const;
  const full = { ...message, properties: { contentType: 'a', userProperties: { b: 'c' } } };
  expect(publishPacket(full, 4)).toEqual(publishPacket(message, 4));
});

test('sec:S-10 a user property may be named as anything is', () => {
  const userProperties = JSON.parse('{"__proto__": "x", "constructor": ["y", ""]}') as Record<string, string>;
  const packet = publishPacket(
    { topic: 't', payload: '', qos: 0, retain: false, properties: { userProperties } },
    5,
  );
  const pairs = ['__proto__', 'x', 'constructor', 'y', 'constructor', ''].map((each) => {
    const bytes = Buffer.from(each);
    return Buffer.concat([Uint8Array.of(0, bytes.length), bytes]);
  });
  const written = Buffer.concat(
    pairs.flatMap((bytes, i) => (i % 2 === 0 ? [Uint8Array.of(0x26), bytes] : [bytes])),
  );
  expect(packet.subarray(-written.length)).toEqual(written);
});

// The 3 bytes are the identifier of a content type and its length.
test.each([127, 128, 16_383, 16_384])('MQTT-2.2.2-1 properties of %i bytes', (length) => {
  const contentType = 'x'.repeat(length - 3);
  const message = { topic: 't', payload: 'y', qos: 0, retain: false, properties: { contentType } } as const;
  expect(publishPacket(message, 5).equals(reference(message, 5))).toBe(true);
});

test('a lone surrogate in a text payload goes out as U+FFFD, as every encoder writes it', () => {
  const message = { topic: 't', payload: 'a\ud800b', qos: 0, retain: false } as const;
  expect(publishPacket(message, 4).subarray(-5)).toEqual(Buffer.from('a\ufffdb'));
});
