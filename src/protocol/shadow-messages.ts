import type { IotError } from './errors.ts';
import type { Rejection } from './shadow-rejection.ts';
import type { JsonObject, SectionsChange, ShadowSections } from './shadow-state.ts';
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

export interface DeletedMessage extends Answer {
  readonly kind: 'delete/accepted';
  /** Undefined when AWS did not say. */
  readonly version?: number;
}

export interface RejectedMessage extends Answer {
  readonly kind: 'get/rejected' | 'update/rejected' | 'delete/rejected';
  readonly rejection: Rejection;
}

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

/**
 * Reads what came on a topic of a shadow. What is not what AWS documents (no JSON, no version, state that is no object, …) is an
 * error `INVALID_DOCUMENT` that says what was expected and shows nothing of the payload. Never throws.
 */
export declare function readShadowMessage(
  kind: ShadowMessageKind,
  payload: Uint8Array,
): ShadowMessage | IotError;
