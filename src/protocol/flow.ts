/**
 * May messages that wait be written? `closed`: no. `paced`: only as many as were released. `free`: all.
 * The offline queue machine decides; the outbox obeys.
 */
export type Flow = 'closed' | 'paced' | 'free';

/** What the offline queue machine may do to the outbox, and what it must know of it. */
export interface FlowPort {
  /** From now on. */
  setFlow(flow: Flow): void;
  /** Lets `count` more of the waiting messages go, oldest first. Only meaningful while the flow is `paced`. */
  release(count: number): void;
  /** Messages that wait and have not been released. */
  readonly backlog: number;
  /** How many messages have begun to wait since this outbox was made, but for those that a store then refused. */
  readonly joined: number;
}
