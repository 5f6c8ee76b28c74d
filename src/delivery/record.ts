// How what is kept looks in the store: a byte that says what it is, and then
//
//   a message      flags (1 byte), length of the header (4 bytes), header (JSON), correlation data, payload
//   an ended range its last number (8 bytes, a double); its first is the number that it is stored under
//
// It is part of the format of the stores: another layout needs another byte, and stores that older versions refuse.
import type { MessageProperties } from '../protocol/message.ts';
import type { DurableMessage } from '../protocol/queue-store.ts';
import { utf8Bytes } from '../protocol/utf8.ts';

const MESSAGE = 1;
const ENDED_RANGE = 2;

const RETAIN = 1;
const QOS_1 = 2;
const TEXT = 4;

/** Kind, flags and the length of the header. */
const HEADER_AT = 6;
const RANGE_BYTES = 9;

interface Header {
  readonly topic: string;
  /** Absent when it never expires: JSON has no Infinity. */
  readonly expiresAt?: number | undefined;
  /** All but the correlation data, which JSON could say only at twice its length. */
  readonly properties?: Omit<MessageProperties, 'correlationData'> | undefined;
  readonly correlationBytes?: number | undefined;
}

const encoder = new TextEncoder();
// As it was given: broken text is an error and not mended, and a byte order mark is part of the text.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A record in bytes of its own, which share nothing with the message. */
export function encodeMessage({ message, expiresAt }: DurableMessage): Uint8Array {
  const { topic, payload, qos, retain, properties } = message;
  const { correlationData, ...others } = properties ?? {};
  const header = JSON.stringify({
    topic,
    expiresAt: expiresAt === Number.POSITIVE_INFINITY ? undefined : expiresAt,
    properties: properties && others,
    correlationBytes: correlationData?.byteLength,
  } satisfies Header);
  const headerBytes = utf8Bytes(header);
  const payloadAt = HEADER_AT + headerBytes + (correlationData?.byteLength ?? 0);
  const isText = typeof payload === 'string';
  const record = new Uint8Array(payloadAt + (isText ? utf8Bytes(payload) : payload.byteLength));
  record[0] = MESSAGE;
  record[1] = (retain ? RETAIN : 0) | (qos === 1 ? QOS_1 : 0) | (isText ? TEXT : 0);
  viewOf(record).setUint32(2, headerBytes);
  encoder.encodeInto(header, record.subarray(HEADER_AT));
  if (correlationData !== undefined) record.set(correlationData, HEADER_AT + headerBytes);
  if (isText) encoder.encodeInto(payload, record.subarray(payloadAt));
  else record.set(payload, payloadAt);
  return record;
}

export function encodeEndedRange(last: number): Uint8Array {
  const record = new Uint8Array(RANGE_BYTES);
  record[0] = ENDED_RANGE;
  viewOf(record).setFloat64(1, last);
  return record;
}

/** A message, the last number of an ended range, or nothing when it is neither. Shares nothing with the record. */
export function decodeRecord(number: number, record: Uint8Array): DurableMessage | number | undefined {
  if (record[0] === ENDED_RANGE) return decodeEndedRange(number, record);
  if (record[0] !== MESSAGE || record.byteLength < HEADER_AT) return undefined;
  try {
    return decodeMessage(record);
  } catch {
    // Not JSON, or not UTF-8.
    return undefined;
  }
}

function decodeEndedRange(first: number, record: Uint8Array): number | undefined {
  if (record.byteLength !== RANGE_BYTES) return undefined;
  const last = viewOf(record).getFloat64(1);
  return Number.isSafeInteger(last) && last >= first ? last : undefined;
}

function decodeMessage(record: Uint8Array): DurableMessage | undefined {
  const correlationAt = HEADER_AT + viewOf(record).getUint32(2);
  const header = JSON.parse(decoder.decode(record.subarray(HEADER_AT, correlationAt))) as Header;
  const payloadAt = correlationAt + (header.correlationBytes ?? 0);
  if (typeof header.topic !== 'string' || !(payloadAt <= record.byteLength)) return undefined;
  const flags = record[1] ?? 0;
  const isText = (flags & TEXT) !== 0;
  const { correlationBytes, properties: others } = header;
  const properties =
    correlationBytes === undefined
      ? others
      : { ...others, correlationData: record.slice(correlationAt, payloadAt) };
  return {
    message: {
      topic: header.topic,
      payload: isText ? decoder.decode(record.subarray(payloadAt)) : record.slice(payloadAt),
      qos: flags & QOS_1 ? 1 : 0,
      retain: (flags & RETAIN) !== 0,
      ...(properties === undefined ? {} : { properties }),
    },
    expiresAt: header.expiresAt ?? Number.POSITIVE_INFINITY,
  };
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
