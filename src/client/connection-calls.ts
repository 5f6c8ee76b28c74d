import type { ClientCommand, ClientFact } from '../machines/client.types.ts';
import type { Clock } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import { type CallOptions, watchCall } from './deadline.ts';
import { Outcome } from './outcome.ts';
import type { Status } from './status.ts';

/** What the calls need of the rest of the client. */
export interface ConnectionCallsContext {
  readonly clock: Clock;
  readonly send: (command: ClientCommand) => void;
  readonly status: () => Status;
  /** False from `close()` on. */
  readonly isRunning: () => boolean;
  /** Whether the machine has given up, or goes on only slowly because a person must mend something. */
  readonly isRefused: () => boolean;
  /** Why the last attempt or line ended, since there was a line. */
  readonly lastFailure: () => IotError | undefined;
}

interface Ask {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** The promises of `connect` and `disconnect`: turns the connection's facts into their ends. */
export class ConnectionCalls {
  readonly #context: ConnectionCallsContext;
  readonly #asks = new Set<Ask>();
  #ending: Outcome<void> | undefined;

  constructor(context: ConnectionCallsContext) {
    this.#context = context;
  }

  connect(options: CallOptions): Promise<void> {
    // Whoever waited for the end need not wait longer: the line comes back.
    this.#endAll();
    return new Promise((resolve, reject) => {
      const free = watchCall('connect()', options, this.#context.clock, ({ reason }) => {
        this.#asks.delete(ask);
        reject(withLastFailure(reason, this.#context.lastFailure()));
        this.#context.send({ type: 'withdraw' });
      });
      const ask: Ask = {
        resolve: () => {
          free?.();
          resolve();
        },
        reject: (reason) => {
          free?.();
          reject(reason);
        },
      };
      this.#asks.add(ask);
      this.#context.send({ type: 'connect' });
      if (isUp(this.#context.status())) this.#grant();
    });
  }

  disconnect(flushTimeoutMs: number | undefined): Promise<void> {
    this.#ending ??= new Outcome<void>();
    const { promise } = this.#ending;
    // The machine counts them no more: if one gave up later, that would be taken for somebody who asked since then.
    if (this.#context.isRunning()) this.#refuse(disconnected());
    this.#context.send({ type: 'disconnect', ...(flushTimeoutMs === undefined ? {} : { flushTimeoutMs }) });
    return promise;
  }

  observe(fact: ClientFact): void {
    switch (fact.type) {
      case 'connection.connected':
        this.#grant();
        break;
      case 'connection.lost':
        // So that a person sees it; the machine goes on where it can.
        if (this.#context.isRefused()) this.#refuse(fact.error);
        break;
      case 'connection.ended':
        // Of a client that closes: then everything ends as closed.
        if (!this.#context.isRunning()) return;
        this.#refuse(disconnected());
        this.#endAll();
        break;
      default:
    }
  }

  close(error: IotError): void {
    this.#refuse(error);
    this.#endAll();
  }

  #grant(): void {
    for (const ask of this.#asks) ask.resolve();
    this.#asks.clear();
  }

  #refuse(error: IotError): void {
    for (const ask of this.#asks) ask.reject(error);
    this.#asks.clear();
  }

  #endAll(): void {
    this.#ending?.resolve();
    this.#ending = undefined;
  }
}

function disconnected(): IotError {
  return new IotError('DISCONNECTED', 'disconnect() was called before the line was there');
}

/** Whether there is a line that is not about to end. */
export function isUp({ state }: Status): boolean {
  return state === 'resubscribing' || state === 'draining' || state === 'live';
}

/** A deadline says by itself only that time is up: whoever reads it wants to know what kept the line from coming up. */
function withLastFailure(reason: unknown, failure: IotError | undefined): unknown {
  if (failure === undefined || !IotError.is(reason) || reason.code !== 'TIMEOUT') return reason;
  return new IotError('TIMEOUT', `${reason.message}; the last failure: ${failure.message}`, {
    cause: failure,
    remediation: failure.remediation,
  });
}
