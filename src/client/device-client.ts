import type { ActorRefFrom } from 'xstate';
import type { Entry } from '../delivery/entry.ts';
import type { Journal } from '../delivery/journal.ts';
import type { Outbox } from '../delivery/outbox.ts';
import { ACTOR, type ClientActorRef } from '../machines/actor-of.ts';
import type { ClientCommand, ClientFact } from '../machines/client.types.ts';
import type { ConnectionMachine } from '../machines/connection.machine.ts';
import type { SubscriptionsMachine } from '../machines/subscriptions.machine.ts';
import { IotError } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { IncomingMessage, OutgoingMessage } from '../protocol/message.ts';
import type { PayloadInput } from '../protocol/payload.ts';
import { Message } from '../protocol/received-message.ts';
import type { JsonObject } from '../protocol/shadow-state.ts';
import { validateAwsTopic, validateTopicFilter } from '../protocol/topics.ts';
import { CALL_FIELDS, checkEnd, checkOptions } from './call-checks.ts';
import { functionOf, oneOf, qosOf, wholeNumber } from './checks.ts';
import type { ClientParts } from './client-parts.ts';
import { ClientShadows } from './client-shadows.ts';
import { ConnectionCalls, isUp } from './connection-calls.ts';
import { type CallOptions, watchCall } from './deadline.ts';
import { type ClientEvents, type Emitter, EVENTS } from './events.ts';
import { HeldMessages } from './held-messages.ts';
import type {
  EndOptions,
  IotClient,
  MessagesOptions,
  PublishOptions,
  SubscribeOptions,
} from './iot-client.ts';
import { NetworkWatch } from './network-watch.ts';
import { type OfflineQueue, QueueView } from './offline-queue.ts';
import type { ResolvedOptions } from './options.ts';
import { checkPublish, outgoingMessage } from './outgoing.ts';
import { PRINTED } from './printing.ts';
import { Publication, type PublishReceipt } from './publication.ts';
import type { QueueNews } from './queue-news.ts';
import type { DehydratedClient } from './resume.ts';
import type { Shadow, ShadowOptions } from './shadow.ts';
import { STATES, type Status, type StatusState } from './status.ts';
import { StatusWatch } from './status-watch.ts';
import type { MessageHandler, Subscription } from './subscription.ts';
import { SUBSCRIPTION_FIELDS, subscriptionOptions } from './subscription-options.ts';
import { Subscriptions } from './subscriptions.ts';

type ConnectionRef = ActorRefFrom<ConnectionMachine>;
type SubscriptionsRef = ActorRefFrom<SubscriptionsMachine>;

/** A line is there, and nothing is asked on it yet. */
const QUIET = { line: { connected: { session: { up: 'quiet' } } } } as const;
const LINE_IS_OVER: ReadonlySet<ClientFact['type']> = new Set([
  'connection.disconnected',
  'connection.ended',
]);
const SUBSCRIBE_FIELDS = [...CALL_FIELDS, 'qos', ...SUBSCRIPTION_FIELDS];
const MESSAGES_FIELDS = ['qos', 'bufferSize', 'overflow', ...SUBSCRIPTION_FIELDS];

/** Turns calls into commands of the machines, and their facts into promises. Decides nothing. */
export class DeviceClient implements IotClient {
  readonly [ACTOR]: ClientActorRef;
  readonly #options: ResolvedOptions;
  readonly #outbox: Outbox;
  readonly #emitter: Emitter;
  readonly #watch: StatusWatch;
  readonly #calls: ConnectionCalls;
  readonly #subscriptions: Subscriptions;
  /** Undefined with a clean session: nothing comes for it that was not asked for on this line. */
  readonly #held: HeldMessages | undefined;
  readonly #news: QueueNews;
  readonly #shadows: ClientShadows;
  readonly #network = new NetworkWatch(() => this.networkOnline());
  #clientId: string;
  readonly #closed: Promise<void>;
  readonly #queue: QueueView;
  /** Whether calls are still taken, as the machine says: not from `close()` on. */
  #isRunning = true;

