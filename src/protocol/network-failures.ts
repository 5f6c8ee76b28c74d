import { cutAgainAndAgain, cutsWithoutWords, unknownFailure } from './closed-failures.ts';
import { IotError, type IotErrorCode } from './errors.ts';
import { at, type FailurePlace, isAws } from './failure-place.ts';
import { type Failure, failureTable, tlsFailureOf } from './tls-failures.ts';

const NAME_NOT_RESOLVED: Failure = {
  code: 'DNS_FAILED',
  says: (place) => `the name ${place.endpoint} could not be resolved to an address`,
  remediation: (place) =>
    isAws(place)
      ? 'Check `endpoint` (`aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints it) and the name server of this device.'
      : 'Check `endpoint` and the name server of this device.',
};

/** The resolver itself failed, for a reason that neither the name nor the name server has given. */
const RESOLVER_FAILED: Failure = { code: 'DNS_FAILED', says: NAME_NOT_RESOLVED.says };

const NOTHING_LISTENS: Failure = {
  code: 'NETWORK_UNREACHABLE',
  says: (place) => `nothing accepts connections at ${at(place)}`,
  remediation: () => 'Check `endpoint` and `port`, and that the broker is running.',
};

const NO_WAY_THERE: Failure = {
  code: 'NETWORK_UNREACHABLE',
  says: (place) => `${at(place)} cannot be reached over the network`,
  remediation: () => 'Check the network of this device, and that a firewall lets it reach the port.',
};

const NO_SOCKET_LEFT: Failure = {
  code: 'NETWORK_UNREACHABLE',
  says: (place) => `the operating system has no socket left for a connection to ${at(place)}`,
  remediation: () => 'Close unused files and sockets of this process, or raise its limit of open files.',
};

const NO_MEMORY_LEFT: Failure = {
  code: 'NETWORK_UNREACHABLE',
  says: (place) => `the operating system has no memory left for a connection to ${at(place)}`,
};

const CUT: Failure = { code: 'CONNECTION_RESET', says: cutsWithoutWords, remediation: cutAgainAndAgain };

/**
 * What a socket and the resolver report in `error.code`. After CONNACK every one of these is a lost connection.
 * Sources: libuv's names (https://docs.libuv.org/en/v1.x/errors.html), which are those of Node's `net` and of
 * `dns.lookup`; the names of a resolver that an app put in its place (https://nodejs.org/docs/latest-v20.x/api/dns.html#error-codes);
 * Node's own codes (https://nodejs.org/docs/latest-v20.x/api/errors.html#nodejs-error-codes).
 */
export const SOCKET_FAILURES = failureTable({
  // The resolver: getaddrinfo.
  ENOTFOUND: NAME_NOT_RESOLVED,
  EAI_AGAIN: NAME_NOT_RESOLVED,
  EAI_FAIL: NAME_NOT_RESOLVED,
  EAI_NODATA: NAME_NOT_RESOLVED,
  EAI_NONAME: NAME_NOT_RESOLVED,
  EAI_ADDRFAMILY: RESOLVER_FAILED,
  EAI_BADFLAGS: RESOLVER_FAILED,
  EAI_CANCELED: RESOLVER_FAILED,
  EAI_FAMILY: RESOLVER_FAILED,
  EAI_MEMORY: RESOLVER_FAILED,
  EAI_OVERFLOW: RESOLVER_FAILED,
  EAI_PROTOCOL: RESOLVER_FAILED,
  EAI_SERVICE: RESOLVER_FAILED,
  EAI_SOCKTYPE: RESOLVER_FAILED,
  // A resolver of c-ares, in the place of Node's.
  ENODATA: NAME_NOT_RESOLVED,
  ESERVFAIL: NAME_NOT_RESOLVED,
  EREFUSED: NAME_NOT_RESOLVED,
  ENOTIMP: NAME_NOT_RESOLVED,
  EFORMERR: NAME_NOT_RESOLVED,
  EBADNAME: NAME_NOT_RESOLVED,
  EBADRESP: NAME_NOT_RESOLVED,
  ETIMEOUT: NAME_NOT_RESOLVED,
  // The way to the broker.
  ECONNREFUSED: NOTHING_LISTENS,
  EHOSTUNREACH: NO_WAY_THERE,
  EHOSTDOWN: NO_WAY_THERE,
  ENETUNREACH: NO_WAY_THERE,
  ENETDOWN: NO_WAY_THERE,
  ENONET: NO_WAY_THERE,
  EADDRNOTAVAIL: NO_WAY_THERE,
  EAFNOSUPPORT: NO_WAY_THERE,
  ETIMEDOUT: NO_WAY_THERE,
  EACCES: NO_WAY_THERE,
  EPERM: NO_WAY_THERE,
  ERR_SOCKET_CONNECTION_TIMEOUT: NO_WAY_THERE,
  // This process and its system.
  EMFILE: NO_SOCKET_LEFT,
  ENFILE: NO_SOCKET_LEFT,
  ENOBUFS: NO_MEMORY_LEFT,
  ENOMEM: NO_MEMORY_LEFT,
  // A connection that was there.
  ECONNRESET: CUT,
  ECONNABORTED: CUT,
  ENETRESET: CUT,
  ENOTCONN: CUT,
  EPIPE: CUT,
  ESHUTDOWN: CUT,
  ERR_SOCKET_CLOSED: CUT,
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: CUT,
  ERR_STREAM_PREMATURE_CLOSE: CUT,
});

/** The typed error for whatever a socket, a name server or TLS reported. Passes an `IotError` through. */
export function networkFailure(error: unknown, place: FailurePlace): IotError {
  const code = codeOf(error);
  const bySocket = SOCKET_FAILURES.get(code);
  const failure = bySocket ?? tlsFailureOf(code);
  if (failure === undefined) return unknownFailure(error, place);
  if (place.stage === 'live' && bySocket !== undefined) {
    const remediation = bySocket === CUT ? cutAgainAndAgain(place) : undefined;
    return built('CONNECTION_LOST', `the connection to ${at(place)} was lost (${code})`, remediation, error);
  }
  const words = `${failure.says(place)} (${failure.names?.(error) ?? code})`;
  return built(failure.code, words, failure.remediation?.(place), error);
}

function built(code: IotErrorCode, message: string, remediation?: string, cause?: unknown): IotError {
  return new IotError(code, message, { cause, remediation });
}

/** The empty text stands for none: no table has it. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
