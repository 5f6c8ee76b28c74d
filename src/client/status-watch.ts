import type { ActorRefFrom } from 'xstate';
import type { Outbox } from '../delivery/outbox.ts';
import type { ConnectionMachine } from '../machines/connection.machine.ts';
import type { Clock } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { type CallOptions, watchCall } from './deadline.ts';
import type { Emitter } from './events.ts';
import { MessageQueue } from './message-queue.ts';
import { type ConnectionStatus, connectionStatus, type Status, type StatusState } from './status.ts';

/** How many changes an iterator that nobody reads may keep before it drops the oldest. */
const MOST_CHANGES = 1_000;

interface Waiter {
  readonly state: StatusState;
  readonly resolve: (status: Status) => void;
  readonly reject: (reason: unknown) => void;
}

/** Tells the status, its changes, and when it becomes what somebody waits for. */
export class StatusWatch {
  readonly #outbox: Outbox;
  readonly #emitter: Emitter;
  readonly #clock: Clock;
  readonly #streams = new Set<MessageQueue<Status>>();
  readonly #waiters = new Set<Waiter>();
  #known: ConnectionStatus;

  constructor(connection: ActorRefFrom<ConnectionMachine>, outbox: Outbox, emitter: Emitter, clock: Clock) {
    this.#outbox = outbox;
    this.#emitter = emitter;
    this.#clock = clock;
    this.#known = connectionStatus(connection.getSnapshot());
    connection.subscribe({
      next: (snapshot) => this.#observe(connectionStatus(snapshot)),
      // The client machine ends the client over it. Without an observer XState would throw it at the process.
      error: () => {},
    });
  }

  get status(): Status {
    const { waiting, toResend, inFlight } = this.#outbox;
    return { ...this.#known, queued: waiting + toResend, inFlight };
  }

  changes(): AsyncIterableIterator<Status, undefined> {
    const stream: MessageQueue<Status> = new MessageQueue(
      { limit: MOST_CHANGES, overflow: 'dropOldest' },
      { onReturn: () => this.#streams.delete(stream), onOverflow: () => undefined },
    );
    if (this.#known.state === 'closed') stream.finish();
    else this.#streams.add(stream);
    return stream;
  }

  when(state: StatusState, options: CallOptions): Promise<Status> {
    if (this.#known.state === state) return Promise.resolve(this.status);
    const never = neverAgain(this.#known);
    if (never !== undefined) return Promise.reject(never);
    return new Promise((resolve, reject) => {
      const free = watchCall('when()', options, this.#clock, ({ reason }) => {
        this.#waiters.delete(waiter);
        reject(reason);
      });
      const waiter: Waiter = {
        state,
        resolve: (status) => {
          free?.();
          resolve(status);
        },
        reject: (reason) => {
          free?.();
          reject(reason);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  close(): void {
    this.#observe({ state: 'closed', stable: false });
    for (const stream of this.#streams) stream.finish();
    this.#streams.clear();
  }

  #observe(next: ConnectionStatus): void {
    // The client's end is heard before the last news of its connection, and there is nothing after it.
    if (this.#known.state === 'closed' || isSame(this.#known, next)) return;
    this.#known = next;
    const { status } = this;
    for (const stream of this.#streams) stream.push(status);
    const never = neverAgain(next);
    for (const waiter of this.#waiters) {
      if (waiter.state === next.state) waiter.resolve(status);
      else if (never !== undefined) waiter.reject(never);
      else continue;
      this.#waiters.delete(waiter);
    }
    this.#emitter.emit('status', status);
  }
}

/** Why a state that has not come will not come by itself any more; undefined while it still may. */
function neverAgain(status: ConnectionStatus): IotError | undefined {
  if (status.state === 'closed') return new IotError('CLOSED', 'the client is closed');
  if (status.state !== 'failed') return undefined;
  return status.reason ?? new IotError('INTERNAL', 'the connection has failed');
}

function isSame(a: ConnectionStatus, b: ConnectionStatus): boolean {
  if (a.state !== b.state || a.stable !== b.stable) return false;
  if (a.state === 'backingOff' && b.state === 'backingOff') return a.retryAt === b.retryAt;
  return true;
}
