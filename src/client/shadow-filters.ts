import type { WatchedTopics, WatchingFact } from '../machines/device-shadow.types.ts';
import { IotError } from '../protocol/errors.ts';
import type { Message } from '../protocol/received-message.ts';
import type { ShadowOperationKind } from '../protocol/shadow-topics.ts';
import type { HeldSubscription } from './subscription.ts';
import type { Subscriptions } from './subscriptions.ts';

/** What the filters of a shadow need of the client. */
export interface ShadowFiltersContext {
  readonly subscriptions: Subscriptions;
  /** Whether the broker has granted it in the session that there is. */
  readonly isGranted: (filter: string) => boolean;
  readonly received: (message: Message) => void;
}

interface Hold {
  readonly filters: readonly string[];
  readonly listener: (fact: WatchingFact) => void;
}

/** The subscriptions of one shadow: each filter once, for all who hold it. */
export class ShadowFilters {
  readonly #prefix: string;
  readonly #isExact: boolean;
  readonly #context: ShadowFiltersContext;
  readonly #held = new Map<string, HeldSubscription>();
  readonly #holds = new Set<Hold>();
  /** UNSUBSCRIBEs that have no answer. */
  readonly #releasing = new Map<string, Promise<void>>();

  constructor(prefix: string, isExact: boolean, context: ShadowFiltersContext) {
    this.#prefix = prefix;
    this.#isExact = isExact;
    this.#context = context;
  }

  /**
   * The filters for the answers to requests of one kind.
   *
   * @param isKept whether they stay: then they are the same for all kinds
   */
  forAnswers(kind: ShadowOperationKind, isKept: boolean): readonly string[] {
    if (this.#isExact) return this.#named(`${kind}/accepted`, `${kind}/rejected`);
    const shared = this.#named('+/accepted', '+/rejected');
    if (isKept || shared.every((filter) => this.#held.has(filter))) return shared;
    // `update/+` would bring every delta and both documents of every update.
    return kind === 'update' ? this.#named('update/accepted', 'update/rejected') : this.#named(`${kind}/+`);
  }

  /** The filters for what is watched. */
  forWatching({ deltas, documents }: WatchedTopics): readonly string[] {
    const answers = this.#isExact
      ? this.#named('get/accepted', 'get/rejected', 'update/accepted', 'delete/accepted')
      : this.forAnswers('get', true);
    return [
      ...answers,
      ...(deltas ? this.#named('update/delta') : []),
      ...(documents ? this.#named('update/documents') : []),
    ];
  }

  /**
   * Holds filters until the result is called. Tells, at once and for each session, when all of them are granted; or once that
   * one of them cannot be had.
   */
  hold(filters: readonly string[], listener: (fact: WatchingFact) => void): () => void {
    const hold: Hold = { filters, listener };
    this.#holds.add(hold);
    try {
      for (const filter of filters) this.#subscribe(filter);
      this.#tellIfGranted(hold);
    } catch (error) {
      this.#release(hold);
      listener({ type: 'topics.refused', error: asRefusal(error) });
    }
    return () => this.#release(hold);
  }

  /** Calls back once the broker has forgotten what nobody holds any more. The result takes it back. */
  onReleased(callback: () => void): () => void {
    let isWanted = true;
    void Promise.allSettled([...this.#releasing.values()]).then(() => {
      if (isWanted) callback();
    });
    return () => {
      isWanted = false;
    };
  }

  /** Releases everything. Resolves when the broker has forgotten it. */
  async close(): Promise<void> {
    for (const hold of [...this.#holds]) this.#release(hold);
    await Promise.allSettled([...this.#releasing.values()]);
  }

  /** The topic of one kind of message. */
  nameOf(kind: string): string {
    return `${this.#prefix}/${kind}`;
  }

  #named(...rest: readonly string[]): string[] {
    return rest.map((one) => this.nameOf(one));
  }

  #subscribe(filter: string): void {
    if (this.#held.has(filter)) return;
    const held = this.#context.subscriptions.hold(
      {
        filter,
        qos: 0,
        options: undefined,
        isInternal: true,
        handler: (message) => this.#context.received(message),
        granted: () => this.#granted(filter),
        ended: (reason) => this.#ended(filter, reason),
      },
      {},
    );
    this.#held.set(filter, held);
  }

  #granted(filter: string): void {
    for (const hold of [...this.#holds]) if (hold.filters.includes(filter)) this.#tellIfGranted(hold);
  }

  #tellIfGranted(hold: Hold): void {
    if (!this.#holds.has(hold)) return;
    if (hold.filters.every((filter) => this.#context.isGranted(filter)))
      hold.listener({ type: 'topics.granted' });
  }

  /** The broker refuses it, or the client is closed; or it was released here. */
  #ended(filter: string, reason: unknown): void {
    if (!this.#held.delete(filter)) return;
    const error = asRefusal(reason);
    for (const hold of [...this.#holds]) {
      if (!hold.filters.includes(filter)) continue;
      this.#release(hold);
      hold.listener({ type: 'topics.refused', error });
    }
  }

  #release(hold: Hold): void {
    if (!this.#holds.delete(hold)) return;
    for (const filter of hold.filters) {
      if ([...this.#holds].some(({ filters }) => filters.includes(filter))) continue;
      const held = this.#held.get(filter);
      if (held === undefined) continue;
      // Before it is told that it has ended: that was our own wish.
      this.#held.delete(filter);
      const releasing = held.unsubscribe().finally(() => {
        if (this.#releasing.get(filter) === releasing) this.#releasing.delete(filter);
      });
      releasing.catch(() => undefined);
      this.#releasing.set(filter, releasing);
    }
  }
}

function asRefusal(reason: unknown): IotError {
  if (!IotError.is(reason)) return new IotError('INTERNAL', 'a subscription ended', { cause: reason });
  const { code, message, reasonCode } = reason;
  if (code !== 'SUBSCRIPTION_REFUSED' && code !== 'POISON_SUBSCRIPTION') return reason;
  return new IotError(code, message, {
    cause: reason,
    remediation:
      'The policy must allow iot:Subscribe on topicfilter/… and iot:Receive on topic/… of this shadow; for one that lists each topic give client.shadow() `topics: "exact"`.',
    reasonCode,
  });
}
