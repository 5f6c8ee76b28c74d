// What AWS says, as the app gets it: frozen, and typed as the app says that it is.

import { IotError } from '../protocol/errors.ts';
import type {
  DeltaMessage,
  DocumentMessage,
  DocumentsMessage,
  DocumentVersion,
  ShadowMetadata,
} from '../protocol/shadow-messages.ts';
import { isJsonObject, type JsonObject } from '../protocol/shadow-state.ts';
import type { AcceptedUpdate, ShadowDelta, ShadowDocument, ShadowDocuments, ShadowPart } from './shadow.ts';
import { frozen } from './shadow-copy.ts';
import type { AcceptedAnswer } from './shadow-requests.ts';

/** @param check throws for a section that the app's schema refuses */
export function documentFrom<T>(
  answer: AcceptedAnswer,
  check: (section: string, value: JsonObject | undefined) => void,
): ShadowDocument<T> {
  if (answer.kind !== 'get/accepted') throw mixedUp();
  const { desired, reported, delta } = answer.state;
  check('desired', desired);
  check('reported', reported);
  check('delta', delta);
  const { state, version, metadata, timestamp } = answer;
  return shared({ state, version, metadata, timestamp }) as ShadowDocument<T>;
}

export function acceptedUpdate<T>(answer: AcceptedAnswer): AcceptedUpdate<T> {
  if (answer.kind !== 'update/accepted') throw mixedUp();
  const { state, version, metadata, timestamp, clientToken = '' } = answer;
  return shared({
    state,
    version,
    metadata,
    timestamp,
    clientToken,
  }) as AcceptedUpdate<T>;
}

/** All that is outstanding, from a delta or from the document. */
export function deltaFrom<T>(message: DeltaMessage | DocumentMessage): ShadowDelta<T> {
  const { version, timestamp } = message;
  const isDelta = message.kind === 'update/delta';
  const state = (isDelta ? message.state : (message.state.delta ?? {})) as ShadowPart<T>;
  const of = isDelta ? message.metadata : message.metadata?.['delta'];
  const metadata: ShadowMetadata | undefined = isJsonObject(of) ? of : undefined;
  return shared({ state, version, metadata, timestamp }) as ShadowDelta<T>;
}

export function documentsFrom<T>({
  previous,
  current,
  timestamp,
  clientToken,
}: DocumentsMessage): ShadowDocuments<T> {
  return shared({
    previous: previous === null ? null : versionFrom<T>(previous),
    current: versionFrom<T>(current),
    timestamp,
    clientToken,
  }) as ShadowDocuments<T>;
}

function versionFrom<T>({ state, version, metadata }: DocumentVersion): ShadowDocument<T> {
  return shared({ state, version, metadata }) as ShadowDocument<T>;
}

/** Without the fields that are not there, and frozen: the local copy and every handler share it. */
function shared(fields: Readonly<Record<string, unknown>>): object {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return frozen(Object.fromEntries(present) as JsonObject);
}

function mixedUp(): IotError {
  return new IotError('INTERNAL', 'an answer of another kind came to a request');
}
