import { IotError } from '../../../src/protocol/errors.ts';

/** The IotError that a call throws. Fails when it throws nothing, or anything else. */
export function errorOf(call: () => unknown): IotError {
  try {
    call();
  } catch (error) {
    if (IotError.is(error)) return error;
    throw new Error('expected an IotError', { cause: error });
  }
  throw new Error('expected an IotError, but nothing was thrown');
}
