import type { IotError, IotErrorCode, Status } from '../index.ts';
import { type BackoffPolicy, backoffDelay } from '../protocol/backoff.ts';
import { count, duration, setting } from './terminal.ts';

/** The times of a run, as far as the words need them. */
export interface Times {
  readonly backoff: BackoffPolicy;
  readonly drainPerSecond: number;
}

/** What a device is doing in this state, in one sentence. A reason is told once, as long as it stays the same. */
export function narrate(status: Status, times: Times, toldReason?: IotErrorCode): string {
  switch (status.state) {
    case 'idle':
      return 'no line is wanted';
    case 'connecting':
      return status.attempt === 1 ? 'opens TLS and shows its certificate' : `try ${status.attempt}`;
    case 'resubscribing':
      return 'connected; asks for its subscriptions';
    case 'draining':
      return status.queued === 0
        ? 'nothing waits'
        : `${count(status.queued, 'message')} waited; they go first, in order, at least ${times.drainPerSecond} a second`;
    case 'live':
      return 'messages flow freely';
    case 'backingOff': {
      const { reason, retryAt, attempt } = status;
      const wait = duration(retryAt - performance.timeOrigin - performance.now());
      const why = reason === undefined || reason.code === toldReason ? '' : `${told(reason)}\n`;
      const isUsual = reason?.recovery === 'retry';
      return `${why}waits ${wait}${isUsual ? `, drawn from ${range(times.backoff, attempt)}` : ''}`;
    }
    case 'failed':
      return status.reason === undefined ? 'gave up' : told(status.reason);
    case 'disconnecting':
      return 'finishes what is in flight and says goodbye';
    case 'closed':
      return 'everything is freed';
  }
}

export function narrateStable({ backoff: { stableMs, baseMs } }: Times): string {
  return `stable: the line has lasted ${setting(stableMs)}, so the next backoff begins at ${setting(baseMs)} again`;
}

function told({ code, message }: IotError): string {
  return `${code}: ${message}`;
}

/** What the delay after so many failures is drawn from. */
function range(policy: BackoffPolicy, failures: number): string {
  const [least, most] = [0, 1].map((chance) => backoffDelay(policy, failures - 1, () => chance));
  return `${setting(least ?? 0)} to ${setting(most ?? 0)}`;
}