  /** @param actor the machine, which has its children and has not told anything yet */
  constructor(actor: ClientActorRef, { options, emitter, outbox, journal, news, slots }: ClientParts) {
    this.#options = options;
    this.#emitter = emitter;
    this.#outbox = outbox;
    this.#news = news;
    this.#clientId = options.clientId;
    const { clock, resume } = options;
    this.#held =
      options.clean && resume.filters.length === 0
        ? undefined
        : new HeldMessages({
            clock,
            deliver: (message) => this.#deliver(message),
            warn: (message) => emitter.emit('warning', { message }),
          });
    this[ACTOR] = actor;
    const { connection, queue, subscriptions } = actor.getSnapshot().children;
    if (connection === undefined || queue === undefined || subscriptions === undefined)
      throw new IotError('INTERNAL', 'a machine is missing');
    this.#watch = new StatusWatch(connection, outbox, emitter, clock);
    this.#calls = this.#connectionCalls(connection);
    this.#subscriptions = this.#subscriptionCalls(connection, subscriptions);
    this.#shadows = new ClientShadows({
      options,
      emitter,
      outbox,
      slots,
      subscriptions: this.#subscriptions,
      actor,
      send: (command) => this.send(command),
    });
    this.#queue = new QueueView({
      outbox,
      recovered: () => news.opening.promise,
      drain: () => queue.getSnapshot().context.drain,
      pace: (drain) => this.send({ type: 'pace', drain }),
    });
    if (journal === undefined) news.opening.resolve({ messages: 0, missing: 0 });
    this.#closed = this.#run(actor, journal);
    journal?.open();
    this.#subscriptions.resume(resume.filters);
  }

  /** Hears of the machines until they have ended. Resolves when nothing is open any more. */
  async #run(actor: ClientActorRef, journal: Journal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const ended = (error: IotError): void => {
        this.#end(error);
        // In the same step: what it finds from now on has nowhere to go.
        resolve(journal?.close());
      };
      actor.on('*', (fact) => this.#observe(fact));
      actor.subscribe({
        next: (snapshot) => {
          this.#isRunning = snapshot.matches({ open: 'running' });
          if (!this.#isRunning) this.#held?.close();
        },
        complete: () => ended(actor.getSnapshot().context.failure ?? closed()),
        error: (cause) => ended(new IotError('INTERNAL', 'the client machine failed', { cause })),
      });
    });
  }

  #connectionCalls(connection: ConnectionRef): ConnectionCalls {
    return new ConnectionCalls({
      clock: this.#options.clock,
      send: (command) => this.send(command),
      status: () => this.status,
      isRunning: () => this.#isRunning,
      isRefused: () => {
        const snapshot = connection.getSnapshot();
        return snapshot.matches('failed') || snapshot.matches({ backingOff: 'slow' });
      },
      lastFailure: () => connection.getSnapshot().context.failure,
    });
  }

  #subscriptionCalls(connection: ConnectionRef, subscriptions: SubscriptionsRef): Subscriptions {
    return new Subscriptions({
      clock: this.#options.clock,
      emitter: this.#emitter,
      send: (command) => this.send(command),
      isUp: () => isUp(this.status) && !connection.getSnapshot().matches(QUIET),
      isWanted: (filter) => subscriptions.getSnapshot().context.wanted.has(filter),
      room: () => {
        const most = this.#options.maxSubscriptions;
        return { isFull: subscriptions.getSnapshot().context.wanted.size >= most, most };
      },
      held: (filter) => this.#held?.wanted(filter),
      left: (filter) => this.#held?.unwanted(filter),
    });
  }

  [PRINTED](): object {
    const { clientId, status, queue } = this;
    return { clientId, status, queue };
  }

  get clientId(): string {
    return this.#clientId;
  }

  get queue(): OfflineQueue {
    return this.#queue;
  }

  get status(): Status {
    return this.#watch.status;
  }

  statusChanges(): AsyncIterableIterator<Status, undefined> {
    return this.#watch.changes();
  }

  // The calls are async so that bad input rejects the promise like any other failure, instead of throwing at the caller.

  async when(state: StatusState, options: CallOptions = {}): Promise<Status> {
    oneOf('state', state, STATES);
    checkOptions(options, CALL_FIELDS);
    return await this.#watch.when(state, options);
  }

  async connect(options: CallOptions = {}): Promise<void> {
    checkOptions(options, CALL_FIELDS);
    this.#throwIfClosed();
    this.#network.start();
    await this.#calls.connect(options);
  }

  async disconnect(options: EndOptions = {}): Promise<void> {
    checkEnd(options);
    if (this.status.state === 'closed') return;
    await this.#calls.disconnect(options.flushTimeoutMs);
  }

  async close(options: EndOptions = {}): Promise<void> {
    checkEnd(options);
    this.send({ type: 'close', ...options });
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  networkOnline(): void {
    this.send({ type: 'network.online' });
  }

  publish(topic: string, payload: PayloadInput, options?: PublishOptions): Promise<PublishReceipt> {
    // What the executor throws rejects the promise.
    return new Promise((resolve, reject) => {
      if (options !== undefined) checkPublish(options);
      this.#throwIfClosed();
      const message = outgoingMessage(topic, payload, options, this.#options);
      const publication = new Publication(message, this.#news, resolve, reject);
      const entry = this.#accept(message, publication, options);
      if (options === undefined || publication.isEnded) return;
      publication.release = watchCall('publish()', options, this.#options.clock, ({ reason, error }) => {
        if (reason !== error) publication.abortReason = { value: reason };
        this.#outbox.end(entry, error);
      });
    });
  }

  async subscribe(
    filter: string,
    ...rest: [MessageHandler] | [SubscribeOptions, MessageHandler]
  ): Promise<Subscription> {
    const [given, handler] = rest.length === 2 ? rest : [undefined, rest[0]];
    const options = given === undefined ? {} : given;
    this.#checkFilter(filter);
    checkOptions(options, SUBSCRIBE_FIELDS);
    const { qos = 0 } = options;
    qosOf('qos', qos);
    const asked = subscriptionOptions(filter, options, this.#options.protocolVersion);
    functionOf('handler', handler);
    this.#throwIfClosed();
    return await this.#subscriptions.hold({ filter, qos, options: asked, handler }, options).call;
  }

  async unsubscribe(filter: string, options: CallOptions = {}): Promise<void> {
    this.#checkFilter(filter);
    checkOptions(options, CALL_FIELDS);
    await this.#subscriptions.unsubscribe(filter, options);
  }

  messages(filter: string, options: MessagesOptions = {}): AsyncIterable<Message, undefined> {
    this.#checkFilter(filter);
    checkFields('options', options, MESSAGES_FIELDS);
    const { qos = 0, bufferSize = 1_000, overflow = 'dropOldest' } = options;
    wholeNumber('bufferSize', bufferSize, 1, Number.MAX_SAFE_INTEGER);
    oneOf('overflow', overflow, ['dropOldest', 'dropNewest']);
    const asked = subscriptionOptions(filter, options, this.#options.protocolVersion);
    const request = { filter, qos: qosOf('qos', qos), options: asked };
    return {
      [Symbol.asyncIterator]: () => {
        this.#throwIfClosed();
        return this.#subscriptions.stream(request, { limit: bufferSize, overflow });
      },
    };
  }

  shadow<T = JsonObject>(thingName: string, options: ShadowOptions<T> = {}): Shadow<T> {
    this.#throwIfClosed();
    return this.#shadows.open(thingName, options);
  }

  dehydrate(): DehydratedClient {
    return {
      version: 1,
      subscriptions: this.#subscriptions.dehydrate(),
      shadows: this.#shadows.dehydrate(),
    };
  }

  /** Tells the machine. XState warns of events for an actor that has stopped; what comes too late is nothing to warn of. */
  send(command: ClientCommand): void {
    if (this[ACTOR].getSnapshot().status === 'active') this[ACTOR].send(command);
  }

  /** A message came in. */
  received(incoming: IncomingMessage): void {
    const message = new Message(incoming);
    this.#held?.deliverDue();
    if (!this.#deliver(message)) this.#held?.hold(message);
  }

  on<K extends keyof ClientEvents>(event: K, listener: (event: ClientEvents[K]) => unknown): () => void {
    oneOf('event', event, EVENTS);
    functionOf('listener', listener);
    const remove = this.#emitter.on(event, listener);
    if (event === 'message') this.#held?.offer();
    return remove;
  }

  #accept(message: OutgoingMessage, publication: Publication, options: PublishOptions | undefined): Entry {
    try {
      return this.#outbox.add(message, publication, options);
    } catch (error) {
      if (IotError.is(error) && error.code === 'QUEUE_FULL') this.#news.dropped(message, error);
      throw error;
    }
  }

  /** Brings a message to its handlers and to the listeners of `message`. False when there is none of either. */
  #deliver(message: Message): boolean {
    const isHandled = this.#subscriptions.route(message);
    return this.#emitter.emitMessage(message) || isHandled;
  }

  /** Brings a fact of the machines to those who wait for it. */
  #observe(fact: ClientFact): void {
    this.#calls.observe(fact);
    // While their machines are still there: XState warns of what is told to one that has stopped.
    if (!this.#isRunning && LINE_IS_OVER.has(fact.type)) this.#shadows.close(closed());
    this.#shadows.observe(fact);
    switch (fact.type) {
      case 'connection.connected':
        this.#clientId = fact.session.assignedClientId ?? this.#clientId;
        break;
      case 'connection.disconnected':
        this.#subscriptions.disconnected();
        this.#held?.tellLosses();
        break;
      case 'connection.failed':
      case 'connection.ended':
        // Nobody wants a line any more, or only a new connect() can bring it back.
        this.#network.stop();
        break;
      case 'filter.granted':
        this.#subscriptions.granted(fact.filter, fact.qos);
        break;
      case 'filter.refused':
        this.#subscriptions.refused(fact.filter, fact.error);
        break;
      case 'filter.released':
        this.#subscriptions.released(fact.filter);
        break;
      case 'queue.drained':
        this.#emitter.emit('drained', { inFlight: this.status.inFlight });
        break;
      case 'queue.endless':
        this.#emitter.emit('endlessDrain', { queued: this.status.queued });
        break;
      default:
    }
  }

  /** The machine has ended, by `close()` or because somebody stopped it: everything that is still open ends too. */
  #end(error: IotError): void {
    this.#isRunning = false;
    this.#network.stop();
    this.#held?.close();
    this.#shadows.close(error);
    this.#outbox.close(error);
    this.#news.opening.reject(error);
    this.#subscriptions.close(error);
    this.#calls.close(error);
    this.#watch.close();
  }

  #checkFilter(filter: string): void {
    validateTopicFilter(filter);
    if (this.#options.isAws) validateAwsTopic(filter, 'filter');
  }

  #throwIfClosed(): void {
    if (!this.#isRunning) throw new IotError('CLOSED', 'the client is closed');
  }
}

function closed(): IotError {
  return new IotError('CLOSED', 'the client was closed');
}
