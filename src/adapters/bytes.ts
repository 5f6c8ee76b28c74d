import { utf8Bytes } from '../protocol/utf8.ts';

/** What only Node has. */
interface NodeGlobals {
  readonly process?: { readonly versions?: { readonly node?: string } };
  readonly Buffer?: typeof Buffer;
}

const { process, Buffer: AnyBuffer } = globalThis as NodeGlobals;
/** Not what a page has in its place: that is no faster, and mqtt.js brings another one to browsers. */
const NodeBuffer = process?.versions?.node === undefined ? undefined : AnyBuffer;
const utf8 = new TextEncoder();

/** How many bytes a text has in UTF-8. */
export const textBytes: (text: string) => number =
  NodeBuffer === undefined ? utf8Bytes : (text) => NodeBuffer.byteLength(text);

/** Memory of its own, in which anything may stand yet. */
export const allocate: (bytes: number) => Uint8Array =
  NodeBuffer === undefined ? (bytes) => new Uint8Array(bytes) : (bytes) => NodeBuffer.allocUnsafeSlow(bytes);

/**
 * Writes a text in UTF-8, and returns where it ends.
 *
 * @param memory what {@link allocate} has made, with room for all of it
 */
export const writeText: (memory: Uint8Array, start: number, text: string) => number =
  NodeBuffer === undefined
    ? (memory, start, text) => start + utf8.encodeInto(text, memory.subarray(start)).written
    : // In V8 several times as fast as the other.
      (memory, start, text) => start + (memory as Buffer).write(text, start);

/**
 * A password for mqtt.js. In Node as bytes, because mqtt-packet's debug log prints strings; elsewhere nobody can make
 * bytes that it takes: it brings a `Buffer` of its own, and asks for that.
 */
export const passwordFor: (password: string) => string | Buffer =
  NodeBuffer === undefined ? (password) => password : (password) => NodeBuffer.from(password);
