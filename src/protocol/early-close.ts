import type { IotError } from './errors.ts';
import type { Caution, LineEnd } from './transport.ts';

/** A publish as the classifier knows it: the same object as long as it is the same publish. */
export interface SuspectPublish {
  readonly topic: string;
}

/** What was open when a line ended. */
export interface ClosedLine<P extends object> {
  readonly end: LineEnd;
  /** From CONNACK to the end, in milliseconds. */
  readonly livedMs: number;
  /** The QoS 1 publishes that this line carried and that had no PUBACK. */
  readonly publishes: readonly P[];
}

/** What the classifier found out. */
export type Verdict<P extends object> =
  | { readonly kind: 'network' }
  | { readonly kind: 'duplicateClientId'; readonly error: IotError }
  | { readonly kind: 'poisonPublish'; readonly publish: P; readonly closes: number }
  | { readonly kind: 'poisonFilter'; readonly filter: string; readonly closes: number };

/** What the classifier asks of a new line; the suspects among the publishes go one at a time, and nothing beside them. */
export interface Inquiry<P extends object> extends Caution {
  readonly publishes: ReadonlySet<P>;
}
