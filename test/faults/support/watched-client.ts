import { EVENTS } from '../../../src/client/events.ts';
import {
  type IotClient,
  type IotClientOptions,
  IotError,
  type PublishReceipt,
  type Status,
  type Subscription,
} from '../../../src/index.ts';
import { actorOf } from '../../../src/machines/index.ts';
import { DEFAULT_BACKOFF } from '../../../src/protocol/backoff.ts';
import { encodePayload, type PayloadInput, payloadBytes } from '../../../src/protocol/payload.ts';
import { utf8Bytes } from '../../../src/protocol/utf8.ts';
import type { SimulatedClock } from '../../../src/testing/index.ts';
import {
  type Backlog,
  type Emission,
  emittedAfterClosed,
  leaksIn,
  overfull,
  type StatusSample,
  strayFilters,
  unkeptIn,
  unlawfulDelays,
  untrueIn,
} from '../../support/invariants.ts';
import { PromiseRegistry } from '../../support/tracked.ts';
import { Holdings } from './holdings.ts';
import { Ledger } from './ledger.ts';
import type { Place } from './places.ts';

/** A message and an error's handler are the app's: a listener of ours could change what happens. */
const WATCHED = EVENTS.filter((event) => event !== 'message' && event !== 'handlerError');

/** On the real clock the time of a sample is read a little after that of the transition. */
const REAL_TIME_TOLERANCE_MS = 50;

/** One client of a world: what it is given, what it shows, and what is wrong with it at the end. */
export class WatchedClient {
  /** The client, for the test. */
  readonly client: IotClient;
  readonly clientId: string;
  readonly #options: IotClientOptions;
  readonly #place: Place;
  readonly #clock: SimulatedClock | undefined;
  readonly #secrets: readonly string[];
  readonly #bare: IotClient;
  readonly #registry = new PromiseRegistry();
  readonly #ledger = new Ledger();
  readonly #told: Promise<Status[]>;
  readonly #samples: StatusSample[] = [];
  readonly #backlogs: Backlog[] = [];
  readonly #emissions: Emission[] = [];
  readonly #shown: unknown[] = [];
  readonly #holdings = new Holdings();
  readonly #stopWatching: () => void;
  #unlikeTheBroker: readonly string[] = [];
  /** When it told which publish or filter had closed its lines. */
  readonly #convictedAt: number[] = [];
  /** How often the test told it to try at once. */
  #nudges = 0;

