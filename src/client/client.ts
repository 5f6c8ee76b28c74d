import { createActor } from 'xstate';
import type { Outbox } from '../delivery/outbox.ts';
import { ACTOR, type ClientActorRef } from '../machines/actor-of.ts';
import { clientMachine } from '../machines/client.machine.ts';
import type { ClientCommand, ClientFact } from '../machines/client.types.ts';
import { IotError } from '../protocol/errors.ts';
import { Handle } from '../protocol/handle.ts';
import type { OutgoingMessage, QoS } from '../protocol/message.ts';
import { encodePayload, type PayloadInput } from '../protocol/payload.ts';
import { Message } from '../protocol/received-message.ts';
import { validateAwsTopic, validateTopicFilter, validateTopicName } from '../protocol/topics.ts';
import {
  checkAwsMessage,
  checkFields,
  checkPublishSize,
  functionOf,
  oneOf,
  positiveMs,
  qosOf,
  wholeNumber,
} from './checks.ts';
import { ConnectionCalls, isUp } from './connection-calls.ts';
import { type CallOptions, checkCall, throwIfAborted, watchCall } from './deadline.ts';
import { type ClientEvents, Emitter, EVENTS } from './events.ts';
import type {
  EndOptions,
  IotClient,
  MessagesOptions,
  PublishOptions,
  SubscribeOptions,
} from './iot-client.ts';
import { MessageQueue, type Overflow } from './message-queue.ts';
import { type IotClientOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { createPorts } from './ports.ts';
import { Publication, type PublishReceipt, type TellUndelivered } from './publication.ts';
import { STATES, type Status, type StatusState } from './status.ts';
import { StatusWatch } from './status-watch.ts';
import type { MessageHandler, Subscription } from './subscription.ts';
import { Subscriptions } from './subscriptions.ts';

/**
 * Makes a client. It dials nothing and keeps no process alive until `connect()`.
 *
 * @throws IotError `INVALID_ARGUMENT` for bad options: which field, what it may be, what was given
 */
export function createIotClient(options: IotClientOptions): IotClient {
  return new DeviceClient(resolveOptions(options));
}

const CALL_FIELDS = ['signal', 'timeoutMs'];
const PUBLISH_FIELDS = [...CALL_FIELDS, 'qos', 'retain', 'expiresInMs'];
const SUBSCRIBE_FIELDS = [...CALL_FIELDS, 'qos'];

/** Turns calls into commands of the machines, and their facts into promises. Decides nothing. */
class DeviceClient implements IotClient {
  readonly [ACTOR]: ClientActorRef;
  readonly #options: ResolvedOptions;
  readonly #outbox: Outbox;
  readonly #emitter = new Emitter();
  readonly #watch: StatusWatch;
  readonly #calls: ConnectionCalls;
  readonly #subscriptions: Subscriptions;
  readonly #tellUndelivered: TellUndelivered;
  readonly #closed: Promise<void>;
  /** Whether calls are still taken, as the machine says: not from `close()` on. */
  #isRunning = true;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    const { clock, reconnect, attemptTimeoutMs, operationTimeoutMs, drain } = options;
    const { outbox, ports } = createPorts(options, {
      onMessage: (incoming) => this.#received(new Message(incoming)),
      warn: (message) => this.#emitter.emit('warning', { message }),
      reportError: (error) => this.#emitter.report(error),
    });
    this.#outbox = outbox;
    const actor = createActor(clientMachine, {
      clock,
      input: {
        ports: new Handle(ports),
        connection: { backoff: reconnect, attemptTimeoutMs },
        drain,
        operationTimeoutMs,
      },
    });
    this[ACTOR] = actor;
    actor.on('*', (fact) => this.#observe(fact));
    this.#closed = new Promise((resolve) => {
      const closed = (error: IotError): void => {
        this.#end(error);
        resolve();
      };
      actor.subscribe({
        next: (snapshot) => {
          this.#isRunning = snapshot.matches({ open: 'running' });
        },
        complete: () =>
          closed(actor.getSnapshot().context.failure ?? new IotError('CLOSED', 'the client was closed')),
        error: (cause) => closed(new IotError('INTERNAL', 'the client machine failed', { cause })),
      });
    });
    const { connection, subscriptions } = actor.getSnapshot().children;
    if (connection === undefined || subscriptions === undefined)
      throw new IotError('INTERNAL', 'a machine is missing');
    const send = (command: ClientCommand): void => this.#send(command);
    this.#watch = new StatusWatch(connection, outbox, this.#emitter, clock);
    this.#calls = new ConnectionCalls({
      clock,
      send,
      status: () => this.status,
      isRunning: () => this.#isRunning,
      isRefused: () => {
        const snapshot = connection.getSnapshot();
        return snapshot.matches('failed') || snapshot.matches({ backingOff: 'slow' });
      },
      lastFailure: () => connection.getSnapshot().context.failure,
    });
    this.#subscriptions = new Subscriptions({
      clock,
      emitter: this.#emitter,
      send,
      isUp: () => isUp(this.status),
      isWanted: (filter) => subscriptions.getSnapshot().context.wanted.has(filter),
    });
    this.#tellUndelivered = ({ topic, qos }, error) =>
      this.#emitter.emit('undelivered', { topic, qos, error });
    actor.start();
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
    await this.#calls.connect(options);
  }

  async disconnect(options: EndOptions = {}): Promise<void> {
    checkEnd(options);
    if (this.status.state === 'closed') return;
    await this.#calls.disconnect(options.flushTimeoutMs);
  }

  async close(options: EndOptions = {}): Promise<void> {
    checkEnd(options);
    this.#send({ type: 'close', ...options });
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  networkOnline(): void {
    this.#send({ type: 'network.online' });
  }

  publish(topic: string, payload: PayloadInput, options?: PublishOptions): Promise<PublishReceipt> {
    // What the executor throws rejects the promise.
    return new Promise((resolve, reject) => {
      if (options !== undefined) checkPublish(options);
      this.#throwIfClosed();
      const message = this.#outgoing(topic, payload, options);
      const publication = new Publication(message, this.#tellUndelivered, resolve, reject);
      const entry = this.#outbox.add(message, publication, options);
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
    functionOf('handler', handler);
    this.#throwIfClosed();
    return await this.#subscriptions.hold({ filter, qos, handler }, options).call;
  }

  async unsubscribe(filter: string, options: CallOptions = {}): Promise<void> {
    this.#checkFilter(filter);
    checkOptions(options, CALL_FIELDS);
    await this.#subscriptions.unsubscribe(filter, options);
  }

  messages(filter: string, options: MessagesOptions = {}): AsyncIterable<Message, undefined> {
    this.#checkFilter(filter);
    checkFields('options', options, ['qos', 'bufferSize', 'overflow']);
    const { qos = 0, bufferSize = 1_000, overflow = 'dropOldest' } = options;
    wholeNumber('bufferSize', bufferSize, 1, Number.MAX_SAFE_INTEGER);
    oneOf('overflow', overflow, ['dropOldest', 'dropNewest']);
    const request = { filter, qos: qosOf('qos', qos) };
    return {
      [Symbol.asyncIterator]: () => this.#stream(request, { limit: bufferSize, overflow }),
    };
  }

  on<K extends keyof ClientEvents>(event: K, listener: (event: ClientEvents[K]) => unknown): () => void {
    oneOf('event', event, EVENTS);
    functionOf('listener', listener);
    return this.#emitter.on(event, listener);
  }

  #received(message: Message): void {
    this.#subscriptions.route(message);
    this.#emitter.emitMessage(message);
  }

  /** Brings a fact of the machines to those who wait for it. */
  #observe(fact: ClientFact): void {
    this.#calls.observe(fact);
    switch (fact.type) {
      case 'connection.disconnected':
        this.#subscriptions.disconnected();
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
      case 'queue.endless':
        this.#emitter.emit('endlessDrain', { queued: this.status.queued });
        break;
      default:
    }
  }

  /** The machine has ended, by `close()` or because somebody stopped it: everything that is still open ends too. */
  #end(error: IotError): void {
    this.#isRunning = false;
    this.#outbox.close(error);
    this.#subscriptions.close(error);
    this.#calls.close(error);
    this.#watch.close();
  }

  #outgoing(topic: string, payload: PayloadInput, options: PublishOptions = {}): OutgoingMessage {
    validateTopicName(topic);
    const message = {
      topic,
      payload: encodePayload(payload),
      qos: options.qos ?? 0,
      retain: options.retain ?? false,
    };
    checkPublishSize(message);
    if (this.#options.isAws) checkAwsMessage(message);
    return message;
  }

  #stream(
    request: { readonly filter: string; readonly qos: QoS },
    buffer: { readonly limit: number; readonly overflow: Overflow },
  ): AsyncIterator<Message, undefined> {
    this.#throwIfClosed();
    const queue: MessageQueue<Message> = new MessageQueue(buffer, {
      // Leaving the loop waits for nobody: what the broker answers is of no interest any more.
      onReturn: () => void held.unsubscribe(),
      onOverflow: (dropped) => this.#emitter.emit('overflow', { filter: request.filter, dropped }),
    });
    const held = this.#subscriptions.hold(
      {
        ...request,
        handler: (message) => queue.push(message),
        ended: (reason) => queue.finish(isRefusal(reason) ? { error: reason } : {}),
      },
      {},
    );
    return queue;
  }

  #checkFilter(filter: string): void {
    validateTopicFilter(filter);
    if (this.#options.isAws) validateAwsTopic(filter, 'filter');
  }

  /** XState warns of events for an actor that has stopped; a call that comes too late is nothing to warn of. */
  #send(command: ClientCommand): void {
    if (this[ACTOR].getSnapshot().status === 'active') this[ACTOR].send(command);
  }

  #throwIfClosed(): void {
    if (!this.#isRunning) throw new IotError('CLOSED', 'the client is closed');
  }
}

/** Checks the options of a call, and that it has not been aborted before it began. */
function checkOptions(options: CallOptions, fields: readonly string[]): void {
  checkFields('options', options, fields);
  checkCall(options);
  throwIfAborted(options.signal);
}

function checkPublish(options: PublishOptions): void {
  checkOptions(options, PUBLISH_FIELDS);
  if (options.qos !== undefined) qosOf('qos', options.qos);
  if (options.retain !== undefined) oneOf('retain', options.retain, [true, false]);
  if (options.expiresInMs !== undefined) positiveMs('expiresInMs', options.expiresInMs);
}

function checkEnd(options: EndOptions): void {
  checkFields('options', options, ['flushTimeoutMs']);
  const { flushTimeoutMs } = options;
  if (flushTimeoutMs !== undefined && flushTimeoutMs !== 0) positiveMs('flushTimeoutMs', flushTimeoutMs);
}

/** The other ends of a subscription (unsubscribed, closed) end an iterator too, but are no error of it. */
function isRefusal(reason: unknown): boolean {
  return IotError.is(reason) && reason.code === 'SUBSCRIPTION_REFUSED';
}
