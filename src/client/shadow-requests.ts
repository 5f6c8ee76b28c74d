import type { Outbox } from '../delivery/outbox.ts';
import type { RequestSlots } from '../delivery/request-slots.ts';
import type { ListeningFact, ShadowOperationPorts, WatchLine } from '../machines/shadow-operation.types.ts';
import { invalid } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import type { OutgoingMessage } from '../protocol/message.ts';
import { randomId } from '../protocol/random-id.ts';
import type {
  AcceptedMessage,
  DeletedMessage,
  DocumentMessage,
  RejectedMessage,
} from '../protocol/shadow-messages.ts';
import { ShadowRejectedError } from '../protocol/shadow-rejection.ts';
import type { SectionsChange } from '../protocol/shadow-state.ts';
import type { ShadowAddress, ShadowOperationKind } from '../protocol/shadow-topics.ts';
import type { ShadowFilters } from './shadow-filters.ts';
import { requestMessage } from './shadow-request.ts';

/** What every shadow of a client uses to ask. */
export interface RequestPorts {
  readonly outbox: Pick<Outbox, 'request' | 'onRoom'>;
  readonly slots: RequestSlots;
  readonly watchLine: WatchLine;
  readonly random: () => number;
}

export type AcceptedAnswer = DocumentMessage | AcceptedMessage | DeletedMessage;

/** One request, as long as it may be answered. */
export interface ShadowRequest {
  readonly kind: ShadowOperationKind;
  readonly clientToken: string;
  readonly ports: Handle<ShadowOperationPorts>;
  /** What AWS accepted; undefined before. */
  answer: AcceptedAnswer | undefined;
}

interface OpenRequest {
  readonly request: ShadowRequest;
  readonly listener: (fact: ListeningFact) => void;
  isSent: boolean;
  hasHint: boolean;
}

/** The requests about one shadow: makes them, and brings each answer to the one that has its token. */
export class ShadowRequests {
  readonly #address: ShadowAddress;
  readonly #filters: ShadowFilters;
  readonly #ports: RequestPorts;
  /** The tokens that callers gave and that are in use, also of requests that only wait. */
  readonly #tokens = new Set<string>();
  /** Those that listen, in the order in which they began to. */
  readonly #open = new Map<string, OpenRequest>();
  /** The topics that stay. */
  readonly #kept = new Set<string>();

  constructor(address: ShadowAddress, filters: ShadowFilters, ports: RequestPorts) {
    this.#address = address;
    this.#filters = filters;
    this.#ports = ports;
  }

  /**
   * @param isKept whether the topics of its answers stay
   * @throws IotError `INVALID_ARGUMENT` when the token is in use
   */
  create(
    kind: ShadowOperationKind,
    body: {
      readonly clientToken?: string | undefined;
      readonly version?: number | undefined;
      readonly state?: SectionsChange;
    },
    isKept: boolean,
  ): ShadowRequest {
    const { clientToken = randomId() } = body;
    if (this.#tokens.has(clientToken)) {
      throw invalid('clientToken', 'one that no open request of this shadow has', clientToken);
    }
    if (body.clientToken !== undefined) this.#tokens.add(clientToken);
    const message = requestMessage(this.#address, kind, { ...body, clientToken });
    const request: ShadowRequest = {
      kind,
      clientToken,
      answer: undefined,
      ports: new Handle<ShadowOperationPorts>({
        watchLine: this.#ports.watchLine,
        takeSlot: (taken) => this.#ports.slots.take(taken),
        listen: (listener) => this.#listen(request, isKept, listener),
        publish: (told) => this.#publish(request, message, told),
        onReleased: (callback) => this.#filters.onReleased(callback),
        random: this.#ports.random,
      }),
    };
    return request;
  }

  /** It has ended: its token may be used again. */
  forget({ clientToken }: ShadowRequest): void {
    this.#tokens.delete(clientToken);
  }

  /** Whether an open request of this kind has this token. */
  has(kind: ShadowOperationKind, clientToken: string): boolean {
    return this.#find(kind, clientToken) !== undefined;
  }

  /** @returns false when no open request has this token */
  accept(kind: ShadowOperationKind, answer: AcceptedAnswer): boolean {
    const open = this.#find(kind, answer.clientToken);
    if (open === undefined) return false;
    open.request.answer = answer;
    open.listener({ type: 'response.accepted', version: answer.version });
    return true;
  }

  /** As `accept`. One without a token is noted for the oldest request that it may be meant for, and ends none. */
  reject(kind: ShadowOperationKind, { clientToken, rejection }: RejectedMessage): boolean {
    const error = new ShadowRejectedError(kind, rejection);
    if (clientToken === undefined) {
      const oldest = [...this.#open.values()].find(
        ({ request, isSent, hasHint }) => request.kind === kind && isSent && !hasHint,
      );
      if (oldest === undefined) return false;
      oldest.hasHint = true;
      oldest.listener({ type: 'response.uncorrelated', error });
      return true;
    }
    const open = this.#find(kind, clientToken);
    open?.listener({ type: 'response.rejected', error });
    return open !== undefined;
  }

  #find(kind: ShadowOperationKind, clientToken: string | undefined): OpenRequest | undefined {
    const open = clientToken === undefined ? undefined : this.#open.get(clientToken);
    return open?.request.kind === kind ? open : undefined;
  }

  #listen(request: ShadowRequest, isKept: boolean, listener: (fact: ListeningFact) => void): () => void {
    const filters = this.#filters.forAnswers(request.kind, isKept);
    this.#open.set(request.clientToken, { request, listener, isSent: false, hasHint: false });
    if (isKept) this.#keep(filters);
    const release = this.#filters.hold(filters, listener);
    return () => {
      this.#open.delete(request.clientToken);
      release();
    };
  }

  /** Holds the topics for the next requests too. When they are refused, the next request tries again. */
  #keep(filters: readonly string[]): void {
    const key = filters.join(' ');
    if (this.#kept.has(key)) return;
    this.#kept.add(key);
    this.#filters.hold(filters, ({ type }) => {
      if (type === 'topics.refused') this.#kept.delete(key);
    });
  }

  #publish(
    { clientToken }: ShadowRequest,
    message: OutgoingMessage,
    told: Parameters<ShadowOperationPorts['publish']>[0],
  ): () => void {
    let takeBack: (() => void) | undefined;
    const publish = (): void => {
      const isWritten = this.#ports.outbox.request(message, {
        delivered: () => undefined,
        failed: (error) => {
          // The end of the line is told by the line.
          if (error.code !== 'CONNECTION_LOST') told({ type: 'request.failed', error });
        },
      });
      if (!isWritten) {
        takeBack = this.#ports.outbox.onRoom(message, publish);
        return;
      }
      takeBack = undefined;
      const open = this.#open.get(clientToken);
      if (open !== undefined) open.isSent = true;
      told({ type: 'request.sent' });
    };
    publish();
    return () => takeBack?.();
  }
}
