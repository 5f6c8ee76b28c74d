import type { ClientCommand } from '../machines/client.types.ts';
import type { Clock } from '../protocol/clock.ts';
import { describe, IotError } from '../protocol/errors.ts';
import type { QoS } from '../protocol/message.ts';
import type { Message } from '../protocol/received-message.ts';
import { TopicTrie } from '../protocol/topic-trie.ts';
import { type CallOptions, watchCall } from './deadline.ts';
import type { Emitter } from './events.ts';
import { MessageQueue, type Overflow } from './message-queue.ts';
import { Outcome } from './outcome.ts';
import type { DehydratedSubscription, ResumedFilter } from './resume.ts';
import { HeldSubscription, isRefusal, type SubscriptionRequest } from './subscription.ts';

/** What the app's subscriptions need of the rest of the client. */
export interface SubscriptionsContext {
  readonly clock: Clock;
  readonly emitter: Emitter;
  readonly send: (command: Extract<ClientCommand, { type: 'filter.wanted' | 'filter.unwanted' }>) => void;
  /** Whether there is a line, so that an answer of the broker can be waited for. */
  readonly isUp: () => boolean;
  /** Whether somebody still holds the filter, by the machine that counts. */
  readonly isWanted: (filter: string) => boolean;
  /** Whether one more filter may be held, and how many there may be. */
  readonly room: () => { readonly isFull: boolean; readonly most: number };
  /** Is told of each new holder of a filter, once messages find it. */
  readonly held: (filter: string) => void;
  /** Is told that the last holder of a filter has unsubscribed it. */
  readonly left: (filter: string) => void;
}

/** The app's subscriptions: brings each message to its handlers, and each fact of the machine to its promises. */
export class Subscriptions {
  readonly #context: SubscriptionsContext;
  readonly #routes = new TopicTrie<HeldSubscription>();
  readonly #byFilter = new Map<string, Set<HeldSubscription>>();
  readonly #releases = new Map<string, Outcome<void>>();
  /** What an earlier process wanted, until the app comes for it. */
  readonly #resumed = new Map<string, ResumedFilter>();
  #order = 0;

  constructor(context: SubscriptionsContext) {
    this.#context = context;
  }

