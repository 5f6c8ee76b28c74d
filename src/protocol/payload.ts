import { IotError, invalid } from './errors.ts';
import { utf8Bytes } from './utf8.ts';

/**
 * What can be published: text and bytes go out as they are, everything else as its JSON text. Bytes are an `ArrayBuffer`
 * or any view of one. `null` is refused, because it could mean "nothing" or the JSON text `null`: write `''` or `'null'`.
 */
export type PayloadInput = string | ArrayBufferView | ArrayBuffer | number | boolean | object;

const PAYLOAD = 'a string, bytes, a finite number, a boolean, or an object that JSON can write';

/**
 * Turns what an app publishes into what goes on the wire. The result shares nothing with the caller, who may change his
 * bytes or object at once afterwards.
 *
 * @param field How the error calls it.
 * @throws IotError `INVALID_ARGUMENT` for `null`, `undefined`, NaN, infinities, BigInt, symbols, functions; for objects
 *   with cycles or BigInts in them; and for those that JSON would silently lose, such as a Map, a Set or a Promise.
 */
export function encodePayload(payload: PayloadInput, field = 'payload'): string | Uint8Array {
  // The types are a promise that plain JavaScript does not keep.
  const given: unknown = payload;
  if (typeof given === 'string') return given;
  if (typeof given === 'boolean' || Number.isFinite(given)) return JSON.stringify(given);
  if (typeof given !== 'object' || given === null) throw invalid(field, PAYLOAD, given);
  try {
    const encoded = copyBytes(given) ?? toJson(given);
    if (encoded !== undefined) return encoded;
  } catch (cause) {
    throw new IotError('INVALID_ARGUMENT', invalid(field, PAYLOAD, given).message, { cause });
  }
  throw invalid(field, PAYLOAD, given);
}

/** How many bytes a payload has on the wire. */
export function payloadBytes(payload: string | Uint8Array): number {
  return typeof payload === 'string' ? utf8Bytes(payload) : payload.byteLength;
}

/** The bytes of a buffer or a view, copied; nothing for other objects. Throws for a detached buffer. */
function copyBytes(value: object): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
  }
  // By tag, because `instanceof` does not know the buffers of another realm (an iframe, a test runner).
  return tagOf(value) === '[object ArrayBuffer]' ? new Uint8Array(value as ArrayBuffer).slice() : undefined;
}

/** The JSON text of an object that has one; nothing for those that JSON writes as `{}` whatever they hold. */
function toJson(value: object): string | undefined {
  const writable = Array.isArray(value) || 'toJSON' in value || tagOf(value) === '[object Object]';
  return writable ? JSON.stringify(value) : undefined;
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value);
}
