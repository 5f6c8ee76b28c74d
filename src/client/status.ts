import type { SnapshotFrom } from 'xstate';
import type { ConnectionMachine } from '../machines/connection.machine.ts';
import type { IotError } from '../protocol/errors.ts';

/** What every status tells. */
export interface StatusFigures {
  /** Whether the line has lasted for `reconnect.stableMs`, so that the backoff begins anew. */
  readonly stable: boolean;
  /** Messages that wait for their first write, or to be written again. */
  readonly queued: number;
  /** Messages that are written and not yet acknowledged. */
  readonly inFlight: number;
}

/** What the broker told with CONNACK. */
export interface SessionFigures {
  /**
   * Whether it still had this client's session, with subscriptions and messages (MQTT 3.2.2.2). False with a session that
   * should persist: it was lost, or there was none.
   */
  readonly sessionPresent: boolean;
}

/** Where the connection stands. */
export type Status = StatusFigures &
  (
    | { readonly state: 'idle' }
    /** An attempt is being made; `attempt` counts from 1 since the line was last stable. */
    | { readonly state: 'connecting'; readonly attempt: number }
    /**
     * CONNACK came; the wanted filters are being asked for. When the broker closed the lines before over something that was
     * sent, nothing is asked for up to 45 seconds, to find out what it was.
     */
    | ({ readonly state: 'resubscribing' } & SessionFigures)
    /** What had to wait is being sent. */
    | ({ readonly state: 'draining' } & SessionFigures)
    /** Resubscribed and drained: messages flow freely. */
    | ({ readonly state: 'live' } & SessionFigures)
    /**
     * The next attempt begins at `retryAt`; `attempt` have failed, the last for `reason`. `retryAt` is in milliseconds of
     * the client's clock, `performance.timeOrigin + performance.now()`: it differs from `Date.now()` by what the wall clock
     * was corrected since the process began.
     */
    | {
        readonly state: 'backingOff';
        readonly retryAt: number;
        readonly attempt: number;
        readonly reason: IotError | undefined;
      }
    /** A planned end: what is in flight is finished, DISCONNECT is sent. */
    | { readonly state: 'disconnecting' }
    /** Only another `connect()` tries again: `reason` can be mended in the options only. */
    | { readonly state: 'failed'; readonly reason: IotError | undefined }
    | { readonly state: 'closed' }
  );

/** The word for where the connection stands. */
export type StatusState = Status['state'];

export const STATES = [
  'idle',
  'connecting',
  'resubscribing',
  'draining',
  'live',
  'backingOff',
  'disconnecting',
  'failed',
  'closed',
] as const satisfies readonly StatusState[];

/** The part of a status that the connection machine knows. */
export type ConnectionStatus = Status extends infer S
  ? S extends Status
    ? Omit<S, 'queued' | 'inFlight'>
    : never
  : never;

/** Reads a snapshot of the connection machine. Decides nothing: it only translates. */
export function connectionStatus(snapshot: SnapshotFrom<ConnectionMachine>): ConnectionStatus {
  const { retryAt, failures, failure: reason } = snapshot.context;
  const state = stateOf(snapshot);
  switch (state) {
    case 'failed':
      return { state, stable: false, reason };
    case 'backingOff':
      return { state, stable: false, retryAt, attempt: failures, reason };
    case 'connecting':
      return { state, stable: false, attempt: failures + 1 };
    case 'idle':
    case 'disconnecting':
      return { state, stable: false };
    default:
      return {
        state,
        stable: snapshot.matches({ line: { connected: { stability: 'stable' } } }),
        sessionPresent: snapshot.context.session?.sessionPresent ?? false,
      };
  }
}

function stateOf(snapshot: SnapshotFrom<ConnectionMachine>): Exclude<StatusState, 'closed'> {
  if (snapshot.matches('idle')) return 'idle';
  if (snapshot.matches('failed')) return 'failed';
  if (snapshot.matches('backingOff')) return 'backingOff';
  if (snapshot.matches({ line: 'connecting' })) return 'connecting';
  if (snapshot.matches({ line: { connected: { session: { up: 'live' } } } })) return 'live';
  if (snapshot.matches({ line: { connected: { session: { up: 'draining' } } } })) return 'draining';
  if (snapshot.matches({ line: { connected: { session: 'up' } } })) return 'resubscribing';
  return 'disconnecting';
}