  /**
   * Holds a filter from now on. The promise of the call, `held.call`, ends by the rule for every call.
   *
   * @throws IotError `TOO_MANY_SUBSCRIPTIONS`
   */
  hold(request: SubscriptionRequest, options: CallOptions): HeldSubscription {
    this.#checkRoom(request.filter);
    const held = new HeldSubscription(request, this.#order++, (one, given) => this.#unsubscribe(one, given));
    this.#add(held);
    // Whoever waits for the end of this filter need not wait longer: it is wanted again, and may never be released.
    this.released(request.filter);
    held.release = watchCall('subscribe()', options, this.#context.clock, ({ reason }) => {
      this.#drop(held, reason);
    });
    this.#want(request);
    const { filter } = request;
    // The app has come for it: its own hold counts from now on.
    if (request.isInternal !== true && this.#resumed.delete(filter))
      this.#context.send({ type: 'filter.unwanted', filter });
    this.#context.held(filter);
    if (!this.#context.isUp()) held.recorded();
    return held;
  }

  /**
   * Holds a filter for one loop over its messages, which may fall behind by so many.
   *
   * @throws IotError `TOO_MANY_SUBSCRIPTIONS`
   */
  stream(
    request: Omit<SubscriptionRequest, 'handler'>,
    buffer: { readonly limit: number; readonly overflow: Overflow },
  ): AsyncIterator<Message, undefined> {
    const { emitter } = this.#context;
    const queue: MessageQueue<Message> = new MessageQueue(buffer, {
      // Leaving the loop waits for nobody: what the broker answers is of no interest any more.
      onReturn: () => void held.unsubscribe(),
      onOverflow: (dropped) => emitter.emit('overflow', { filter: request.filter, dropped }),
    });
    const held = this.hold(
      {
        ...request,
        handler: (message) => queue.push(message),
        ended: (reason) => queue.finish(isRefusal(reason) ? { error: reason } : {}),
      },
      {},
    );
    return queue;
  }

  /** Wants what an earlier process wanted. */
  resume(filters: readonly ResumedFilter[]): void {
    for (const one of filters) {
      if (this.#resumed.has(one.filter)) continue;
      this.#resumed.set(one.filter, one);
      this.#want(one);
    }
  }

  /** What the app wants, and what is wanted for it: by filter, as it is asked of the broker. */
  dehydrate(): DehydratedSubscription[] {
    const wanted = [...this.#resumed.values()];
    for (const held of this.#byFilter.values()) {
      const asked = [...held].filter(({ isInternal }) => !isInternal);
      const newest = asked.at(-1);
      if (newest === undefined) continue;
      const qos = asked.some((one) => one.qos === 1) ? 1 : 0;
      wanted.push({ filter: newest.filter, qos, options: newest.options });
    }
    return wanted.map(({ filter, qos, options }) => ({ filter, qos, ...options }));
  }

  /** Ends every subscription of a filter, also one that an earlier process left in a session that the broker kept. */
  async unsubscribe(filter: string, options: CallOptions): Promise<void> {
    const all = [...(this.#byFilter.get(filter) ?? [])];
    for (const held of all) this.#drop(held, unsubscribed(filter));
    if (this.#resumed.delete(filter)) this.#context.left(filter);
    if (all.length === 0) this.#context.send({ type: 'filter.unwanted', filter });
    await this.#released(filter, options);
  }

  /** Calls every handler whose filter matches, in the order in which they subscribed. Returns whether there was one. */
  route(message: Message): boolean {
    const found = this.#routes.match(message.topic);
    if (found.length > 1) found.sort((a, b) => a.order - b.order);
    for (const held of found) {
      // One that is called before may have ended it.
      if (held.state !== 'ended') this.#context.emitter.call(held.handler, message);
    }
    return found.length > 0;
  }

  granted(filter: string, qos: QoS): void {
    for (const held of this.#byFilter.get(filter) ?? []) held.grant(qos);
  }

  refused(filter: string, error: IotError): void {
    this.#resumed.delete(filter);
    for (const held of [...(this.#byFilter.get(filter) ?? [])]) {
      this.#remove(held);
      held.end(error);
    }
    this.#context.emitter.emit('subscriptionRefused', { filter, error });
  }

  released(filter: string): void {
    this.#releases.get(filter)?.resolve();
    this.#releases.delete(filter);
  }

  /** The line has ended: whoever waits for an answer of the broker waits no longer, and nothing is forgotten. */
  disconnected(): void {
    for (const held of this.#all()) held.recorded();
    for (const filter of [...this.#releases.keys()]) this.released(filter);
  }

  close(error: IotError): void {
    this.disconnected();
    for (const held of this.#all()) {
      this.#remove(held);
      held.end(error);
    }
  }

  #want({ filter, qos, options }: ResumedFilter): void {
    this.#context.send({
      type: 'filter.wanted',
      filter,
      qos,
      ...(options === undefined ? {} : { options }),
    });
  }

  #checkRoom(filter: string): void {
    const { isFull, most } = this.#context.room();
    if (!isFull || this.#context.isWanted(filter)) return;
    throw new IotError('TOO_MANY_SUBSCRIPTIONS', `a connection may have ${most} subscriptions at a time`, {
      remediation:
        'Unsubscribe what is not needed, close shadows or give them persistent: false, or use filters with wildcards.',
    });
  }

  *#all(): Iterable<HeldSubscription> {
    for (const set of [...this.#byFilter.values()]) yield* [...set];
  }

  async #unsubscribe(held: HeldSubscription, options: CallOptions): Promise<void> {
    const isLate = held.state === 'ended';
    if (!isLate) this.#drop(held, unsubscribed(held.filter));
    if (!isLate || this.#releases.has(held.filter)) await this.#released(held.filter, options);
  }

  /** Resolves when the broker has forgotten a filter; at once when it is not asked to. */
  async #released(filter: string, options: CallOptions): Promise<void> {
    let release = this.#releases.get(filter);
    if (release === undefined && this.#context.isUp() && !this.#context.isWanted(filter)) {
      release = new Outcome<void>();
      this.#releases.set(filter, release);
    }
    if (release !== undefined) await this.#within(release, options);
  }

  /** The promise of one call for something that others may wait for too. */
  #within(release: Outcome<void>, options: CallOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const free = watchCall('unsubscribe()', options, this.#context.clock, ({ reason }) => reject(reason));
      release.promise.then(() => {
        free?.();
        resolve();
      }, reject);
    });
  }

  #add(held: HeldSubscription): void {
    this.#routes.add(held.filter, held);
    const set = this.#byFilter.get(held.filter) ?? new Set();
    this.#byFilter.set(held.filter, set.add(held));
  }

  #drop(held: HeldSubscription, reason: unknown): void {
    this.#remove(held);
    held.end(reason);
    if (!this.#byFilter.has(held.filter)) this.#context.left(held.filter);
    this.#context.send({ type: 'filter.unwanted', filter: held.filter });
  }

  #remove(held: HeldSubscription): void {
    this.#routes.delete(held.filter, held);
    const set = this.#byFilter.get(held.filter);
    set?.delete(held);
    if (set?.size === 0) this.#byFilter.delete(held.filter);
  }
}

function unsubscribed(filter: string): IotError {
  return new IotError('ABORTED', `the subscription of ${describe(filter)} was ended before it was granted`);
}