  constructor(
    place: Place,
    options: IotClientOptions & { readonly clientId: string },
    clock: SimulatedClock | undefined,
    secrets: readonly string[],
    make: (options: IotClientOptions) => IotClient,
  ) {
    this.#place = place;
    this.#options = options;
    this.#clock = clock;
    this.#secrets = secrets;
    this.clientId = options.clientId;
    this.#bare = make(options);
    this.#told = collect(this.#bare.statusChanges());
    this.#sample();
    for (const event of WATCHED) this.#bare.on(event, (value) => this.#emitted(event, value));
    this.#bare.on('subscriptionRefused', ({ filter }) => this.#holdings.refused(filter));
    // In the step of the machine itself: its delays are counted from there.
    actorOf(this.#bare)
      .getSnapshot()
      .children.connection?.subscribe(() => this.#sample());
    this.#stopWatching = place.watch(this.clientId, { written: (key) => this.#ledger.written(key) });
    this.client = this.#noting(this.#registry.tracked(this.#bare));
  }

  /** I8: looked at while it is live; afterwards there is nothing to compare. */
  lookAtSubscriptions(): void {
    if (this.#bare.status.state !== 'live') return;
    const { held, wanted } = this.#holdings;
    this.#unlikeTheBroker = strayFilters(held, wanted, this.#place.filtersOf(this.clientId));
  }

  /** Closes without waiting for anything. */
  async close(): Promise<void> {
    this.#show();
    const closing = this.#bare.close({ flushTimeoutMs: 0 });
    // Both bounds of a planned end; without a simulated clock they pass by themselves.
    this.#clock?.advance(60_000);
    await closing;
  }

  /** What is wrong, once it is closed and its last news had time to come. */
  async breaches(): Promise<string[]> {
    const { reconnect, offlineQueue } = this.#options;
    const policy = { ...DEFAULT_BACKOFF, ...reconnect };
    const queue = offlineQueue === false ? {} : (offlineQueue ?? {});
    const { maxMessages = 20, maxBytes = 64 * 1024 * 1024 } = queue;
    const tolerance = this.#clock === undefined ? REAL_TIME_TOLERANCE_MS : 1;
    this.#stopWatching();
    this.#show();
    const { unkept, reasons } = await this.#registry.judge();
    return [
      ...unkept,
      ...untrueIn(await this.#told),
      ...unkeptIn(this.#ledger.judged(this.#place.taken(this.clientId))),
      ...unlawfulDelays(this.#samples, policy, tolerance, this.#convictedAt),
      ...this.#unlikeTheBroker,
      ...overfull(this.#backlogs, { maxMessages, maxBytes }),
      ...leaksIn([...this.#shown, ...reasons], this.#secrets),
      ...emittedAfterClosed(this.#emissions),
    ];
  }

  #sample(): void {
    const { status } = this.#bare;
    this.#samples.push({ at: this.#now(), status, nudges: this.#nudges });
    this.#shown.push(status);
    this.#noteBacklog();
  }

  #now(): number {
    return this.#clock?.now() ?? performance.timeOrigin + performance.now();
  }

  #noteBacklog(): void {
    this.#backlogs.push({ state: this.#bare.status.state, ...this.#ledger.open });
  }

  #emitted(event: string, value: unknown): void {
    this.#shown.push(value);
    const { error } = value as { readonly error?: unknown };
    if (IotError.is(error) && error.code.startsWith('POISON_')) this.#convictedAt.push(this.#now());
    this.#emissions.push({ event, ...(event === 'status' ? { state: (value as Status).state } : {}) });
  }

  /** Everything that can be looked at: the client, its actors and their snapshots. */
  #show(): void {
    const actor = actorOf(this.#bare);
    const snapshot = actor.getSnapshot();
    this.#shown.push(this.#bare, this.#options.auth, snapshot, actor.getPersistedSnapshot());
    for (const child of Object.values(snapshot.children)) this.#shown.push(child?.getSnapshot());
  }

  /** The same client; what is published and subscribed is noted. */
  #noting(client: IotClient): IotClient {
    const publish: IotClient['publish'] = (topic, payload, options) => {
      const published = client.publish(topic, payload, options);
      const noted = this.#notedPublish(topic, payload, options?.qos ?? 0, published);
      if (this.#bare.status.state === 'live') this.#noteBacklog();
      // What is refused has left again before it is looked at.
      void published.catch(() => undefined).then(() => this.#noteBacklog());
      return noted;
    };
    const subscribe = (filter: string, ...rest: unknown[]): Promise<Subscription> => {
      const call = (client.subscribe as (...given: unknown[]) => Promise<Subscription>)(filter, ...rest);
      return this.#holdings.subscribed(filter, call);
    };
    const unsubscribe: IotClient['unsubscribe'] = (filter, options) =>
      this.#holdings.unsubscribed(filter, client.unsubscribe(filter, options));
    const messages: IotClient['messages'] = (filter, options) =>
      this.#holdings.looped(filter, client.messages(filter, options));
    const networkOnline = (): void => {
      this.#nudges += 1;
      client.networkOnline();
    };
    const own = new Map<PropertyKey, unknown>([
      ['publish', publish],
      ['subscribe', subscribe],
      ['unsubscribe', unsubscribe],
      ['messages', messages],
      ['networkOnline', networkOnline],
    ]);
    return new Proxy(client, {
      get: (target, property) => own.get(property) ?? Reflect.get(target, property, target),
    });
  }

  #notedPublish(
    topic: string,
    payload: PayloadInput,
    qos: 0 | 1,
    published: Promise<PublishReceipt>,
  ): Promise<PublishReceipt> {
    let encoded: string | Uint8Array;
    try {
      encoded = encodePayload(payload);
    } catch {
      // Nothing that could be told apart, or taken by a broker: the call rejects.
      return published;
    }
    const id = this.#place.keyOf(topic, encoded);
    return this.#ledger.publish({ id, qos, bytes: utf8Bytes(topic) + payloadBytes(encoded) }, published);
  }
}

async function collect<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of iterable) all.push(one);
  return all;
}
