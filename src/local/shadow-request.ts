import { type JsonFault, readJson } from '../protocol/bounded-json.ts';
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  levelsOf,
  type SectionsChange,
} from '../protocol/shadow-state.ts';
import type { ShadowOperationKind } from '../protocol/shadow-topics.ts';
import { utf8Bytes } from '../protocol/utf8.ts';
import type { LocalIotCoreLimits } from './limits.ts';
import { ShadowRefusal, tooDeep } from './shadow-errors.ts';

/** What an update asks for. */
export interface UpdateRequest {
  /** As it was sent, `null`s included. */
  readonly state: SectionsChange;
  /** The version that the shadow must have. */
  readonly version: number | undefined;
}

/** Deeper is not read, whatever the limit: so deep, what looks at it could exhaust the stack. */
const DEEPEST_LEVELS = 100;
/** The request itself and `state`, around each section. */
const LEVELS_AROUND = 2;

/**
 * Reads the payload of a request. Undefined for a get or a delete without one.
 *
 * @throws ShadowRefusal
 */
export function readBody(
  operation: ShadowOperationKind,
  payload: Uint8Array,
  { payloadBytes, shadowLevels }: LocalIotCoreLimits,
): JsonValue | undefined {
  if (payload.length === 0 && operation !== 'update') return undefined;
  const reading = readJson(payload, { maxBytes: payloadBytes, maxLevels: DEEPEST_LEVELS + LEVELS_AROUND });
  if ('value' in reading) return reading.value;
  throw refusalOf(reading.fault, shadowLevels);
}

function refusalOf(fault: JsonFault, maxLevels: number): ShadowRefusal {
  switch (fault) {
    case 'tooLarge':
      return new ShadowRefusal(413);
    case 'tooDeep':
      return tooDeep(Math.min(maxLevels, DEEPEST_LEVELS));
    case 'notUtf8':
      return new ShadowRefusal(415);
    case 'notJson':
      return new ShadowRefusal(400, 'Invalid JSON');
  }
}

/** @throws ShadowRefusal */
export function readToken(
  body: JsonValue | undefined,
  { clientTokenBytes }: LocalIotCoreLimits,
): string | undefined {
  const token = field(body, 'clientToken');
  if (token === undefined) return undefined;
  if (typeof token === 'string' && utf8Bytes(token) <= clientTokenBytes) return token;
  throw new ShadowRefusal(400, 'Invalid clientToken');
}

/** @throws ShadowRefusal */
export function readUpdate(body: JsonValue | undefined, { shadowLevels }: LocalIotCoreLimits): UpdateRequest {
  const state = field(body, 'state');
  if (state === undefined) throw new ShadowRefusal(400, 'Missing required node: state');
  return { state: readState(state, shadowLevels), version: readVersion(field(body, 'version')) };
}

function readVersion(version: JsonValue | undefined): number | undefined {
  if (version === undefined) return undefined;
  if (typeof version === 'number' && Number.isInteger(version) && version >= 0) return version;
  throw new ShadowRefusal(400, 'Invalid version');
}

function readState(state: JsonValue, maxLevels: number): SectionsChange {
  if (state === null) return null;
  if (!isJsonObject(state)) throw new ShadowRefusal(400, 'State node must be an object');
  const sections: Record<string, JsonObject | null> = {};
  for (const [name, section] of Object.entries(state)) {
    // AWS computes it, and takes no notice of one that is sent.
    if (name === 'delta') continue;
    if (name !== 'desired' && name !== 'reported') throw invalidNode();
    sections[name] = readSection(name, section, maxLevels);
  }
  return sections;
}

function readSection(name: 'desired' | 'reported', section: JsonValue, maxLevels: number): JsonObject | null {
  if (section === null) return null;
  if (!isJsonObject(section)) {
    throw new ShadowRefusal(400, `${name === 'desired' ? 'Desired' : 'Reported'} node must be an object`);
  }
  if (levelsOf(section) > maxLevels) throw tooDeep(maxLevels);
  if (Object.values(section).some(hasNullInArray)) throw invalidNode();
  return section;
}

/** An array is one value: a `null` in it could remove nothing. */
function hasNullInArray(value: JsonValue): boolean {
  if (isArray(value)) return value.some(hasNull);
  return isJsonObject(value) && Object.values(value).some(hasNullInArray);
}

function hasNull(value: JsonValue): boolean {
  if (value === null) return true;
  return typeof value === 'object' && Object.values(value).some(hasNull);
}

const invalidNode = (): ShadowRefusal => new ShadowRefusal(400, 'State contains an invalid node');

const isArray = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);

/** The own property of an object, of anything else undefined. */
function field(body: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(body) && Object.hasOwn(body, name) ? body[name] : undefined;
}
