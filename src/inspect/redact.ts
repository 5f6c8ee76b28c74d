import { Handle } from '../protocol/handle.ts';
import type { Shown } from './feed.ts';
import { type PayloadMode, payloadSize } from './payload-size.ts';
import { cut, isSecretName, namesSecret, REDACTED, withoutControls, withoutSecrets } from './secret-text.ts';

export type { PayloadMode };

/** What is shown of one value, at most. */
const MAX_DEPTH = 6;
const MAX_ITEMS = 100;
const MAX_CHARACTERS = 512;
const MAX_KEY_CHARACTERS = 128;
const MAX_PAYLOAD_CHARACTERS = 256;
/** A longer text that is JSON is looked at as any other text. */
const MAX_PARSED_CHARACTERS = 32_768;
/** Of all that is inside of it together: objects in objects would come to billions. */
const MAX_VALUES = 1_000;
const MAX_TOTAL_CHARACTERS = 16_384;

const UNREADABLE = '[unreadable]';
const MORE = '…';

/** What they hold is a payload, whatever it is. */
const PAYLOAD_KEYS = new Set([
  'payload',
  'document',
  'output',
  'userProperties',
  'correlationData',
  'metadata',
]);
/** They are words and numbers elsewhere: of a shadow they are objects. */
const SHADOW_KEYS = new Set(['state', 'desired', 'reported', 'delta']);

/** What a pair is called by, whose other half is `value`. */
const NAMING_KEYS = new Set(['name', 'key', 'header']);

/**
 * Makes the function through which goes whatever an inspector shows: it gives back bounded plain JSON without secrets, and with as much
 * of payloads as was asked for. It takes any value, and never throws.
 */
export function redactor({ payloads, share = 1 }: RedactorOptions): (value: unknown) => Shown {
  return (value) => new Walk(payloads, share).show(value);
}

export interface RedactorOptions {
  readonly payloads: PayloadMode;
  /** Of what is shown of one value altogether, how much: for what there are many of. Default: all. */
  readonly share?: number;
}

interface Place {
  readonly depth: number;
  /** The objects that the value stands in. */
  readonly inside: readonly object[];
  /** Whether it is part of a payload that is shown: then only secrets are hidden. */
  readonly inPayload: boolean;
}

/** One value on its way; it keeps the books of what has been shown. */
class Walk {
  readonly #payloads: PayloadMode;
  #valuesLeft: number;
  #charactersLeft: number;

  constructor(payloads: PayloadMode, share: number) {
    this.#payloads = payloads;
    this.#valuesLeft = MAX_VALUES * share;
    this.#charactersLeft = MAX_TOTAL_CHARACTERS * share;
  }

  show(value: unknown): Shown {
    return this.#show(value, { depth: 0, inside: [], inPayload: false });
  }

  #show(value: unknown, place: Place): Shown {
    this.#valuesLeft -= 1;
    if (this.#valuesLeft < 0 || this.#charactersLeft < 0) return MORE;
    try {
      return this.#plain(value, place);
    } catch {
      // A getter, a proxy, a class that breaks what it inherits.
      return UNREADABLE;
    }
  }

