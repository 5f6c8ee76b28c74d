import { type JsonFault, readJson } from './bounded-json.ts';
import { IotError } from './errors.ts';
import { AWS_LIMITS } from './limits.ts';
import type { Rejection } from './shadow-rejection.ts';
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type SectionsChange,
  SHADOW_SECTIONS,
  type ShadowSections,
} from './shadow-state.ts';
import type { ShadowMessageKind } from './shadow-topics.ts';

/** What each leaf's metadata has, nested as the state is: `{ timestamp }`, in seconds since the epoch. */
export type ShadowMetadata = JsonObject;

interface Answer {
  /** The token of the request, when it had one. */
  readonly clientToken?: string;
  /** Seconds since the epoch. */
  readonly timestamp?: number;
}

/** The whole document: `get/accepted`. */
export interface DocumentMessage extends Answer {
  readonly kind: 'get/accepted';
  readonly version: number;
  readonly state: ShadowSections & { readonly delta?: JsonObject };
  readonly metadata?: ShadowMetadata;
}

/** What was changed: `update/accepted`. */
export interface AcceptedMessage extends Answer {
  readonly kind: 'update/accepted';
  readonly version: number;
  /** As it was asked for, `null`s included. */
  readonly state: SectionsChange;
  readonly metadata?: ShadowMetadata;
}

/** The shadow is gone: `delete/accepted`. */
export interface DeletedMessage extends Answer {
  readonly kind: 'delete/accepted';
  /** The one that the document had. */
  readonly version: number;
}

export interface RejectedMessage extends Answer {
  readonly kind: 'get/rejected' | 'update/rejected' | 'delete/rejected';
  readonly rejection: Rejection;
}

/** What is desired and not reported: `update/delta`. */
export interface DeltaMessage extends Answer {
  readonly kind: 'update/delta';
  readonly version: number;
  readonly state: JsonObject;
  readonly metadata?: ShadowMetadata;
}

/** A document before or after an update. */
export interface DocumentVersion {
  readonly state: ShadowSections;
  readonly metadata?: ShadowMetadata;
  readonly version: number;
}

/** The document before and after an update: `update/documents`. */
export interface DocumentsMessage extends Answer {
  readonly kind: 'update/documents';
  /** Null when the update made the shadow. */
  readonly previous: DocumentVersion | null;
  readonly current: DocumentVersion;
}

export type ShadowMessage =
  | DocumentMessage
  | AcceptedMessage
  | DeletedMessage
  | RejectedMessage
  | DeltaMessage
  | DocumentsMessage;

/** State and metadata with what stands around them is well within these levels. */
const BOUNDS = { maxBytes: AWS_LIMITS.payloadBytes, maxLevels: 32 };

const MUST_BE: Readonly<Record<JsonFault, string>> = {
  tooLarge: `be of at most ${BOUNDS.maxBytes} bytes`,
  tooDeep: `have at most ${BOUNDS.maxLevels} levels`,
  notUtf8: 'be UTF-8',
  notJson: 'be JSON',
};
const VERSION = 'have a version, a whole number';

/**
 * Reads what came on a topic of a shadow. What is not what AWS documents (no JSON, no version, state that is no object, …) is an
 * error `INVALID_DOCUMENT` that says what was expected and shows nothing of the payload. Never throws.
 */
export function readShadowMessage(kind: ShadowMessageKind, payload: Uint8Array): ShadowMessage | IotError {
  const reading = readJson(payload, BOUNDS);
  if ('fault' in reading) return unexpected(kind, MUST_BE[reading.fault]);
  if (!isJsonObject(reading.value)) return unexpected(kind, 'be a JSON object');
  return readBody(kind, reading.value);
}

function readBody(kind: ShadowMessageKind, body: JsonObject): ShadowMessage | IotError {
  switch (kind) {
    case 'get/accepted':
      return readDocument(kind, body);
    case 'update/accepted':
      return readAccepted(kind, body);
    case 'update/delta':
      return readDelta(kind, body);
    case 'update/documents':
      return readDocuments(kind, body);
    case 'delete/accepted':
      return readDeleted(kind, body);
    case 'get/rejected':
    case 'update/rejected':
    case 'delete/rejected':
      return readRejected(kind, body);
  }
}

