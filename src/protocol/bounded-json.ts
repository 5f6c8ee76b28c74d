import type { JsonValue } from './shadow-state.ts';

/** What is wrong with a text that should be JSON. */
export type JsonFault = 'tooLarge' | 'tooDeep' | 'notUtf8' | 'notJson';

export interface JsonBounds {
  readonly maxBytes: number;
  /** Objects and arrays inside of one another. */
  readonly maxLevels: number;
}

export type JsonReading = { readonly value: JsonValue } | { readonly fault: JsonFault };

// A byte order mark stays in the text, where JSON has no place for it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads JSON from a stranger. Size and depth are looked at before anything is parsed, in one pass and without recursion.
 * Keys such as `__proto__` are plain data in what it returns.
 */
export function readJson(payload: Uint8Array, { maxBytes, maxLevels }: JsonBounds): JsonReading {
  if (payload.byteLength > maxBytes) return { fault: 'tooLarge' };
  const text = decode(payload);
  if (text === undefined) return { fault: 'notUtf8' };
  if (isDeeper(text, maxLevels)) return { fault: 'tooDeep' };
  try {
    return { value: JSON.parse(text) as JsonValue };
  } catch {
    return { fault: 'notJson' };
  }
}

function decode(payload: Uint8Array): string | undefined {
  try {
    return utf8.decode(payload);
  } catch {
    return undefined;
  }
}

/** Counts brackets outside of strings. As far as the text is JSON that is its depth, and no parser goes further than that. */
function isDeeper(text: string, maxLevels: number): boolean {
  let levels = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charAt(i)) {
      case '"':
        i = endOfString(text, i);
        break;
      case '[':
      case '{':
        levels++;
        if (levels > maxLevels) return true;
        break;
      case ']':
      case '}':
        levels--;
        break;
    }
  }
  return false;
}

/** Where the string that begins at `start` has its other quote; the end of the text when it has none. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}
