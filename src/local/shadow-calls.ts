import { invalid } from '../protocol/errors.ts';
import type { AcceptedMessage, DeletedMessage, DocumentMessage } from '../protocol/shadow-messages.ts';
import { ShadowRejectedError } from '../protocol/shadow-rejection.ts';
import type { SectionsChange } from '../protocol/shadow-state.ts';
import {
  type ShadowAddress,
  type ShadowOperationKind,
  validateShadowAddress,
} from '../protocol/shadow-topics.ts';
import type { ShadowService } from './shadow-service.ts';

/** A shadow of the local core: the classic one of a thing, or one that has a name. */
export interface LocalShadowAddress {
  readonly thingName: string;
  /** Left out: the classic shadow. */
  readonly shadowName?: string | undefined;
}

/** The body of an update, as AWS takes it. */
export interface LocalShadowUpdate {
  /** Objects are merged, `null` removes. */
  readonly state: SectionsChange;
  /** The version that the shadow must have. */
  readonly version?: number;
  /** Comes back with the answer. */
  readonly clientToken?: string;
}

/** The body of `get/accepted`. */
export type LocalShadowDocument = Omit<DocumentMessage, 'kind'>;
/** The body of `update/accepted`. */
export type LocalShadowAccepted = Omit<AcceptedMessage, 'kind'>;
/** The body of `delete/accepted`. */
export type LocalShadowDeleted = Omit<DeletedMessage, 'kind'>;

/**
 * The shadows of a local core as its console shows them. What changes here is told to devices in messages, as on AWS; neither
 * rates nor faults stop it.
 */
export class LocalShadows {
  readonly #service: ShadowService;

  /** @internal */
  constructor(service: ShadowService) {
    this.#service = service;
  }

  /** The document as `get/accepted` has it; undefined when there is none. */
  get(address: LocalShadowAddress): LocalShadowDocument | undefined {
    const reply = this.#service.ask(checked(address), 'get', Buffer.alloc(0));
    return reply.refusal === undefined ? (copyOf(reply.body) as LocalShadowDocument) : undefined;
  }

  /** @throws ShadowRejectedError when AWS would refuse it */
  update(address: LocalShadowAddress, request: LocalShadowUpdate): LocalShadowAccepted {
    return this.#ask(address, 'update', request) as LocalShadowAccepted;
  }

  /** @throws ShadowRejectedError when AWS would refuse it */
  delete(address: LocalShadowAddress, request: { readonly clientToken?: string } = {}): LocalShadowDeleted {
    return this.#ask(address, 'delete', request) as LocalShadowDeleted;
  }

  /** The names of a thing's named shadows, sorted. */
  list(thingName: string): string[] {
    return this.#service.names(checked({ thingName }).thingName);
  }

  #ask(address: LocalShadowAddress, operation: ShadowOperationKind, request: object): unknown {
    const { refusal, body } = this.#service.ask(checked(address), operation, payloadOf(request));
    if (refusal !== undefined) throw new ShadowRejectedError(operation, refusal);
    return copyOf(body);
  }
}

function checked(address: unknown): ShadowAddress {
  if (typeof address !== 'object' || address === null) {
    throw invalid('address', 'an object { thingName, shadowName }', address);
  }
  const { thingName, shadowName } = address as Partial<Record<string, unknown>>;
  return validateShadowAddress(thingName, shadowName);
}

function payloadOf(request: unknown): Uint8Array {
  if (typeof request !== 'object' || request === null) throw invalid('request', 'an object', request);
  try {
    return Buffer.from(JSON.stringify(request));
  } catch {
    throw invalid('request', 'something that JSON can say', request);
  }
}

/** So that nobody holds what the shadow is made of. */
const copyOf = (body: object): unknown => JSON.parse(JSON.stringify(body));