  #plain(value: unknown, place: Place): Shown {
    switch (typeof value) {
      case 'string':
        return this.#text(value, MAX_CHARACTERS, place);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
        return value;
      case 'bigint':
        return this.#text(`${value}n`, MAX_CHARACTERS, place);
      case 'symbol':
        return this.#text(String(value), MAX_CHARACTERS, place);
      case 'undefined':
        return '[undefined]';
      case 'function':
        return '[function]';
      default:
        return value === null ? null : this.#object(value as object, place);
    }
  }

  /** Keeps the books of each text, which is looked at in full also where little of it is shown. */
  #text(text: string, characters: number, place: Place): string {
    const shown = cut(withoutControls(this.#json(text, place) ?? withoutSecrets(text)), characters);
    this.#charactersLeft -= shown.length;
    return shown;
  }

  /** Of JSON in a text the keys say what is secret, more exactly than its shape; undefined for what is none. */
  #json(text: string, place: Place): string | undefined {
    if (!/^\s*[[{]/.test(text) || text.length > MAX_PARSED_CHARACTERS) return undefined;
    try {
      return JSON.stringify(this.#show(JSON.parse(text), { ...place, depth: place.depth + 1 }));
    } catch {
      return undefined;
    }
  }

  #object(value: object, place: Place): Shown {
    const { depth, inside } = place;
    if (inside.includes(value)) return '[cyclic]';
    const whole = asOneWord(value);
    if (whole !== undefined) return this.#text(whole, MAX_CHARACTERS, place);
    if (depth >= MAX_DEPTH) return Array.isArray(value) ? '[array]' : '[object]';
    const within = { ...place, depth: depth + 1, inside: [...inside, value] };
    if (Array.isArray(value)) return this.#array(value, within);
    if (value instanceof Set) return this.#array([...first(value)], within, value.size);
    if (value instanceof Map) return this.#map(value, within);
    if (value instanceof Error) return this.#fields(errorFields(value), 0, within);
    const keys = isMachineSnapshot(value) ? SNAPSHOT_KEYS : Object.keys(value);
    const fields = keys
      .slice(0, MAX_ITEMS)
      .map((key) => [key, () => value[key as keyof typeof value]] as const);
    return this.#fields(fields, keys.length, within);
  }

  #array(items: readonly unknown[], place: Place, length = items.length): Shown {
    const shown: Shown[] = [];
    for (let i = 0; i < Math.min(items.length, MAX_ITEMS); i++) {
      // The headers of HTTP come as one list, and as pairs.
      shown.push(i > 0 && isSecretName(items[i - 1]) ? REDACTED : this.#show(items[i], place));
    }
    if (length > MAX_ITEMS) shown.push(`${MORE} ${length - MAX_ITEMS} more`);
    return shown;
  }

  #map(map: ReadonlyMap<unknown, unknown>, place: Place): Shown {
    const entries = [...first(map)];
    const fields = entries.map(([key, item], index) => {
      const name = typeof key === 'string' ? key : this.#nameOf(key, index, place);
      return [name, () => item] as const;
    });
    return this.#fields(fields, map.size, place);
  }

  #nameOf(key: unknown, index: number, place: Place): string {
    const shown = this.#show(key, place);
    return typeof shown === 'object' ? `[key ${index}]` : String(shown);
  }

  /** Each field is read on its own, so that one that cannot be read does not hide the others. */
  #fields(fields: readonly Field[], size: number, place: Place): Shown {
    const read = fields.map(([key, field]) => [key, readable(field)] as const);
    const kind = kindOf(read);
    const shown: [string, Shown][] = [];
    for (const [key, value] of read) {
      if (value !== undefined) shown.push([this.#key(key), this.#field(key, value, kind, place)]);
    }
    if (size > MAX_ITEMS) shown.push([MORE, `${size - MAX_ITEMS} more`]);
    // Unlike an assignment this makes `__proto__` a field like any other.
    return Object.fromEntries(shown);
  }

  #key(key: string): string {
    const shown = cut(withoutControls(withoutSecrets(key)), MAX_KEY_CHARACTERS);
    this.#charactersLeft -= shown.length;
    return shown;
  }

  #field(key: string, value: unknown, kind: Kind, place: Place): Shown {
    if (value !== null && typeof value !== 'boolean') {
      if (namesSecret(key) || (key.toLowerCase() === 'value' && kind.isOfSecret)) return REDACTED;
      if (!place.inPayload && isPayload(key, value, kind)) return this.#payload(key, value, place);
    }
    if (/^user-?name$/i.test(key) && typeof value === 'string') return this.#show(value.split('?')[0], place);
    return this.#show(value, place);
  }

  #payload(key: string, given: unknown, place: Place): Shown {
    if (this.#payloads === 'none') return '[payload]';
    const value = key === 'document' && given instanceof Handle ? Handle.open<unknown>(given) : given;
    if (this.#payloads === 'size') return `[payload: ${payloadSize(value)} bytes]`;
    const within = { ...place, inPayload: true };
    const text = value instanceof Uint8Array ? decoded(value) : value;
    if (typeof text === 'string') return this.#text(text, MAX_PAYLOAD_CHARACTERS, within);
    const shown = this.#show(text, within);
    if (typeof shown !== 'object' || shown === null) return shown;
    const json = JSON.stringify(shown);
    return json.length > MAX_PAYLOAD_CHARACTERS ? cut(json, MAX_PAYLOAD_CHARACTERS) : shown;
  }
}

