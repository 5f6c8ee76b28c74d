import type { ActorRefFrom } from 'xstate';
import type { DeviceShadowMachine } from '../machines/device-shadow.machine.ts';
import type { DeviceShadowFact, DeviceShadowPorts } from '../machines/device-shadow.types.ts';
import type { Clock } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import type { DocumentsMessage } from '../protocol/shadow-messages.ts';
import { ShadowRejectedError } from '../protocol/shadow-rejection.ts';
import { type JsonObject, mergeSections, type ShadowSections } from '../protocol/shadow-state.ts';
import { type ShadowAddress, shadowPrefix, shadowTitle } from '../protocol/shadow-topics.ts';
import { CALL_FIELDS, checkOptions } from './call-checks.ts';
import { functionOf, oneOf } from './checks.ts';
import type { CallOptions } from './deadline.ts';
import { DeltaOffers } from './delta-offers.ts';
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
import { acceptedUpdate, deltaFrom, documentFrom, documentsFrom } from './shadow-documents.ts';
import { ShadowFilters } from './shadow-filters.ts';
import { ShadowInbox } from './shadow-inbox.ts';
import { checkedChange, checkToken, checkVersion } from './shadow-request.ts';
import { type RequestPorts, ShadowRequests } from './shadow-requests.ts';
import { streamOf } from './shadow-stream.ts';
import type { ResolvedShadowOptions } from './shadows.ts';
import { errorOf, type InvalidDocumentError } from './standard-schema.ts';
import type { Subscriptions } from './subscriptions.ts';
import { SyncWaiters } from './sync-waiters.ts';

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
}

const UPDATE_FIELDS = ['version', 'clientToken', 'timeoutMs', 'signal', 'waitForConnection'];
const REQUEST_FIELDS = ['clientToken', 'timeoutMs', 'signal', 'waitForConnection'];
/** `update` with a function. */
const RETRY_FIELDS = ['timeoutMs', 'signal', 'waitForConnection'];
const MOST_ATTEMPTS = 10;
const CONFLICT = 409;
const NOT_FOUND = 404;

/** One shadow of a client. Its machine decides; this brings calls to it, and what it finds to the app. */
export class DeviceShadow<T> implements Shadow<T> {
  readonly thingName: string;
  readonly name: string | undefined;
  readonly options: ResolvedShadowOptions;
  readonly #id: string;
  readonly #context: DeviceShadowContext;
  readonly #actor: ShadowRef;
  readonly #filters: ShadowFilters;
  readonly #calls: ShadowCalls;
  readonly #copy: ShadowCopy<T>;
  readonly #deltas: DeltaOffers<T>;
  readonly #documentHandlers = new Set<(documents: ShadowDocuments<T>) => unknown>();
  readonly #stateListeners = new Set<(state: ShadowState<T>) => unknown>();
  readonly #invalidListeners = new Set<(error: IotError) => unknown>();
  readonly #streams = new Set<() => void>();
  readonly #sync: SyncWaiters<ShadowState<T>>;
  #toldState: ShadowState<T>;
  #isTelling = false;
  #closedBy: IotError | undefined;