function readDocument(kind: DocumentMessage['kind'], body: JsonObject): DocumentMessage | IotError {
  const { version } = body;
  if (!isWholeNumber(version)) return unexpected(kind, VERSION);
  const state = sectionsOf(body['state'], [...SHADOW_SECTIONS, 'delta'], isJsonObject);
  if (state === undefined) return unexpected(kind, 'have a state of which each section is an object');
  return { kind, version, state, ...metadataOf(body), ...answerOf(body) };
}

function readAccepted(kind: AcceptedMessage['kind'], body: JsonObject): AcceptedMessage | IotError {
  const { version } = body;
  if (!isWholeNumber(version)) return unexpected(kind, VERSION);
  const state = body['state'] === null ? null : sectionsOf(body['state'], SHADOW_SECTIONS, isObjectOrNull);
  if (state === undefined) return unexpected(kind, 'have a state of which each section is an object or null');
  return { kind, version, state, ...metadataOf(body), ...answerOf(body) };
}

function readDelta(kind: DeltaMessage['kind'], body: JsonObject): DeltaMessage | IotError {
  const { version, state } = body;
  if (!isWholeNumber(version)) return unexpected(kind, VERSION);
  if (!isJsonObject(state)) return unexpected(kind, 'have a state that is an object');
  return { kind, version, state, ...metadataOf(body), ...answerOf(body) };
}

function readDocuments(kind: DocumentsMessage['kind'], body: JsonObject): DocumentsMessage | IotError {
  const previous = body['previous'] === null ? null : versionOf(body['previous']);
  const current = versionOf(body['current']);
  if (previous === undefined || current === undefined) {
    return unexpected(
      kind,
      'have current and previous, documents with state and version; previous may be null',
    );
  }
  return { kind, previous, current, ...answerOf(body) };
}

function readDeleted(kind: DeletedMessage['kind'], body: JsonObject): DeletedMessage | IotError {
  const { version } = body;
  if (!isWholeNumber(version)) return unexpected(kind, VERSION);
  return { kind, version, ...answerOf(body) };
}

function readRejected(kind: RejectedMessage['kind'], body: JsonObject): RejectedMessage | IotError {
  const { code, message } = body;
  if (!isWholeNumber(code)) return unexpected(kind, 'have a code, a whole number');
  return {
    kind,
    rejection: { code, message: typeof message === 'string' ? message : '' },
    ...answerOf(body),
  };
}

function versionOf(value: JsonValue | undefined): DocumentVersion | undefined {
  if (!isJsonObject(value)) return undefined;
  const { version } = value;
  // What stands here when both sections are empty is not documented: `{}`, `null`, or nothing.
  const state = sectionsOf(value['state'] ?? {}, SHADOW_SECTIONS, isJsonObject);
  return state === undefined || !isWholeNumber(version)
    ? undefined
    : { state, version, ...metadataOf(value) };
}

/** The named sections of a state, and of the rest nothing; undefined when one is not what it must be. */
function sectionsOf<Name extends string, Section>(
  state: JsonValue | undefined,
  names: readonly Name[],
  isSection: (value: JsonValue) => value is Section & JsonValue,
): { [N in Name]?: Section } | undefined {
  if (!isJsonObject(state)) return undefined;
  const sections: { [N in Name]?: Section } = {};
  for (const name of names) {
    const section = state[name];
    if (section === undefined) continue;
    if (!isSection(section)) return undefined;
    sections[name] = section;
  }
  return sections;
}

function metadataOf({ metadata }: JsonObject): { metadata?: ShadowMetadata } {
  return isJsonObject(metadata) ? { metadata } : {};
}

function answerOf({ clientToken, timestamp }: JsonObject): Answer {
  return {
    ...(typeof clientToken === 'string' ? { clientToken } : {}),
    ...(typeof timestamp === 'number' ? { timestamp } : {}),
  };
}

function isWholeNumber(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isObjectOrNull(value: JsonValue): value is JsonObject | null {
  return value === null || isJsonObject(value);
}

function unexpected(kind: ShadowMessageKind, expectation: string): IotError {
  return new IotError('INVALID_DOCUMENT', `what came on ${kind} of a shadow must ${expectation}`);
}