type Field = readonly [key: string, read: () => unknown];

/** What some fields of an object say about the others. */
interface Kind {
  /** It says a name and a value, and the name is one of a secret. */
  readonly isOfSecret: boolean;
  /** Something that an actor of XState has given, such as a promise. */
  readonly isResult: boolean;
}

function kindOf(fields: readonly (readonly [key: string, value: unknown])[]): Kind {
  let isOfSecret = false;
  let isResult = false;
  for (const [key, value] of fields) {
    if (NAMING_KEYS.has(key.toLowerCase())) isOfSecret ||= isSecretName(value);
    if (key === 'type') isResult = typeof value === 'string' && value.startsWith('xstate.');
  }
  return { isOfSecret, isResult };
}

function readable(field: () => unknown): unknown {
  try {
    return field();
  } catch {
    return UNREADABLE;
  }
}

function isPayload(key: string, value: unknown, kind: Kind): boolean {
  if (PAYLOAD_KEYS.has(key)) return true;
  if (SHADOW_KEYS.has(key)) return typeof value === 'object';
  if (key === 'data') return kind.isResult && !(value instanceof Error);
  // A message of MQTT that shows its topic has a payload of its own to hide.
  return key === 'message' && typeof value === 'object' && value !== null && !Object.hasOwn(value, 'topic');
}

/** What is shown by one word, because it leads to everything, or to nothing; undefined for what is opened. */
function asOneWord(value: object): string | undefined {
  if (value instanceof Handle) return '[handle]';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[invalid date]' : value.toISOString();
  if (value instanceof URL || value instanceof RegExp) return String(value);
  if (value instanceof Promise) return '[promise]';
  return partOfXState(value);
}

/** Known by what it can do, because an app may have another copy of XState than this package. */
function partOfXState(value: object): string | undefined {
  const { getSnapshot, sessionId, id, getInitialSnapshot } = value as Record<string, unknown>;
  if (typeof getSnapshot === 'function' && typeof sessionId === 'string') {
    return typeof id === 'string' ? `[actor ${id}]` : '[actor]';
  }
  return typeof getInitialSnapshot === 'function' ? '[logic]' : undefined;
}

/** What of the snapshot of a machine is its own; the rest are definitions and other actors. */
const SNAPSHOT_KEYS = ['status', 'value', 'context', 'output', 'error'];
const isMachineSnapshot = (value: object): boolean => '_nodes' in value && 'machine' in value;

/** Of an error nothing is enumerable that says what it is. */
function errorFields(error: Error): Field[] {
  const own = Object.keys(error).slice(0, MAX_ITEMS);
  const named = [
    'name',
    'message',
    ...own.filter((key) => key !== 'name' && key !== 'message'),
    'cause',
    'errors',
  ];
  return [...new Set(named)].map((key) => [key, () => error[key as keyof Error]]);
}

function* first<T>(items: Iterable<T>): Iterable<T> {
  let left = MAX_ITEMS;
  for (const item of items) {
    if (left-- === 0) return;
    yield item;
  }
}

const utf8 = new TextDecoder();
/** No more of it than would be looked at is read. */
const decoded = (bytes: Uint8Array): string => utf8.decode(bytes.subarray(0, MAX_PARSED_CHARACTERS + 1));
