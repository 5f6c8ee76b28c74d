import type { Clock } from '../protocol/clock.ts';
import { IotError, invalid } from '../protocol/errors.ts';
import { positiveMs } from './checks.ts';

/** How a caller bounds one call. */
export interface CallOptions {
  /** Ends the call when it aborts: the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
  /** Ends the call after this time, in milliseconds, with `TIMEOUT`. Default: no deadline of its own. */
  readonly timeoutMs?: number;
}

/** Why a call was ended by its caller. */
export interface CallEnd {
  /** What the promise rejects with: `signal.reason`, or the `TIMEOUT` error. */
  readonly reason: unknown;
  /** The same, as an error of ours. */
  readonly error: IotError;
}

/**
 * Watches a call's signal and deadline. `ended` is called at most once, and never before this returns; an already
 * aborted signal is the business of {@link throwIfAborted}.
 *
 * @returns frees timer and listener; harmless to call twice. Undefined when there is nothing to watch.
 */
export function watchCall(
  call: string,
  { signal, timeoutMs }: CallOptions,
  clock: Clock,
  ended: (end: CallEnd) => void,
): (() => void) | undefined {
  if (signal === undefined && timeoutMs === undefined) return undefined;
  const aborted = (): void => {
    free();
    ended({
      reason: signal?.reason,
      error: new IotError('ABORTED', `${call} was aborted`, { cause: signal?.reason }),
    });
  };
  const timedOut = (): void => {
    free();
    const error = new IotError('TIMEOUT', `${call} took longer than ${timeoutMs} ms`);
    ended({ reason: error, error });
  };
  const timer = timeoutMs === undefined ? undefined : clock.setTimeout(timedOut, timeoutMs);
  signal?.addEventListener('abort', aborted);
  const free = (): void => {
    if (timer !== undefined) clock.clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  };
  return free;
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

/** Checks the options that every call has. */
export function checkCall({ signal, timeoutMs }: CallOptions): void {
  if (signal !== undefined && !isAbortSignal(signal)) throw invalid('signal', 'an AbortSignal', signal);
  if (timeoutMs !== undefined) positiveMs('timeoutMs', timeoutMs);
}

/** By its shape: the class of another realm (a jsdom, a vm context) or of a polyfill is another one. */
function isAbortSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Record<string, unknown>;
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  );
}
