import type { DeviceShadowFact, WatchedTopics } from '../machines/device-shadow.types.ts';
import type { Clock } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import type { DocumentsMessage } from '../protocol/shadow-messages.ts';
import type { JsonObject } from '../protocol/shadow-state.ts';
import { functionOf } from './checks.ts';
import type { CallOptions } from './deadline.ts';
import { DeltaOffers } from './delta-offers.ts';
import type { Emitter } from './events.ts';
import type { ShadowDelta, ShadowDocuments, ShadowState, ShadowStreamOptions } from './shadow.ts';
import { deltaFrom, documentsFrom } from './shadow-documents.ts';
import { streamOf } from './shadow-stream.ts';
import { SyncWaiters } from './sync-waiters.ts';

/** What those who watch need of the shadow. */
export interface ShadowWatchContext<T> {
  readonly clock: Clock;
  readonly emitter: Emitter;
  /** The local copy. */
  readonly state: () => ShadowState<T>;
  /** What the app's schema says against a part of a document. */
  readonly check: (section: string, value: JsonObject | undefined) => IotError | undefined;
  /** What came is not passed on. */
  readonly invalid: (error: IotError) => void;
  /** Is told what somebody watches; undefined when nobody does. `isAnew`: somebody has come for it. */
  readonly watched: (topics: WatchedTopics | undefined, isAnew: boolean) => void;
  /** Whether what is watched stays silent, because its topics were refused. */
  readonly isRefused: () => boolean;
  /** Somebody waits for the delta that there is. */
  readonly handlerAdded: () => void;
  /** The topic of one kind of message. */
  readonly nameOf: (kind: string) => string;
  /** The version of the delta that an earlier process has handled. */
  readonly handledDelta: number | undefined;
}

/** Those who watch a shadow. The machine decides what they are told, and when. */
export class ShadowWatch<T> {
  readonly #context: ShadowWatchContext<T>;
  readonly #deltas: DeltaOffers<T>;
  readonly #documentHandlers = new Set<(documents: ShadowDocuments<T>) => unknown>();
  readonly #stateListeners = new Set<(state: ShadowState<T>) => unknown>();
  readonly #streams = new Set<() => void>();
  readonly #sync: SyncWaiters<ShadowState<T>>;
  #toldState: ShadowState<T>;
  #isTelling = false;
  /** Why the topics were refused last. */
  #refusal: IotError | undefined;

  constructor(context: ShadowWatchContext<T>) {
    this.#context = context;
    this.#deltas = new DeltaOffers(context.emitter, context.handledDelta);
    this.#sync = new SyncWaiters(context.clock);
    this.#toldState = context.state();
  }

  /** The version of the newest delta, when every handler has handled it. */
  get handledDelta(): number | undefined {
    return this.#deltas.handled;
  }

  onDelta(handler: (delta: ShadowDelta<T>) => unknown, isBuffer = false): () => void {
    functionOf('handler', handler);
    const remove = this.#deltas.add(handler, isBuffer);
    this.#tellWatched({ isAnew: true });
    this.#context.handlerAdded();
    return () => {
      remove();
      this.#tellWatched({ isAnew: false });
    };
  }

  onDocuments(handler: (documents: ShadowDocuments<T>) => unknown): () => void {
    functionOf('handler', handler);
    return this.#add(this.#documentHandlers, (documents) => handler(documents));
  }

  onState(listener: (state: ShadowState<T>) => unknown): () => void {
    functionOf('listener', listener);
    return this.#add(this.#stateListeners, (state) => listener(state));
  }

  /** @param begin throws when the shadow is closed */
  deltas(options: ShadowStreamOptions, begin: () => void): AsyncIterable<ShadowDelta<T>, undefined> {
    return this.#stream('update/delta', options, begin, (push) => this.onDelta(push, true));
  }

  documents(options: ShadowStreamOptions, begin: () => void): AsyncIterable<ShadowDocuments<T>, undefined> {
    return this.#stream('update/documents', options, begin, (push) => this.onDocuments(push));
  }

  async whenSynced(options: CallOptions): Promise<ShadowState<T>> {
    if (this.#isEmpty) {
      throw new IotError(
        'INVALID_ARGUMENT',
        'whenSynced() needs somebody who watches the shadow: call onState(), onDelta() or onDocuments() first',
      );
    }
    if (this.#refusal !== undefined && this.#context.isRefused()) throw this.#refusal;
    const state = this.#context.state();
    return state.synced ? state : await this.#sync.wait(options);
  }

  /** Offers the newest delta to those who have not taken it. Rejects when one of them fails. */
  offer(): Promise<void> {
    return this.#deltas.offer();
  }

  /** A fact of the machine: here it becomes what the app sees. */
  observe(fact: DeviceShadowFact): void {
    switch (fact.type) {
      case 'copy.deleted':
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
        this.#sync.resolve(this.#context.state());
        break;
      case 'shadow.refused':
        this.#refusal = fact.error;
        this.#sync.reject(fact.error);
        break;
      default:
    }
  }

  /** Tells who listens to the state, once for all that changes in one turn. */
  changed(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      const state = this.#context.state();
      if (state === this.#toldState) return;
      this.#toldState = state;
      this.#call(this.#stateListeners, state);
    });
  }

  /** Nobody is told anything any more but that the copy follows nothing now. */
  end(error: IotError): void {
    this.#deltas.close();
    this.#documentHandlers.clear();
    for (const finish of [...this.#streams]) finish();
    this.#sync.reject(error);
    this.changed();
  }

  get #isEmpty(): boolean {
    return this.#deltas.isEmpty && this.#documentHandlers.size === 0 && this.#stateListeners.size === 0;
  }

  #passDocuments(message: DocumentsMessage): void {
    const { previous, current } = message;
    const sections = [
      current.state.desired,
      current.state.reported,
      previous?.state.desired,
      previous?.state.reported,
    ];
    const errors = sections.map((value) => this.#context.check('documents', value));
    const error = errors.find((one) => one !== undefined);
    if (error !== undefined) {
      this.#context.invalid(error);
      return;
    }
    const documents = documentsFrom<T>(message);
    // When the step of the machine is over: a handler may make any call.
    queueMicrotask(() => this.#call(this.#documentHandlers, documents));
  }

  #call<V>(handlers: ReadonlySet<(value: V) => unknown>, value: V): void {
    for (const handler of [...handlers]) {
      // One that is called before may have ended it.
      if (handlers.has(handler)) this.#context.emitter.call(handler, value);
    }
  }

  #add<H>(to: Set<H>, own: H): () => void {
    to.add(own);
    this.#tellWatched({ isAnew: true });
    return () => {
      to.delete(own);
      this.#tellWatched({ isAnew: false });
    };
  }

  #tellWatched({ isAnew }: { readonly isAnew: boolean }): void {
    if (this.#isEmpty) {
      this.#sync.reject(new IotError('ABORTED', 'nobody watches the shadow any more'));
      this.#context.watched(undefined, isAnew);
      return;
    }
    const documents = this.#documentHandlers.size > 0;
    this.#context.watched({ deltas: !this.#deltas.isEmpty, documents }, isAnew);
  }

  #stream<V>(
    kind: string,
    options: ShadowStreamOptions,
    begin: () => void,
    listen: (push: (value: V) => void) => () => void,
  ): AsyncIterable<V, undefined> {
    return streamOf(options, {
      listen,
      begin: (finish) => {
        begin();
        this.#streams.add(finish);
        return () => this.#streams.delete(finish);
      },
      onOverflow: (dropped) =>
        this.#context.emitter.emit('overflow', { filter: this.#context.nameOf(kind), dropped }),
    });
  }
}
