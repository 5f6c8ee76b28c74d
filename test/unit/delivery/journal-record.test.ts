import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecord, encodeEndedRange, encodeMessage } from '../../../src/delivery/record.ts';
import type { MessageProperties } from '../../../src/protocol/message.ts';
import type { DurableMessage } from '../../../src/protocol/queue-store.ts';
import { anyText } from '../../support/any-text.ts';

const text = anyText();
const bytes = fc.uint8Array({ maxLength: 300 });
const userProperties = fc.dictionary(
  fc.oneof(text, fc.constantFrom('__proto__', 'constructor', '')),
  fc.oneof(text, fc.array(text)),
  { noNullPrototype: true },
);
const properties: fc.Arbitrary<MessageProperties> = fc.record(
  {
    contentType: text,
    payloadFormat: fc.constantFrom('bytes', 'utf8'),
    responseTopic: text,
    correlationData: bytes,
    messageExpirySeconds: fc.nat(),
    userProperties,
  },
  { requiredKeys: [], noNullPrototype: true },
);
const durableMessage: fc.Arbitrary<DurableMessage> = fc.record(
  {
    message: fc.record(
      {
        topic: text,
        payload: fc.oneof(text, bytes),
        qos: fc.constantFrom(0, 1),
        retain: fc.boolean(),
        properties,
      },
      { requiredKeys: ['topic', 'payload', 'qos', 'retain'], noNullPrototype: true },
    ),
    expiresAt: fc.oneof(
      fc.constant(Number.POSITIVE_INFINITY),
      fc.double({ min: 0, max: 2 ** 50, noNaN: true }).map((time) => time + 0),
    ),
  },
  { noNullPrototype: true },
);

describe('a record of the journal', () => {
  it('gives back every message as it was kept', () => {
    fc.assert(
      fc.property(durableMessage, (given) => {
        // Not the runner's comparison: a user property named `constructor` confuses it.
        deepStrictEqual(decodeRecord(1, encodeMessage(given)), given);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps a byte order mark, and text of every length of UTF-8', () => {
    const message = { topic: 'é/ü', payload: '\ufeff1 é € 😀', qos: 1, retain: true } as const;
    const given = { message, expiresAt: 1_790_000_000_123.456 };
    expect(decodeRecord(1, encodeMessage(given))).toStrictEqual(given);
  });

  it('writes a lone surrogate as every wire does', () => {
    const message = { topic: 't', payload: 'a\ud800b', qos: 1, retain: false } as const;
    const found = decodeRecord(1, encodeMessage({ message, expiresAt: 1 }));
    expect(found).toMatchObject({ message: { payload: 'a\ufffdb' } });
  });

  it('shares no bytes, neither with the message nor with the record', () => {
    const payload = Uint8Array.of(1, 2, 3);
    const correlationData = Uint8Array.of(4, 5);
    const message = { topic: 't', payload, qos: 1, retain: false, properties: { correlationData } } as const;
    const record = encodeMessage({ message, expiresAt: 1 });
    payload.fill(0);
    correlationData.fill(0);
    const found = decodeRecord(1, record);
    record.fill(0);
    const kept = { payload: Uint8Array.of(1, 2, 3), properties: { correlationData: Uint8Array.of(4, 5) } };
    expect(found).toMatchObject({ message: kept });
  });

  it('is small: 18 bytes beside topic and payload, when it says nothing else', () => {
    const message = { topic: 'topic', payload: 'payload', qos: 1, retain: false } as const;
    expect(encodeMessage({ message, expiresAt: Number.POSITIVE_INFINITY })).toHaveLength(12 + 18);
  });

  it('says the last number of an ended range, up to the greatest that is safe', () => {
    for (const last of [1, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])
      expect(decodeRecord(1, encodeEndedRange(last))).toBe(last);
  });

  it.each([
    ['nothing', Uint8Array.of()],
    ['another kind', Uint8Array.of(3, 0, 0, 0, 0, 0)],
    ['half a range', encodeEndedRange(9).subarray(0, 8)],
    ['a range that ends before it begins', encodeEndedRange(4)],
    ['a range that ends nowhere', encodeEndedRange(Number.POSITIVE_INFINITY)],
    ['half a header', messageRecord().subarray(0, 12)],
    ['the beginning of one', messageRecord().subarray(0, 3)],
    ['a header that is not JSON', withByte(messageRecord(), 6, 0)],
    ['a payload that is not UTF-8', withByte(messageRecord(), -1, 0xff)],
    ['a header that is too long', withByte(messageRecord(), 2, 0xff)],
    ['correlation data that is not there', rawMessage('{"topic":"t","correlationBytes":9}')],
    ['correlation data of no length', rawMessage('{"topic":"t","correlationBytes":"x"}')],
    ['no topic', rawMessage('{}')],
    ['no header', rawMessage('null')],
  ])('is nothing when it has %s', (_what, record) => {
    expect(decodeRecord(5, record)).toBeUndefined();
  });
});

function messageRecord(): Uint8Array {
  const message = { topic: 'topic', payload: 'payload', qos: 1, retain: false } as const;
  return encodeMessage({ message, expiresAt: 1 });
}

function rawMessage(header: string): Uint8Array {
  return Uint8Array.of(1, 0, 0, 0, 0, header.length, ...new TextEncoder().encode(header));
}

function withByte(record: Uint8Array, at: number, value: number): Uint8Array {
  return record.with(at, value);
}
