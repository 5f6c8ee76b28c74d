import { IotError } from '../protocol/errors.ts';
import { REJECTION_CODES, type Rejection } from '../protocol/shadow-rejection.ts';
import { type ShadowAddress, validateShadowAddress } from '../protocol/shadow-topics.ts';

/** What AWS calls each code, and says with it when nothing says more. */
const ERRORS: Readonly<Record<number, { readonly type: string; readonly message: string }>> = {
  400: { type: 'InvalidRequestException', message: 'Invalid JSON' },
  401: { type: 'UnauthorizedException', message: 'Unauthorized' },
  403: { type: 'ForbiddenException', message: 'Forbidden' },
  404: { type: 'ResourceNotFoundException', message: 'Thing not found' },
  405: { type: 'MethodNotAllowedException', message: 'Method not allowed' },
  409: { type: 'ConflictException', message: 'Version conflict' },
  413: { type: 'RequestEntityTooLargeException', message: 'The payload exceeds the maximum size allowed' },
  415: {
    type: 'UnsupportedDocumentEncodingException',
    message: 'Unsupported documented encoding; supported encoding is UTF-8',
  },
  429: { type: 'ThrottlingException', message: 'TOO_MANY_REQUESTS' },
  500: { type: 'InternalFailureException', message: 'Internal service failure' },
  503: { type: 'ServiceUnavailableException', message: 'Service unavailable' },
};

/** The name by which AWS's SDKs know an error of the HTTP API. */
export function errorType(code: number): string {
  return ERRORS[code]?.type ?? 'InternalFailureException';
}

/**
 * A request that the shadow service refuses, in AWS's own words: where the documentation and the wire differ, in those of the wire.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html
 */
export class ShadowRefusal extends Error implements Rejection {
  readonly code: number;

  constructor(code: number, message = ERRORS[code]?.message ?? '') {
    super(message);
    this.code = code;
  }
}

export function noShadow({ thingName, shadowName }: ShadowAddress): ShadowRefusal {
  return new ShadowRefusal(
    REJECTION_CODES.notFound,
    `No shadow exists with name: '${shadowName ?? thingName}'`,
  );
}

/** What is wrong with the names of a shadow; undefined when nothing is. AWS's own words for it are not known. */
export function nameFault({ thingName, shadowName }: ShadowAddress): ShadowRefusal | undefined {
  try {
    validateShadowAddress(thingName, shadowName);
    return undefined;
  } catch (error) {
    if (!IotError.is(error)) throw error;
    return new ShadowRefusal(400, error.message);
  }
}

export function tooDeep(maxLevels: number): ShadowRefusal {
  return new ShadowRefusal(400, `JSON contains too many levels of nesting; maximum is ${maxLevels}`);
}

/** With two blanks, as it is on the wire. */
export function tooLarge(bytes: number, maxBytes: number): ShadowRefusal {
  return new ShadowRefusal(413, `Json document too large.  Size is ${bytes}, max allowed: ${maxBytes}`);
}
