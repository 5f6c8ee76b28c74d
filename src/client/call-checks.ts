import { checkFields } from '../protocol/fields.ts';
import { positiveMs } from './checks.ts';
import { type CallOptions, checkCall, throwIfAborted } from './deadline.ts';
import type { EndOptions } from './iot-client.ts';

/** What every call that waits may have. */
export const CALL_FIELDS = ['signal', 'timeoutMs'] as const satisfies readonly (keyof CallOptions)[];

/** Checks the options of a call, and that it has not been aborted before it began. */
export function checkOptions(options: CallOptions, fields: readonly string[]): void {
  checkFields('options', options, fields);
  checkCall(options);
  throwIfAborted(options.signal);
}

/** Checks the options of a call that ends something. */
export function checkEnd(options: EndOptions): void {
  checkFields('options', options, ['flushTimeoutMs']);
  const { flushTimeoutMs } = options;
  if (flushTimeoutMs !== undefined && flushTimeoutMs !== 0) positiveMs('flushTimeoutMs', flushTimeoutMs);
}
