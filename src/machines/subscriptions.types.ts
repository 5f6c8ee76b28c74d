import type { IotError } from '../protocol/errors.ts';
import type { Handle } from '../protocol/handle.ts';
import type { FilterRequest, QoS, SubscriptionOptions } from '../protocol/message.ts';
import type { FilterAnswer, Wire } from '../protocol/transport.ts';
import type { FactListener } from './connection.types.ts';

/** One filter that somebody wants. */
export interface WantedFilter {
  /** The highest QoS that was asked for. */
  readonly qos: QoS;
  /** What the newest holder asked for (MQTT 5 only). */
  readonly options: SubscriptionOptions;
  /** How many hold it. At none it is unsubscribed. */
  readonly references: number;
  /** The QoS that the broker granted in this session; undefined while it has not. */
  readonly grantedQos: QoS | undefined;
  /** Whether the broker has it in this session, or may have it: with a lower QoS or other options than are asked for now, or because its answer was lost. */
  readonly isAtBroker: boolean;
}

/** What the subscriptions reach the world by. It travels in a {@link Handle}, so that no snapshot shows it. */
export interface SubscriptionsPorts {
  /** The wire of the line that is up now; undefined when there is none. */
  readonly currentWire: () => Pick<Wire, 'subscribe' | 'unsubscribe'> | undefined;
}

/** What a subscriptions machine is started with. */
export interface SubscriptionsInput {
  readonly ports: Handle<SubscriptionsPorts>;
  /** How long a SUBACK or UNSUBACK may take before the line is called sick. Default 5,000. */
  readonly answerTimeoutMs?: number;
  /** Is sent every {@link SubscriptionsFact}. Without one they are only emitted. */
  readonly parent?: FactListener<SubscriptionsFact>;
}

/** What a subscriptions machine remembers: filters, and how far the broker has them. */
export interface SubscriptionsContext {
  readonly ports: Handle<SubscriptionsPorts>;
  /** As its input says, or the default. */
  readonly answerTimeoutMs: number;
  readonly parent: FactListener<SubscriptionsFact> | undefined;
  /** Wanted filters, by filter, in the order in which they were first wanted. */
  readonly wanted: ReadonlyMap<string, WantedFilter>;
  /** Filters that nobody wants any more and that the broker may still have. */
  readonly unwanted: ReadonlySet<string>;
  /** No SUBSCRIBE of this session has more filters. */
  readonly filtersPerSubscribe: number;
  /** The filters of the SUBSCRIBE or UNSUBSCRIBE that is out. */
  readonly batch: readonly FilterRequest[];
}

/** What its owner may ask of it, or tells it about the session. */
export type SubscriptionsCommand =
  /** One more holds this filter. */
  | {
      readonly type: 'subscribe';
      readonly filter: string;
      readonly qos: QoS;
      readonly options?: SubscriptionOptions;
    }
  /** One fewer holds this filter. */
  | { readonly type: 'unsubscribe'; readonly filter: string }
  /**
   * A line may be used. Without `sessionPresent` the broker has forgotten every grant.
   * `filtersPerSubscribe`: no SUBSCRIBE may have more filters. Default 8, as many as AWS takes.
   */
  | {
      readonly type: 'session.started';
      readonly sessionPresent: boolean;
      readonly filtersPerSubscribe?: number;
    }
  | { readonly type: 'session.ended' }
  /** The broker closes the line over this filter: nobody gets it. */
  | { readonly type: 'filter.poisoned'; readonly filter: string; readonly error: IotError };

/** All that it takes: commands, and how the broker answered. */
export type SubscriptionsEvent =
  | SubscriptionsCommand
  | { readonly type: 'broker.answered'; readonly answers: readonly FilterAnswer[] }
  | { readonly type: 'broker.unsubscribed' }
  /** The request could not be made, or its answer could not be read. */
  | { readonly type: 'broker.failed'; readonly error: IotError };

/** What the subscriptions tell their parent, and emit. */
export type SubscriptionsFact =
  /** Every wanted filter has its answer, every unwanted one is gone. */
  | { readonly type: 'subscriptions.settled' }
  /** An answer did not come in time, or could not be asked for: the line is sick. */
  | { readonly type: 'subscriptions.unanswered'; readonly error: IotError }
  | { readonly type: 'filter.granted'; readonly filter: string; readonly qos: QoS }
  /** The broker refused it: it is no longer wanted, whoever held it. */
  | { readonly type: 'filter.refused'; readonly filter: string; readonly error: IotError }
  /** The broker has forgotten it. */
  | { readonly type: 'filter.released'; readonly filter: string };
