import { describe, IotError } from './errors.ts';
import type { ShadowOperationKind } from './shadow-topics.ts';

/** The codes of AWS that this package acts upon by itself. */
export const REJECTION_CODES = Object.freeze({ notFound: 404, conflict: 409, tooManyRequests: 429 });

/** What AWS said about a request that it refused. */
export interface Rejection {
  /** AWS's code: 400, 401, 403, 404, 409, 413, 415, 429 or 500. */
  readonly code: number;
  readonly message: string;
}

const REMEDIATIONS: Readonly<Record<number, string>> = {
  401: 'The policy must allow iot:Publish on the topic of the request.',
  403: 'The policy must allow iot:Publish on the topic of the request.',
  404: 'There is no such shadow: an update makes it.',
  409: 'Somebody has changed the shadow meanwhile: get it and update again with its version, or give update() a function.',
  413: 'Desired and reported state together may have 8 KB.',
  429: 'Ask less often: 20 requests a second for a thing, 10 at a time on a connection.',
};

/**
 * AWS has refused a request about a shadow. `code` is `SHADOW_REJECTED`, `reasonCode` is AWS's own:
 * https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html
 */
export class ShadowRejectedError extends IotError {
  declare readonly code: 'SHADOW_REJECTED';
  declare readonly reasonCode: number;
  /** Which of the three requests it was. */
  readonly operation: ShadowOperationKind;

  constructor(operation: ShadowOperationKind, { code, message }: Rejection) {
    super('SHADOW_REJECTED', `the ${operation} was rejected: ${code} ${describe(message)}`, {
      reasonCode: code,
      remediation: REMEDIATIONS[code],
    });
    this.operation = operation;
  }
}
