import type { ActorRefFrom } from 'xstate';
import type { DeviceShadowMachine } from '../machines/device-shadow.machine.ts';
import type { DeviceShadowFact, DeviceShadowPorts, WatchedTopics } from '../machines/device-shadow.types.ts';
import type { Clock } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import type { AcceptedMessage, DocumentMessage, DocumentsMessage } from '../protocol/shadow-messages.ts';
import { REJECTION_CODES, ShadowRejectedError } from '../protocol/shadow-rejection.ts';
import { type JsonObject, mergeSections } from '../protocol/shadow-state.ts';
import { type ShadowAddress, shadowPrefix, shadowTitle } from '../protocol/shadow-topics.ts';
import { CALL_FIELDS, checkOptions } from './call-checks.ts';
import { functionOf, oneOf } from './checks.ts';
import type { CallOptions } from './deadline.ts';
import type { Emitter } from './events.ts';
import { PRINTED } from './printing.ts';
import type {
  AcceptedUpdate,
  Shadow,
  ShadowCallOptions,
  ShadowDelta,
  ShadowDocument,
  ShadowDocuments,
  ShadowState,
  ShadowStreamOptions,
  ShadowUpdate,
  ShadowUpdateOptions,
} from './shadow.ts';
import { ShadowCalls } from './shadow-calls.ts';
import { ShadowCopy } from './shadow-copy.ts';
import { acceptedUpdate, documentFrom } from './shadow-documents.ts';
import { ShadowFilters } from './shadow-filters.ts';
import { ShadowInbox } from './shadow-inbox.ts';
import type { ResolvedShadowOptions } from './shadow-options.ts';
import { checkedChange, checkToken, checkVersion } from './shadow-request.ts';
import { type RequestPorts, ShadowRequests } from './shadow-requests.ts';
import { ShadowWatch } from './shadow-watch.ts';
import { errorOf, type InvalidDocumentError } from './standard-schema.ts';
import type { Subscriptions } from './subscriptions.ts';

export type ShadowRef = ActorRefFrom<DeviceShadowMachine>;

/** What a shadow needs of its client. */
export interface DeviceShadowContext {
  readonly clock: Clock;
  readonly emitter: Emitter;
  readonly subscriptions: Subscriptions;
  /** Whether the broker has granted a filter in the session that there is. */
  readonly isGranted: (filter: string) => boolean;
  readonly requests: RequestPorts;
  /** Starts the machine of a shadow. */
  readonly start: (id: string, ports: Handle<DeviceShadowPorts>) => ShadowRef;
  /** Ends it, and forgets the shadow. */
  readonly stop: (id: string) => void;
  /** The version of the delta that an earlier process has handled. */
  readonly handledDelta: number | undefined;
}

const UPDATE_FIELDS = ['version', 'clientToken', 'timeoutMs', 'signal', 'waitForConnection'];
const REQUEST_FIELDS = ['clientToken', 'timeoutMs', 'signal', 'waitForConnection'];
/** `update` with a function. */
const RETRY_FIELDS = ['timeoutMs', 'signal', 'waitForConnection'];
const MOST_ATTEMPTS = 10;
const REFUSED = { copy: { watched: 'refused' } } as const;

type RetryOptions = Omit<ShadowCallOptions, 'clientToken'>;
type Change<T> = (current: ShadowDocument<T> | undefined) => ShadowUpdate<T> | undefined;

/** One shadow of a client. Its machine decides; this brings calls to it, and what it finds to the app. */
export class DeviceShadow<T> implements Shadow<T> {
  readonly thingName: string;
  readonly name: string | undefined;
  readonly options: ResolvedShadowOptions;
  readonly #title: string;
  readonly #id: string;
  readonly #context: DeviceShadowContext;
  readonly #actor: ShadowRef;
  readonly #filters: ShadowFilters;
  readonly #calls: ShadowCalls;
  readonly #copy: ShadowCopy<T>;
  readonly #watch: ShadowWatch<T>;
  readonly #invalidListeners = new Set<(error: IotError | InvalidDocumentError) => unknown>();
  #closedBy: IotError | undefined;
  #closing: Promise<void> | undefined;

