import type { Clock, Timer } from '../protocol/clock.ts';
import { describe, IotError } from '../protocol/errors.ts';
import { REJECTION_CODES } from '../protocol/shadow-rejection.ts';
import type { JsonValue } from '../protocol/shadow-state.ts';
import {
  SHADOW_OPERATIONS,
  type ShadowAddress,
  type ShadowMessageKind,
  type ShadowOperationKind,
  shadowPrefix,
} from '../protocol/shadow-topics.ts';
import type { LocalIotCoreLimits } from './limits.ts';
import {
  type AnswerFacts,
  deleteAccepted,
  deltaMessage,
  documentsMessage,
  getAccepted,
  rejected,
  type ShadowDocument,
  updateAccepted,
  updated,
} from './shadow-document.ts';
import { nameFault, noShadow, ShadowRefusal } from './shadow-errors.ts';
import type { ShadowFaults } from './shadow-faults.ts';
import { ShadowRate } from './shadow-rate.ts';
import { readBody, readToken, readUpdate } from './shadow-request.ts';
import type { ShadowStore, StoredShadow } from './shadow-store.ts';

export interface ShadowPorts {
  readonly limits: LocalIotCoreLimits;
  readonly store: ShadowStore;
  readonly faults: ShadowFaults;
  readonly clock: Clock;
  /** The time of day, in milliseconds since the epoch. */
  wallClock(): number;
  publish(topic: string, payload: string): void;
  /** A shadow is not what it was. */
  changed(): void;
  warn(what: string): void;
}

/** What came of a request. */
export interface ShadowReply {
  readonly refusal?: ShadowRefusal;
  readonly body: object;
}

interface Outcome extends ShadowReply {
  /** What others are told beside the answer, in order. */
  readonly news: readonly News[];
}

interface News {
  readonly kind: ShadowMessageKind;
  readonly body: object;
}

const REQUEST = /^\$aws\/things\/([^/]+)\/shadow(?:\/name\/([^/]+))?\/([a-z]+)$/;

/** AWS forgets the version of a deleted shadow after 48 hours. */
const REMEMBERED_MS = 48 * 60 * 60 * 1_000;

/**
 * The Device Shadow service: requests in, messages out.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
 */
export class ShadowService {
  readonly #ports: ShadowPorts;
  readonly #rate: ShadowRate;
  /** How many requests of each connection have no answer yet. */
  readonly #inFlight = new WeakMap<object, number>();
  readonly #timers = new Set<Timer>();
  #isClosed = false;

  constructor(ports: ShadowPorts) {
    this.#ports = ports;
    this.#rate = new ShadowRate(ports.limits.shadowRequestsPerSecond, () => ports.clock.now());
  }