  constructor(address: ShadowAddress, options: ResolvedShadowOptions, context: DeviceShadowContext) {
    this.thingName = address.thingName;
    this.name = address.shadowName;
    this.options = options;
    this.#context = context;
    this.#id = `shadow/${shadowTitle(address)}`;
    const prefix = shadowPrefix(address);
    this.#filters = new ShadowFilters(prefix, options.topics === 'exact', {
      ...context,
      received: (message) => inbox.received(message),
    });
    const requests = new ShadowRequests(address, this.#filters, context.requests);
    this.#deltas = new DeltaOffers(context.emitter);
    this.#sync = new SyncWaiters(context.clock);
    this.#actor = context.start(this.#id, new Handle(this.#ports(requests)));
    const inbox: ShadowInbox = new ShadowInbox({
      prefix,
      requests,
      send: (event) => this.#actor.send(event),
      check: (section, value) => this.#check(section, value),
      invalid: (error) => this.#invalid(error),
    });
    this.#calls = new ShadowCalls(this.#actor, requests, {
      isPersistent: options.persistent,
      clock: context.clock,
    });
    this.#copy = new ShadowCopy({
      facts: () => {
        const snapshot = this.#actor.getSnapshot();
        const synced = this.#closedBy === undefined && snapshot.matches({ copy: { watched: 'synced' } });
        return { version: snapshot.context.versions.copy, synced };
      },
      check: (section, value) => this.#check(section, value),
      invalid: (error) => this.#invalid(error),
    });
    this.#toldState = this.#copy.state;
    this.#actor.on('*', (fact) => this.#observe(fact));
  }

  get state(): ShadowState<T> {
    return this.#copy.state;
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
      if (error instanceof ShadowRejectedError && error.reasonCode === NOT_FOUND) return undefined;
      throw error;
    }
  }

  update(change: ShadowUpdate<T>, options?: ShadowUpdateOptions): Promise<AcceptedUpdate<T>>;
  update(
    change: (current: ShadowDocument<T> | undefined) => ShadowUpdate<T> | undefined,
    options?: ShadowCallOptions,
  ): Promise<AcceptedUpdate<T> | undefined>;
  async update(
    change: ShadowUpdate<T> | ((current: ShadowDocument<T> | undefined) => ShadowUpdate<T> | undefined),
    options: ShadowUpdateOptions = {},
  ): Promise<AcceptedUpdate<T> | undefined> {
    if (typeof change !== 'function') {
      this.#checkCall(options, UPDATE_FIELDS);
      return await this.#update(change, options);
    }
    this.#checkCall(options, RETRY_FIELDS);
    for (let attempt = 1; ; attempt++) {
      const current = await this.get(options);
      const wanted = change(current);
      if (wanted === undefined) return undefined;
      try {
        return await this.#update(wanted, {
          ...options,
          ...(current === undefined ? {} : { version: current.version }),
        });
      } catch (error) {
        if (!isConflict(error) || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  async delete(options: ShadowCallOptions = {}): Promise<number> {
    this.#checkCall(options, REQUEST_FIELDS);
    const { clientToken } = options;
    const { version } = await this.#calls.run('delete', { clientToken }, options);
    return version;
  }

  onDelta(handler: (delta: ShadowDelta<T>) => unknown): () => void {
    functionOf('handler', handler);
    this.#throwIfClosed();
    const remove = this.#deltas.add(handler);
    this.#watch();
    this.#send({ type: 'handler.added' });
    return () => {
      remove();
      this.#watch();
    };
  }

  onDocuments(handler: (documents: ShadowDocuments<T>) => unknown): () => void {
    return this.#add(this.#documentHandlers, 'handler', handler);
  }

  onState(listener: (state: ShadowState<T>) => unknown): () => void {
    return this.#add(this.#stateListeners, 'listener', listener);
  }

  onInvalid(listener: (error: IotError | InvalidDocumentError) => unknown): () => void {
    return this.#add(this.#invalidListeners, 'listener', listener);
  }

  deltas(options: ShadowStreamOptions = {}): AsyncIterable<ShadowDelta<T>, undefined> {
    return this.#stream('update/delta', options, (push) => this.onDelta(push));
  }

  documents(options: ShadowStreamOptions = {}): AsyncIterable<ShadowDocuments<T>, undefined> {
    return this.#stream('update/documents', options, (push) => this.onDocuments(push));
  }

  async whenSynced(options: CallOptions = {}): Promise<ShadowState<T>> {
    checkOptions(options, CALL_FIELDS);
    this.#throwIfClosed();
    if (this.#actor.getSnapshot().matches({ copy: 'unwatched' })) {
      throw new IotError(
        'INVALID_ARGUMENT',
        'whenSynced() needs somebody who watches the shadow: call onState(), onDelta() or onDocuments() first',
      );
    }
    return this.state.synced ? this.state : await this.#sync.wait(options);
  }

  async close(): Promise<void> {
    if (this.#closedBy !== undefined) return;
    this.end(new IotError('CLOSED', 'the shadow was closed'));
    this.#context.stop(this.#id);
    await this.#filters.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Ends all that is open on it. */
  end(error: IotError): void {
    this.#closedBy ??= error;
    this.#calls.close(error);
    for (const finish of [...this.#streams]) finish();
    this.#sync.reject(error);
    this.#changed();
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
      offerDelta: () => this.#deltas.offer(),
    };
  }

  #update(change: ShadowUpdate<T>, options: ShadowUpdateOptions): Promise<AcceptedUpdate<T>> {
    const state = checkedChange(change);
    // What is removed needs no word of the schema.
    const { sections } = mergeSections({}, state);
    this.#throwIfWrong('desired', sections.desired);
    this.#throwIfWrong('reported', sections.reported);
    const { clientToken, version } = options;
    return this.#calls.run('update', { state, clientToken, version }, options).then(acceptedUpdate<T>);
  }

  /** A fact of the machine: here it becomes what the app sees. */
  #observe(fact: DeviceShadowFact): void {
    switch (fact.type) {
      case 'copy.replaced':
        this.#copy.replace(sectionsOf(Handle.open(fact.document)));
        break;
      case 'copy.merged':
        if (!this.#copy.merge(Handle.open(fact.document).state)) this.#send({ type: 'copy.uncertain' });
        break;
      case 'copy.deleted':
        this.#copy.clear();
        this.#deltas.forget();
        break;
      case 'delta.passed':
        this.#deltas.newest = deltaFrom<T>(Handle.open(fact.document));
        break;
      case 'delta.gone':
        this.#deltas.newest = undefined;
        break;
      case 'documents.passed':
        this.#passDocuments(Handle.open(fact.document));
        break;
      case 'shadow.synced':
        this.#sync.resolve(this.state);
        break;
      case 'shadow.refused':
        this.#sync.reject(fact.error);
        break;
      case 'shadow.faulted':
        this.#context.emitter.report(fact.error);
        break;
      default:
    }
    this.#changed();
  }

  #passDocuments(message: DocumentsMessage): void {
    const { previous, current } = message;
    const sections = [
      current.state.desired,
      current.state.reported,
      previous?.state.desired,
      previous?.state.reported,
    ];
    const error = sections.map((value) => this.#check('documents', value)).find((one) => one !== undefined);
    if (error !== undefined) {
      this.#invalid(error);
      return;
    }
    const documents = documentsFrom<T>(message);
    for (const handler of [...this.#documentHandlers]) this.#context.emitter.call(handler, documents);
  }

  /** Tells who listens, once for all that changes in one turn. */
  #changed(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      const { state } = this;
      if (state === this.#toldState) return;
      this.#toldState = state;
      for (const listener of [...this.#stateListeners]) this.#context.emitter.call(listener, state);
    });
  }

  #invalid(error: IotError): void {
    const title = `shadow ${this.#id.slice('shadow/'.length)}`;
    if (this.#invalidListeners.size === 0) {
      this.#context.emitter.emit('warning', { message: `${title}: ${error.message}` });
      return;
    }
    for (const listener of [...this.#invalidListeners]) {
      queueMicrotask(() => this.#context.emitter.call(listener, error));
    }
  }

  /** Tells the machine what is watched now, if that has changed. */
  #watch(): void {
    const snapshot = this.#actor.getSnapshot();
    const isWatched = !snapshot.matches({ copy: 'unwatched' });
    const deltas = !this.#deltas.isEmpty;
    const documents = this.#documentHandlers.size > 0;
    const { watched } = snapshot.context;
    if (!deltas && !documents && this.#stateListeners.size === 0) {
      if (isWatched) this.#send({ type: 'unwatch' });
      this.#sync.reject(new IotError('ABORTED', 'nobody watches the shadow any more'));
    } else if (!isWatched || watched.deltas !== deltas || watched.documents !== documents) {
      this.#send({ type: 'watch', watched: { deltas, documents } });
    }
  }

  #add<H>(to: Set<H>, field: string, given: H): () => void {
    functionOf(field, given);
    this.#throwIfClosed();
    // One of its own each time, so that the same function may be given twice.
    const own = ((value: never) => (given as (value: never) => unknown)(value)) as H;
    to.add(own);
    this.#watch();
    return () => {
      to.delete(own);
      this.#watch();
    };
  }

  #stream<V>(
    kind: string,
    options: ShadowStreamOptions,
    listen: (push: (value: V) => void) => () => void,
  ): AsyncIterable<V, undefined> {
    return streamOf(options, {
      listen,
      begin: (finish) => {
        this.#throwIfClosed();
        this.#streams.add(finish);
        return () => this.#streams.delete(finish);
      },
      onOverflow: (dropped) =>
        this.#context.emitter.emit('overflow', { filter: this.#filters.nameOf(kind), dropped }),
    });
  }

  #check(section: string, value: JsonObject | undefined): InvalidDocumentError | undefined {
    return errorOf(this.options.schema, section, value);
  }

  #throwIfWrong(section: string, value: JsonObject | undefined): void {
    const error = this.#check(section, value);
    if (error !== undefined) throw error;
  }

  #checkCall(options: ShadowUpdateOptions, fields: readonly string[]): void {
    checkOptions(options, fields);
    if (options.clientToken !== undefined) checkToken(options.clientToken);
    if (options.waitForConnection !== undefined)
      oneOf('waitForConnection', options.waitForConnection, [true, false]);
    checkVersion(options.version);
    this.#throwIfClosed();
  }

  #send(event: Parameters<ShadowRef['send']>[0]): void {
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send(event);
  }

  #throwIfClosed(): void {
    if (this.#closedBy !== undefined) throw this.#closedBy;
  }
}

function sectionsOf(document: { readonly state: ShadowSections } | DocumentsMessage): ShadowSections {
  return 'current' in document ? document.current.state : document.state;
}

function isConflict(error: unknown): boolean {
  return error instanceof ShadowRejectedError && error.reasonCode === CONFLICT;
}