  constructor(address: ShadowAddress, options: ResolvedShadowOptions, context: DeviceShadowContext) {
    this.thingName = address.thingName;
    this.name = address.shadowName;
    this.options = options;
    this.#context = context;
    this.#title = shadowTitle(address);
    this.#id = `shadow/${this.#title}`;
    const prefix = shadowPrefix(address);
    this.#filters = new ShadowFilters(prefix, options.topics === 'exact', {
      ...context,
      received: (message) => inbox.received(message),
    });
    const requests = new ShadowRequests(address, this.#filters, context.requests);
    this.#actor = context.start(this.#id, new Handle(this.#ports(requests)));
    const judge = {
      check: (section: string, value: JsonObject | undefined) => this.#check(section, value),
      invalid: (error: IotError) => this.#invalid(error),
    };
    const inbox: ShadowInbox = new ShadowInbox({
      ...judge,
      prefix,
      requests,
      send: (event) => this.#send(event),
    });
    this.#calls = new ShadowCalls({
      actor: this.#actor,
      send: (event) => this.#send(event),
      requests,
      isPersistent: options.persistent,
      clock: context.clock,
    });
    this.#copy = new ShadowCopy({ ...judge, facts: () => this.#copyFacts() });
    this.#watch = new ShadowWatch({
      ...judge,
      clock: context.clock,
      emitter: context.emitter,
      state: () => this.#copy.state,
      watched: (topics, isAnew) => this.#watched(topics, isAnew),
      isRefused: () => this.#actor.getSnapshot().matches(REFUSED),
      handlerAdded: () => this.#send({ type: 'handler.added' }),
      nameOf: (kind) => this.#filters.nameOf(kind),
      handledDelta: context.handledDelta,
    });
    this.#actor.on('*', (fact) => this.#observe(fact));
  }

  get state(): ShadowState<T> {
    return this.#copy.state;
  }

  /** The version of the newest delta, when every handler has handled it. */
  get handledDelta(): number | undefined {
    return this.#watch.handledDelta;
  }

  [PRINTED](): object {
    const { version, synced } = this.state;
    return { thingName: this.thingName, name: this.name, version, synced };
  }

  async get(options: ShadowCallOptions = {}): Promise<ShadowDocument<T> | undefined> {
    this.#checkCall(options, REQUEST_FIELDS);
    const { clientToken } = options;
    try {
      const answer = await this.#calls.run('get', { clientToken }, options);
      return documentFrom<T>(answer, (section, value) => this.#throwIfWrong(section, value));
    } catch (error) {
      if (isRejection(error, REJECTION_CODES.notFound)) return undefined;
      throw error;
    }
  }

  update(change: ShadowUpdate<T>, options?: ShadowUpdateOptions): Promise<AcceptedUpdate<T>>;
  update(change: Change<T>, options?: RetryOptions): Promise<AcceptedUpdate<T> | undefined>;
  async update(
    change: ShadowUpdate<T> | Change<T>,
    options: ShadowUpdateOptions = {},
  ): Promise<AcceptedUpdate<T> | undefined> {
    if (typeof change === 'function') return await this.#updateFrom(change, options);
    this.#checkCall(options, UPDATE_FIELDS);
    return await this.#update(change, options);
  }

  async delete(options: ShadowCallOptions = {}): Promise<number> {
    this.#checkCall(options, REQUEST_FIELDS);
    const { clientToken } = options;
    const { version } = await this.#calls.run('delete', { clientToken }, options);
    return version;
  }

  onDelta(handler: (delta: ShadowDelta<T>) => unknown): () => void {
    this.#throwIfClosed();
    return this.#watch.onDelta(handler);
  }

  onDocuments(handler: (documents: ShadowDocuments<T>) => unknown): () => void {
    this.#throwIfClosed();
    return this.#watch.onDocuments(handler);
  }

  onState(listener: (state: ShadowState<T>) => unknown): () => void {
    this.#throwIfClosed();
    return this.#watch.onState(listener);
  }

  onInvalid(listener: (error: IotError | InvalidDocumentError) => unknown): () => void {
    this.#throwIfClosed();
    functionOf('listener', listener);
    // One of its own each time, so that the same function may listen twice.
    const own = (error: IotError | InvalidDocumentError): unknown => listener(error);
    this.#invalidListeners.add(own);
    return () => {
      this.#invalidListeners.delete(own);
    };
  }

  deltas(options: ShadowStreamOptions = {}): AsyncIterable<ShadowDelta<T>, undefined> {
    return this.#watch.deltas(options, () => this.#throwIfClosed());
  }

  documents(options: ShadowStreamOptions = {}): AsyncIterable<ShadowDocuments<T>, undefined> {
    return this.#watch.documents(options, () => this.#throwIfClosed());
  }

  async whenSynced(options: CallOptions = {}): Promise<ShadowState<T>> {
    checkOptions(options, CALL_FIELDS);
    this.#throwIfClosed();
    return await this.#watch.whenSynced(options);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Ends all that is open on it. */
  end(error: IotError): void {
    this.#closedBy ??= error;
    this.#calls.close(error);
    this.#watch.end(error);
  }

  async #close(): Promise<void> {
    if (this.#closedBy !== undefined) return;
    this.end(new IotError('CLOSED', 'the shadow was closed'));
    // Before its machine ends: in the midst of that step nobody could tell whether the broker has to be asked.
    const released = this.#filters.close();
    this.#context.stop(this.#id);
    await released;
  }

  #ports(requests: ShadowRequests): DeviceShadowPorts {
    return {
      watchLine: this.#context.requests.watchLine,
      random: this.#context.requests.random,
      watchTopics: (watched, listener) => {
        let release = this.#filters.hold(this.#filters.forWatching(watched), listener);
        return {
          change: (to) => {
            // The new ones first: what both have stays.
            const before = release;
            release = this.#filters.hold(this.#filters.forWatching(to), listener);
            before();
          },
          release: () => release(),
        };
      },
      // What is watched has the topics of its answer already.
      openGet: () => requests.create('get', {}, false).ports,
      offerDelta: () => this.#watch.offer(),
    };
  }

  async #updateFrom(change: Change<T>, options: RetryOptions): Promise<AcceptedUpdate<T> | undefined> {
    for (let attempt = 1; ; attempt++) {
      this.#checkCall(options, RETRY_FIELDS);
      const current = await this.get(options);
      const wanted = change(current);
      if (wanted === undefined) return undefined;
      // Meanwhile it may have been aborted, or the shadow closed: by the function itself, for one.
      this.#checkCall(options, RETRY_FIELDS);
      try {
        return await this.#update(wanted, { ...options, ...versionOf(current) });
      } catch (error) {
        if (!isRejection(error, REJECTION_CODES.conflict) || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  async #update(change: ShadowUpdate<T>, options: ShadowUpdateOptions): Promise<AcceptedUpdate<T>> {
    const state = checkedChange(change);
    // What is removed needs no word of the schema.
    const { sections } = mergeSections({}, state);
    this.#throwIfWrong('desired', sections.desired);
    this.#throwIfWrong('reported', sections.reported);
    const { clientToken, version } = options;
    return acceptedUpdate<T>(await this.#calls.run('update', { state, clientToken, version }, options));
  }

  /** A fact of the machine: here it becomes what the app sees. */
  #observe(fact: DeviceShadowFact): void {
    switch (fact.type) {
      case 'copy.replaced':
        this.#replaced(Handle.open(fact.document));
        break;
      case 'copy.merged':
        this.#merged(Handle.open(fact.document));
        break;
      case 'copy.deleted':
        this.#copy.clear();
        break;
      case 'shadow.unanswered':
        this.#warn(`its document could not be had, and is asked for again: ${fact.error.message}`);
        break;
      case 'shadow.refused':
        // Of what the broker refuses the client tells by itself; what is refused here nobody else would hear of.
        if (fact.error.code === 'TOO_MANY_SUBSCRIPTIONS') this.#warn(`stays silent: ${fact.error.message}`);
        break;
      case 'shadow.faulted':
        this.#context.emitter.report(fact.error);
        break;
      default:
    }
    this.#watch.observe(fact);
    this.#watch.changed();
  }

  #replaced(document: DocumentMessage | DocumentsMessage): void {
    const { state, version } = 'current' in document ? document.current : document;
    this.#copy.replace(state);
    this.#tellIfResolved(version);
  }

  #merged({ state, version }: AcceptedMessage): void {
    if (this.#copy.merge(state)) this.#tellIfResolved(version);
    else this.#send({ type: 'copy.uncertain' });
  }

  #tellIfResolved(version: number): void {
    if (!this.#copy.hasDelta) this.#send({ type: 'delta.resolved', version });
  }

  #copyFacts(): { version: number | undefined; synced: boolean } {
    const snapshot = this.#actor.getSnapshot();
    const synced = this.#closedBy === undefined && snapshot.matches({ copy: { watched: 'synced' } });
    return { version: snapshot.context.versions.copy, synced };
  }

  #invalid(error: IotError): void {
    if (this.#invalidListeners.size === 0) {
      this.#warn(error.message);
      return;
    }
    for (const listener of [...this.#invalidListeners]) {
      queueMicrotask(() => this.#context.emitter.call(listener, error));
    }
  }

  #warn(what: string): void {
    this.#context.emitter.emit('warning', { message: `shadow ${this.#title}: ${what}` });
  }

  /** Tells the machine what is watched now, if that has changed, or could not be had before. */
  #watched(topics: WatchedTopics | undefined, isAnew: boolean): void {
    const snapshot = this.#actor.getSnapshot();
    const isWatched = !snapshot.matches({ copy: 'unwatched' });
    const { watched } = snapshot.context;
    if (topics === undefined) {
      if (isWatched) this.#send({ type: 'unwatch' });
      return;
    }
    const isSame = watched.deltas === topics.deltas && watched.documents === topics.documents;
    const isRetried = isAnew && snapshot.matches(REFUSED);
    if (!isWatched || !isSame || isRetried) this.#send({ type: 'watch', watched: topics });
  }

  #check(section: string, value: JsonObject | undefined): IotError | undefined {
    return errorOf(this.options.schema, section, value);
  }

  #throwIfWrong(section: string, value: JsonObject | undefined): void {
    const error = this.#check(section, value);
    if (error !== undefined) throw error;
  }

  #checkCall(options: ShadowUpdateOptions, fields: readonly string[]): void {
    checkOptions(options, fields);
    const { clientToken, waitForConnection, version } = options;
    if (clientToken !== undefined) checkToken(clientToken);
    if (waitForConnection !== undefined) oneOf('waitForConnection', waitForConnection, [true, false]);
    checkVersion(version);
    this.#throwIfClosed();
  }

  /** What comes after its end changes nothing, and XState would warn of it. */
  #send(event: Parameters<ShadowRef['send']>[0]): void {
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send(event);
  }

  #throwIfClosed(): void {
    if (this.#closedBy !== undefined) throw this.#closedBy;
  }
}

function versionOf(document: { readonly version: number } | undefined): { version?: number } {
  return document === undefined ? {} : { version: document.version };
}

function isRejection(error: unknown, code: number): boolean {
  return error instanceof ShadowRejectedError && error.reasonCode === code;
}
