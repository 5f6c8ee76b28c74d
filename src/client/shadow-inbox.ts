import type { DeviceShadowMessage } from '../machines/device-shadow.types.ts';
import { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import type { Message } from '../protocol/received-message.ts';
import {
  type AcceptedMessage,
  type DeletedMessage,
  type DeltaMessage,
  type DocumentMessage,
  type DocumentsMessage,
  type RejectedMessage,
  readShadowMessage,
} from '../protocol/shadow-messages.ts';
import { REJECTION_CODES } from '../protocol/shadow-rejection.ts';
import type { JsonObject } from '../protocol/shadow-state.ts';
import {
  SHADOW_MESSAGES,
  type ShadowMessageKind,
  type ShadowOperationKind,
} from '../protocol/shadow-topics.ts';
import type { ShadowRequests } from './shadow-requests.ts';

export interface ShadowInboxContext {
  readonly prefix: string;
  readonly requests: ShadowRequests;
  /** Tells the machine of the shadow. */
  readonly send: (event: DeviceShadowMessage) => void;
  /** What the app's schema says against a part of the document. */
  readonly check: (section: string, value: JsonObject | undefined) => IotError | undefined;
  /** What came is not applied. */
  readonly invalid: (error: IotError) => void;
}

/** Reads what comes on the topics of a shadow: tells its machine, and brings answers to whoever asked. */
export class ShadowInbox {
  readonly #context: ShadowInboxContext;
  #last: Message | undefined;

  constructor(context: ShadowInboxContext) {
    this.#context = context;
  }

  received(message: Message): void {
    // Two filters of the shadow may match one topic.
    if (message === this.#last) return;
    this.#last = message;
    const kind = message.topic.slice(this.#context.prefix.length + 1);
    if (!isKind(kind)) return;
    const read = readShadowMessage(kind, message.payload);
    if (IotError.is(read)) {
      this.#context.invalid(read);
      return;
    }
    switch (read.kind) {
      case 'get/accepted':
        this.#document(read);
        break;
      case 'update/accepted':
        this.#updated(read);
        break;
      case 'delete/accepted':
        this.#deleted(read);
        break;
      case 'update/delta':
        this.#delta(read);
        break;
      case 'update/documents':
        this.#documents(read);
        break;
      default:
        this.#rejected(read);
    }
  }

  // The machine first: who hears of his answer finds the copy as it says.

  #document(read: DocumentMessage): void {
    const { version, state } = read;
    const hasDelta = state.delta !== undefined && this.#isRight('delta', state.delta);
    this.#context.send({ type: 'document.received', version, hasDelta, document: new Handle(read) });
    this.#answered(this.#context.requests.accept('get', read));
  }

  #updated(read: AcceptedMessage): void {
    const { version } = read;
    this.#context.send({ type: 'update.accepted', version, document: new Handle(read) });
    this.#answered(this.#context.requests.accept('update', read));
  }

  #deleted(read: DeletedMessage): void {
    const { version } = read;
    this.#context.send({ type: 'shadow.deleted', version });
    this.#answered(this.#context.requests.accept('delete', read));
  }

  #delta(read: DeltaMessage): void {
    if (!this.#isRight('delta', read.state)) return;
    this.#context.send({ type: 'delta.received', version: read.version, document: new Handle(read) });
  }

  #documents(read: DocumentsMessage): void {
    this.#context.send({
      type: 'documents.received',
      version: read.current.version,
      document: new Handle(read),
    });
  }

  #rejected(read: RejectedMessage): void {
    const kind = read.kind.slice(0, read.kind.indexOf('/')) as ShadowOperationKind;
    const isOwn = read.clientToken !== undefined && this.#context.requests.has(kind, read.clientToken);
    if (kind === 'get' && isOwn && read.rejection.code === REJECTION_CODES.notFound)
      this.#context.send({ type: 'shadow.deleted' });
    this.#answered(this.#context.requests.reject(kind, read));
  }

  #answered(isOwn: boolean): void {
    if (!isOwn) this.#context.send({ type: 'answer.unmatched' });
  }

  #isRight(section: string, value: JsonObject): boolean {
    const error = this.#context.check(section, value);
    if (error !== undefined) this.#context.invalid(error);
    return error === undefined;
  }
}

function isKind(text: string): text is ShadowMessageKind {
  return (SHADOW_MESSAGES as readonly string[]).includes(text);
}
