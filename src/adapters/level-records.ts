import { crc32 } from 'node:zlib';

import type { StoreChange, StoreRecord } from '../protocol/queue-store.ts';
import type { LevelOperation } from './level-database.ts';

const KEY_DIGITS = String(Number.MAX_SAFE_INTEGER).length;
const CHECKSUM_BYTES = 4;

/** LevelDB sorts by bytes: with zeros in front the order of keys is the order of numbers. */
export function keyOf(number: number): string {
  return String(number).padStart(KEY_DIGITS, '0');
}

export function toOperation({ number, value }: StoreChange): LevelOperation {
  const key = keyOf(number);
  return value === undefined ? { type: 'del', key } : { type: 'put', key, value: sealed(key, value) };
}

/** LevelDB gives what it reads as it finds it, flipped bits too; undefined for what is not what was written. */
export function toRecord(key: string, stored: Uint8Array): StoreRecord | undefined {
  if (stored.length < CHECKSUM_BYTES) return undefined;
  const value = stored.subarray(CHECKSUM_BYTES);
  const { buffer, byteOffset, byteLength } = stored;
  const isWhole = new DataView(buffer, byteOffset, byteLength).getUint32(0) === checksum(key, value);
  return isWhole ? { number: Number(key), value } : undefined;
}

function sealed(key: string, value: Uint8Array): Uint8Array {
  const stored = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length);
  stored.writeUInt32BE(checksum(key, value), 0);
  stored.set(value, CHECKSUM_BYTES);
  return stored;
}

/** Over the key too, or a flipped bit there would give a message another's place. */
function checksum(key: string, value: Uint8Array): number {
  return crc32(value, crc32(key));
}
