import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import { expect, test } from 'vitest';
import type { EncodablePacket } from '../../src/adapters/packet-buffer.ts';
import { PINGREQ, subscribePacket, unsubscribePacket } from '../../src/adapters/request-packet.ts';
import type { FilterRequest } from '../../src/protocol/message.ts';

const MARGIN = 3;

/** The bytes of a packet that was written into the middle of other memory. */
function written(packet: EncodablePacket): Buffer {
  const memory = Buffer.alloc(packet.byteLength + 2 * MARGIN, 0xff);
  packet.writeTo(memory, MARGIN);
  const margins = [...memory.subarray(0, MARGIN), ...memory.subarray(-MARGIN)];
  expect(margins.every((byte) => byte === 0xff)).toBe(true);
  return memory.subarray(MARGIN, -MARGIN);
}

const filter = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 });
const packetId = fc.integer({ min: 1, max: 65_535 });
const version = fc.constantFrom<4 | 5>(4, 5);
const request: fc.Arbitrary<FilterRequest> = fc.record(
  {
    filter,
    qos: fc.constantFrom<0 | 1>(0, 1),
    noLocal: fc.boolean(),
    retainAsPublished: fc.boolean(),
    retainHandling: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
  },
  { requiredKeys: ['filter', 'qos'] },
);

test('SUBSCRIBE has the bytes that mqtt-packet writes', () => {
  const requests = fc.array(request, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(requests, packetId, version, (asked, messageId, protocolVersion) => {
      const subscriptions = asked.map(({ filter: topic, qos, ...options }) => ({
        topic,
        qos,
        nl: options.noLocal ?? false,
        rap: options.retainAsPublished ?? false,
        rh: options.retainHandling ?? 0,
      }));
      expect(written(subscribePacket(asked, protocolVersion, messageId))).toEqual(
        mqttPacket.generate({ cmd: 'subscribe', messageId, subscriptions }, { protocolVersion }),
      );
    }),
  );
});

test('UNSUBSCRIBE has the bytes that mqtt-packet writes', () => {
  const filters = fc.array(filter, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(filters, packetId, version, (unsubscriptions, messageId, protocolVersion) => {
      expect(written(unsubscribePacket(unsubscriptions, protocolVersion, messageId))).toEqual(
        mqttPacket.generate({ cmd: 'unsubscribe', messageId, unsubscriptions }, { protocolVersion }),
      );
    }),
  );
});

// Behind the bytes of the filter: two for the packet id, two for its length, one for its QoS.
test.each([127, 128, 16_383, 16_384])('MQTT-2.2.3 a remaining length of %i', (length) => {
  const asked = { filter: 'x'.repeat(length - 5), qos: 1 } as const;
  expect(written(subscribePacket([asked], 4, 1))).toEqual(
    mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: asked.filter, qos: 1 }] }),
  );
});

test.each([4, 5] as const)('PINGREQ has the bytes that mqtt-packet writes (%i)', (protocolVersion) => {
  expect(Buffer.from(PINGREQ)).toEqual(mqttPacket.generate({ cmd: 'pingreq' }, { protocolVersion }));
});
