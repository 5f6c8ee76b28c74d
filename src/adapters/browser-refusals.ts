import { IotError } from '../protocol/errors.ts';

const refused = (what: string, why: string): IotError =>
  new IotError('INVALID_ARGUMENT', `${what} cannot be used in a browser: ${why}`);

/**
 * Refused: a page can give its WebSocket no client certificate, and whoever loads the page would have the key. Use `sigV4()`
 * with `cognitoIdentity()`, or `customAuthorizer()`.
 *
 * @throws IotError `INVALID_ARGUMENT`, always
 */
export function mutualTls(_refused: never): never {
  throw refused(
    'mutualTls()',
    'a page has no client certificates; sigV4() and customAuthorizer() work there',
  );
}

/**
 * Refused: a page has no TCP.
 *
 * @throws IotError `INVALID_ARGUMENT`, always
 */
export function plainTcp(_refused: never): never {
  throw refused('plainTcp()', 'a page has no TCP; sigV4() and customAuthorizer() work there');
}

/**
 * Refused: a page has no directories. What waits lives as long as the page.
 *
 * @throws IotError `INVALID_ARGUMENT`, always
 */
export function levelStore(_refused: never): never {
  throw refused('levelStore()', 'a page has no directories; memoryStore() works there');
}
