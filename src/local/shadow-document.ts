import type { ShadowMetadata } from '../protocol/shadow-messages.ts';
import { REJECTION_CODES } from '../protocol/shadow-rejection.ts';
import {
  deltaOf,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  mergeSections,
  type SectionsChange,
  type ShadowSections,
  sectionsBytes,
} from '../protocol/shadow-state.ts';
import { ShadowRefusal, tooLarge } from './shadow-errors.ts';
import type { UpdateRequest } from './shadow-request.ts';

/** A document as AWS keeps it, in the order in which AWS shows it. */
export interface ShadowDocument {
  readonly state: ShadowSections;
  readonly metadata: ShadowMetadata;
  readonly version: number;
}

/** What an answer says beside the document. */
export interface AnswerFacts {
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly clientToken: string | undefined;
}

/** The keys of a message in the order in which AWS writes them. */
type Message = Readonly<Record<string, unknown>>;

/**
 * What an update makes of a shadow.
 *
 * @param previous Undefined when there is none
 * @param lastVersion That of `previous`; or where the counter of a deleted shadow stands, or 0
 * @throws ShadowRefusal
 */
export function updated(
  previous: ShadowDocument | undefined,
  lastVersion: number,
  { state: change, version }: UpdateRequest,
  { timestamp, maxBytes }: { readonly timestamp: number; readonly maxBytes: number },
): ShadowDocument {
  checkVersion(version, lastVersion);
  const { sections: state } = mergeSections(previous?.state ?? {}, change);
  const bytes = sectionsBytes(state);
  if (bytes > maxBytes) throw tooLarge(bytes, maxBytes);
  const metadata = metadataOf(state, change, previous?.metadata, timestamp);
  return { state, metadata, version: lastVersion + 1 };
}

function checkVersion(version: number | undefined, lastVersion: number): void {
  if (version === undefined || version === lastVersion) return;
  if (lastVersion > 0) throw new ShadowRefusal(REJECTION_CODES.conflict);
  // AWS does not say what it makes of a version for a shadow that never was. As AWS IoT Greengrass does: only 1.
  if (version !== 1) throw new ShadowRefusal(400, 'Invalid version');
}

/** `get/accepted`. */
export function getAccepted({ state, metadata, version }: ShadowDocument, facts: AnswerFacts): Message {
  const delta = deltaOf(state);
  if (delta === undefined) return { state, metadata, version, ...closing(facts) };
  return {
    state: { ...state, delta },
    metadata: { ...metadata, delta: deltaMetadata(delta, metadata) },
    version,
    ...closing(facts),
  };
}

/** `update/accepted`: what was asked for, and no more. */
export function updateAccepted(
  change: SectionsChange,
  { version }: ShadowDocument,
  facts: AnswerFacts,
): Message {
  return { state: change, metadata: stamped(change, facts.timestamp), version, ...closing(facts) };
}

/** `update/delta`: all that is desired and not reported; undefined when there is nothing. */
export function deltaMessage(
  { state, metadata, version }: ShadowDocument,
  { timestamp, clientToken }: AnswerFacts,
): Message | undefined {
  const delta = deltaOf(state);
  if (delta === undefined) return undefined;
  return { version, timestamp, state: delta, metadata: deltaMetadata(delta, metadata), ...echo(clientToken) };
}

/** `update/documents`. */
export function documentsMessage(
  previous: ShadowDocument | undefined,
  current: ShadowDocument,
  facts: AnswerFacts,
): Message {
  return { previous: previous ?? null, current, ...closing(facts) };
}

/** `delete/accepted`. */
export function deleteAccepted({ version }: ShadowDocument, facts: AnswerFacts): Message {
  return { version, ...closing(facts) };
}

/** Any `rejected`. */
export function rejected({ code, message }: ShadowRefusal, clientToken: string | undefined): Message {
  return { code, message, ...echo(clientToken) };
}

const closing = ({ timestamp, clientToken }: AnswerFacts): Message => ({ timestamp, ...echo(clientToken) });

const echo = (clientToken: string | undefined): Message => (clientToken === undefined ? {} : { clientToken });

/** The metadata of the merged state: of what the update brought from now, of all else as it was. */
function metadataOf(
  state: ShadowSections,
  change: SectionsChange,
  previous: ShadowMetadata | undefined,
  timestamp: number,
): ShadowMetadata {
  // A change to null leaves no section that could have metadata.
  return carried(state as JsonObject, change ?? {}, previous, timestamp) as ShadowMetadata;
}

function carried(
  value: JsonValue,
  change: JsonValue | undefined,
  previous: JsonValue | undefined,
  timestamp: number,
): JsonValue {
  if (change === undefined) return previous ?? stamped(value, timestamp);
  if (!isJsonObject(value) || !isJsonObject(change)) return stamped(value, timestamp);
  return mapped(value, (inner, key) => carried(inner, own(change, key), own(previous, key), timestamp));
}

/** One timestamp for each leaf, in arrays for each element. A `null` that removes is a leaf too. */
function stamped(value: JsonValue, timestamp: number): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => stamped(item, timestamp));
  return isJsonObject(value) ? mapped(value, (inner) => stamped(inner, timestamp)) : { timestamp };
}

/** The metadata of what is desired, as far as it is in the delta. */
function deltaMetadata(delta: JsonObject, { desired }: ShadowMetadata): JsonValue {
  const pick = (value: JsonValue, metadata: JsonValue | undefined): JsonValue =>
    isJsonObject(value) ? mapped(value, (inner, key) => pick(inner, own(metadata, key))) : (metadata ?? {});
  return pick(delta, desired);
}

/** `fromEntries` defines what it sets: `__proto__` becomes a key like any other. */
function mapped(object: JsonObject, map: (value: JsonValue, key: string) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));
}

function own(object: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(object) && Object.hasOwn(object, key) ? object[key] : undefined;
}
