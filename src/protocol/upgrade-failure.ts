import { IotError, type IotErrorCode } from './errors.ts';
import { at, clockSays, type FailurePlace, isAws } from './failure-place.ts';
import { networkFailure } from './network-failures.ts';

const NOT_MQTT = 'Check `endpoint` and `port`, and that MQTT over WebSocket is what answers there.';

/** Who answered, and what it means for the next attempt. Source: RFC 9110, section 15; RFC 6455, section 4.2.2. */
export function upgradeFailure(status: number, place: FailurePlace): IotError {
  return new IotError(
    codeFor(status),
    `${at(place)} refused the upgrade to a WebSocket with HTTP status ${status}${signed(status, place)}`,
    { remediation: adviceFor(status, place) },
  );
}

function codeFor(status: number): IotErrorCode {
  if (status === 401 || status === 403) return 'BAD_CREDENTIALS';
  if (status === 408 || status === 429 || (status >= 500 && status <= 599)) return 'SERVER_UNAVAILABLE';
  return 'WEBSOCKET_REFUSED';
}

/** A signature is judged by the time that it was made at. */
const signed = (status: number, place: FailurePlace): string =>
  codeFor(status) === 'BAD_CREDENTIALS' ? `; ${clockSays(place)}` : '';

function adviceFor(status: number, place: FailurePlace): string | undefined {
  switch (codeFor(status)) {
    case 'BAD_CREDENTIALS':
      return isAws(place)
        ? 'Check the credentials, that their policy allows iot:Connect for this client id, and the clock of this device.'
        : 'Check the credentials that `auth` gives, and the clock of this device.';
    case 'WEBSOCKET_REFUSED':
      if (status === 407)
        return 'Let the proxy on the way pass this connection without a sign-in of its own.';
      if (status >= 300 && status <= 399) {
        return 'Set `endpoint` to the server that is to be used; redirects are not followed.';
      }
      return NOT_MQTT;
    default:
      return undefined;
  }
}

/**
 * No answer to the upgrade, or none that makes a WebSocket for MQTT of it.
 *
 * @param error what the client of HTTP or of WebSocket reported; its words are its own, and none of the server's
 */
export function upgradeIncomplete(error: Error & { readonly code?: string }, place: FailurePlace): IotError {
  const { code, message } = error;
  if (code === 'ECONNRESET') {
    const words = `${at(place)} cut the connection instead of answering the upgrade to a WebSocket (${code})`;
    return new IotError('CONNECTION_RESET', words, { cause: error });
  }
  if (code !== undefined && !code.startsWith('HPE_')) return networkFailure(error, place);
  // Not as its cause: an error of the parser holds what it could not parse.
  const why = code === undefined ? message : `it is not HTTP (${code})`;
  return new IotError(
    'WEBSOCKET_REFUSED',
    `${at(place)} did not answer the upgrade as MQTT over WebSocket does: ${why}`,
    { remediation: NOT_MQTT },
  );
}