  /** A client has published: it may be a request, and is answered in messages. */
  published(connection: object, topic: string, payload: Uint8Array): void {
    const request = requestOf(topic);
    if (request === undefined) return;
    const { address, operation } = request;
    const open = this.#inFlight.get(connection) ?? 0;
    const hasRoom = open < this.#ports.limits.shadowRequestsInFlight;
    if (hasRoom) this.#inFlight.set(connection, open + 1);
    const { news, refusal, body } = this.#serve(
      address,
      operation,
      payload,
      () => nameFault(address) ?? this.#refusalOf(address, hasRoom),
    );
    const isLost = this.#ports.faults.takeLoss();
    this.#later(() => {
      if (hasRoom) this.#inFlight.set(connection, (this.#inFlight.get(connection) ?? 0) - 1);
      this.#tell(address, news);
      const answer = refusal === undefined ? 'accepted' : 'rejected';
      if (!isLost) this.#tell(address, [{ kind: `${operation}/${answer}`, body }]);
    });
  }

  /** A request over HTTP. Only what it changed is told in messages, not what was refused. */
  requested(
    address: ShadowAddress,
    operation: ShadowOperationKind,
    payload: Uint8Array,
    answer: (reply: ShadowReply) => void,
  ): void {
    const outcome = this.#serve(address, operation, payload, () => this.#refusalOf(address, true));
    this.#tellLater(address, operation, outcome, () => answer(outcome));
  }

  /** The same from code, which neither rates nor faults stop. Looking is not told: it may be what somebody waits with. */
  ask(address: ShadowAddress, operation: ShadowOperationKind, payload: Uint8Array): ShadowReply {
    if (this.#isClosed && operation !== 'get') {
      throw new IotError('CLOSED', 'the local IoT core was stopped');
    }
    const outcome = this.#serve(address, operation, payload, () => undefined);
    if (operation !== 'get') this.#tellLater(address, operation, outcome);
    return outcome;
  }

  names(thingName: string): string[] {
    return this.#ports.store.names(thingName);
  }

  close(): void {
    this.#isClosed = true;
    this.#ports.store.close();
    for (const timer of this.#timers) this.#ports.clock.clearTimeout(timer);
    this.#timers.clear();
  }

  #refusalOf({ thingName }: ShadowAddress, hasRoom: boolean): ShadowRefusal | undefined {
    const isAllowed = hasRoom && this.#rate.allows(thingName);
    return isAllowed ? this.#ports.faults.takeFailure() : new ShadowRefusal(REJECTION_CODES.tooManyRequests);
  }

  /** @param refusal What to refuse it with whatever it asks for */
  #serve(
    address: ShadowAddress,
    operation: ShadowOperationKind,
    payload: Uint8Array,
    refusal: () => ShadowRefusal | undefined,
  ): Outcome {
    let clientToken: string | undefined;
    try {
      const refused = refusal();
      const body = readBody(operation, payload, this.#ports.limits);
      clientToken = readToken(body, this.#ports.limits);
      if (refused !== undefined) throw refused;
      return this.#carryOut(address, operation, body, {
        timestamp: Math.floor(this.#ports.wallClock() / 1_000),
        clientToken,
      });
    } catch (error) {
      const refused = error instanceof ShadowRefusal ? error : this.#failed(error);
      return { refusal: refused, body: rejected(refused, clientToken), news: [] };
    }
  }

  #failed(error: unknown): ShadowRefusal {
    this.#ports.warn(`could not keep a shadow: ${describe(error instanceof Error ? error.message : error)}`);
    return new ShadowRefusal(500);
  }

  #carryOut(
    address: ShadowAddress,
    operation: ShadowOperationKind,
    body: JsonValue | undefined,
    facts: AnswerFacts,
  ): Outcome {
    if (operation === 'update') return this.#update(address, body, facts);
    const document = this.#ports.store.get(address)?.document;
    if (document === undefined) throw noShadow(address);
    if (operation === 'get') return { body: getAccepted(document, facts), news: [] };
    // A delete takes a number too: who makes the shadow anew gets a greater one than anybody has seen.
    const lastVersion = document.version + 1;
    this.#keep({ address, document: undefined, lastVersion, deletedAt: this.#ports.wallClock() });
    return { body: deleteAccepted(document, facts), news: [] };
  }

  #update(address: ShadowAddress, body: JsonValue | undefined, facts: AnswerFacts): Outcome {
    const { limits, store } = this.#ports;
    const request = readUpdate(body, limits);
    const stored = this.#remembered(store.get(address));
    const previous = stored?.document;
    const document = updated(previous, stored?.lastVersion ?? 0, request, {
      timestamp: facts.timestamp,
      maxBytes: limits.shadowDocumentBytes,
    });
    this.#keep({ address, document, lastVersion: document.version, deletedAt: undefined });
    return { body: updateAccepted(request.state, document, facts), news: newsOf(previous, document, facts) };
  }

  #remembered(stored: StoredShadow | undefined): StoredShadow | undefined {
    const { deletedAt } = stored ?? {};
    const isForgotten = deletedAt !== undefined && this.#ports.wallClock() - deletedAt >= REMEMBERED_MS;
    return isForgotten ? undefined : stored;
  }

  #keep(shadow: StoredShadow): void {
    this.#ports.store.set(shadow);
    this.#ports.changed();
  }

  #tellLater(
    address: ShadowAddress,
    operation: ShadowOperationKind,
    { refusal, body, news }: Outcome,
    told = (): void => {},
  ): void {
    this.#later(() => {
      if (refusal === undefined) this.#tell(address, [...news, { kind: `${operation}/accepted`, body }]);
      told();
    });
  }

  #tell(address: ShadowAddress, news: readonly News[]): void {
    const prefix = shadowPrefix(address);
    for (const { kind, body } of news) this.#ports.publish(`${prefix}/${kind}`, JSON.stringify(body));
  }

  /** In a later turn, so that requests that came together are in flight together. */
  #later(task: () => void): void {
    const { clock, faults } = this.#ports;
    if (faults.delayMs === 0) {
      setImmediate(() => this.#isClosed || task());
      return;
    }
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, faults.delayMs);
    this.#timers.add(timer);
  }
}

function newsOf(
  previous: ShadowDocument | undefined,
  document: ShadowDocument,
  facts: AnswerFacts,
): readonly News[] {
  const delta = deltaMessage(document, facts);
  const documents: News = { kind: 'update/documents', body: documentsMessage(previous, document, facts) };
  return delta === undefined ? [documents] : [{ kind: 'update/delta', body: delta }, documents];
}

/** The names in it may be such as AWS does not take. */
function requestOf(topic: string): { address: ShadowAddress; operation: ShadowOperationKind } | undefined {
  const [, thingName, shadowName, name] = REQUEST.exec(topic) ?? [];
  const operation = SHADOW_OPERATIONS.find((known) => known === name);
  if (thingName === undefined || operation === undefined) return undefined;
  return { address: { thingName, shadowName }, operation };
}
