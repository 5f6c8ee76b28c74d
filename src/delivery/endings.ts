// Why a message ends undelivered.
import { IotError } from '../protocol/errors.ts';

/** The error as the message ends with it: whether the broker may have it is known only here. */
export function withOutcome(error: IotError, unknown: boolean): IotError {
  return unknown && !error.outcomeUnknown ? ofUnknownOutcome(error) : error;
}

/** The end of all, for those that the durable store has: the next process sends them. */
export function leftError(error: IotError): IotError {
  const message = `${error.message}; the durable store keeps the message for the next process`;
  // It goes on: what becomes of it is for the next process to tell.
  return ofUnknownOutcome(error, message);
}

function ofUnknownOutcome(error: IotError, message = error.message): IotError {
  const { code, remediation, cause, reasonCode } = error;
  return new IotError(code, message, { remediation, cause, reasonCode, outcomeUnknown: true });
}

export function closedError(cause: IotError): IotError {
  return new IotError('CLOSED', 'the client is closed; it takes no more messages', { cause });
}

export function notConnectedError(): IotError {
  return new IotError('NOT_CONNECTED', 'there is no live connection, and offline queueing is switched off', {
    remediation: 'Wait until the client is live, or switch offline queueing on.',
  });
}

export function queueFullError(): IotError {
  return new IotError('QUEUE_FULL', 'there is no room for another message to wait', {
    remediation:
      'Publish less, or raise `offlineQueue.maxMessages` and `maxBytes`, or let `overflow` drop the oldest.',
  });
}

/** One that an earlier process left may have been sent. */
export function evictedError({ writes }: { readonly writes: number }): IotError {
  return new IotError('QUEUE_EVICTED', 'a newer message took the place of this one, the oldest that waited', {
    outcomeUnknown: writes > 0,
  });
}

export function expiredError({ writes }: { readonly writes: number }): IotError {
  return new IotError('MESSAGE_EXPIRED', 'the message expired before it could be delivered', {
    outcomeUnknown: writes > 0,
  });
}

export function missingError(count: number): IotError {
  const what =
    count === 1
      ? '1 message that was kept cannot be found'
      : `${count} messages that were kept cannot be found`;
  return new IotError('STORE_FAILED', `${what} in the durable store: it was damaged`, {
    remediation: 'Look at the disk, or how the power is cut; the other messages are sent.',
  });
}

export function requestLostError(): IotError {
  return new IotError('CONNECTION_LOST', 'the connection ended before the request was acknowledged', {
    outcomeUnknown: true,
  });
}

export function wireFailedError(cause: unknown): IotError {
  return new IotError('CONNECTION_LOST', 'the connection failed while the message was written', {
    outcomeUnknown: true,
    cause,
  });
}
