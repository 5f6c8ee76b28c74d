import { utf8Bytes } from '../protocol/utf8.ts';

/** What is shown of payloads: that there is one; how large it is; or how it begins. */
export type PayloadMode = 'none' | 'size' | 'truncated';

export const PAYLOAD_MODES = ['none', 'size', 'truncated'] as const satisfies readonly PayloadMode[];

/** Nobody counts what is larger, and what leads on for ever is. */
const MAX_COUNTED_VALUES = 10_000;

/** How many bytes a payload has; of a value that is no bytes yet, as JSON. `?` when that cannot be told. */
export function payloadSize(value: unknown): number | '?' {
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value === 'string') return utf8Bytes(value);
  let counted = 0;
  try {
    const json = JSON.stringify(value, (_key, item: unknown) => {
      counted += 1;
      if (counted > MAX_COUNTED_VALUES) throw new RangeError('too large to be counted');
      // As JSON each byte would be a field, all of which are listed before the first is counted.
      if (ArrayBuffer.isView(item)) throw new RangeError('bytes are no JSON');
      return item;
    }) as string | undefined;
    return json === undefined ? '?' : utf8Bytes(json);
  } catch {
    return '?';
  }
}
