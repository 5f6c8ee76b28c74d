import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import type { MessageProperties } from '../../../src/protocol/message.ts';
import { propertiesBytes } from '../../../src/protocol/property-bytes.ts';

/** How much longer a PUBLISH is with properties than without, as another codec writes it. */
function bytesOnTheWire(properties: object): number {
  const publish = { cmd: 'publish', topic: 'a', payload: '', qos: 0, dup: false, retain: false } as const;
  const lengthOf = (packet: Parameters<typeof generate>[0]): number =>
    generate(packet, { protocolVersion: 5 }).byteLength;
  return lengthOf({ ...publish, properties }) - lengthOf(publish);
}

describe('the bytes of properties are those that a PUBLISH has for them', () => {
  it.each<[string, MessageProperties, object]>([
    ['none', {}, {}],
    ['content type', { contentType: 'größe' }, { contentType: 'größe' }],
    ['payload format', { payloadFormat: 'utf8' }, { payloadFormatIndicator: true }],
    ['response topic', { responseTopic: 'a/b' }, { responseTopic: 'a/b' }],
    ['correlation data', { correlationData: new Uint8Array(9) }, { correlationData: Buffer.alloc(9) }],
    ['message expiry', { messageExpirySeconds: 70_000 }, { messageExpiryInterval: 70_000 }],
    [
      'user properties',
      { userProperties: { å: 'b', c: ['d', 'ef'], g: '' } },
      { userProperties: { å: 'b', c: ['d', 'ef'], g: '' } },
    ],
  ])('%s', (_what, properties, raw) => {
    expect(propertiesBytes(properties)).toBe(bytesOnTheWire(raw));
  });
});
