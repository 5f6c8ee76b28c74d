import { isAwsEndpoint } from './endpoint.ts';
import { IotError, type IotErrorCode } from './errors.ts';

/** What was being done when a stream failed: the same errno means different things before and after CONNACK. */
export type FailureStage = 'dialing' | 'awaitingConnack' | 'live';

/** Where a failure happened; all of it may be shown to a person. */
export interface FailurePlace {
  readonly endpoint: string;
  readonly port: number;
  readonly stage: FailureStage;
  /** What this device's wall clock says, in milliseconds since the epoch. */
  readonly wallClock: number;
}

/** A code, and how to say what happened and what to do about it at a place. */
interface Failure {
  readonly code: IotErrorCode;
  readonly says: (place: FailurePlace) => string;
  readonly remediation?: (place: FailurePlace) => string;
}

/** A map, so that a code which is also a property of every object finds nothing. */
const table = (entries: Record<string, Failure>): ReadonlyMap<string, Failure> =>
  new Map(Object.entries(entries));

const at = (place: FailurePlace): string => `${place.endpoint}:${place.port}`;
const clockSays = (place: FailurePlace): string =>
  `this device's clock says ${new Date(place.wallClock).toISOString()}`;

const NAME_NOT_RESOLVED: Failure = {
  code: 'DNS_FAILED',
  says: (place) => `the name ${place.endpoint} could not be resolved to an address`,
  remediation: (place) =>
    isAwsEndpoint(place.endpoint)
      ? 'Check `endpoint` (`aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints it) and the name server of this device.'
      : 'Check `endpoint` and the name server of this device.',
};

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

const CUT: Failure = { code: 'CONNECTION_RESET', says: (place) => `${at(place)} cut the connection` };

const SERVER_UNTRUSTED: Failure = {
  code: 'SERVER_CERTIFICATE_UNTRUSTED',
  says: (place) => `the certificate of ${at(place)} is not signed by an authority that this device trusts`,
  remediation: (place) =>
    isAwsEndpoint(place.endpoint)
      ? 'Set `ca` to Amazon Root CA 1 (https://www.amazontrust.com/repository/AmazonRootCA1.pem) and use the `-ats` endpoint.'
      : "Set `ca` to the certificate of the authority that signed this broker's certificate.",
};

const SERVER_EXPIRED: Failure = {
  code: 'SERVER_CERTIFICATE_EXPIRED',
  says: (place) => `the certificate of ${at(place)} has expired; ${clockSays(place)}`,
  remediation: () =>
    "If this device's clock is wrong, set it. If it is right, the broker's certificate must be renewed.",
};

const SERVER_NOT_YET_VALID: Failure = {
  code: 'SERVER_CERTIFICATE_NOT_YET_VALID',
  says: (place) => `the certificate of ${at(place)} is not valid yet; ${clockSays(place)}`,
  remediation: () => "Set this device's clock: it is probably behind.",
};

const SERVER_NAME: Failure = {
  code: 'SERVER_NAME_MISMATCH',
  says: (place) => `the certificate that ${at(place)} shows is for another host name`,
  remediation: () => 'Set `endpoint` to a name that the certificate contains.',
};

const CERTIFICATE_REFUSED: Failure = {
  code: 'CLIENT_CERTIFICATE_REFUSED',
  says: (place) => `${at(place)} refused this device's certificate`,
  remediation: (place) =>
    isAwsEndpoint(place.endpoint)
      ? 'Check that the certificate is registered and ACTIVE in the account and region of this endpoint.'
      : 'Check that the broker trusts the authority of this certificate, and that it is neither expired nor revoked.',
};

const NOT_TLS: Failure = {
  code: 'TLS_FAILED',
  says: (place) => `${at(place)} does not speak TLS on this port`,
  remediation: () => 'Check `port`: 8883 is MQTT over TLS; 1883 usually is MQTT without TLS.',
};

const TLS_TOO_OLD: Failure = {
  code: 'TLS_FAILED',
  says: (place) =>
    `${at(place)} and this device have no TLS version in common; TLS 1.2 is the lowest accepted`,
  remediation: () => 'Let the broker offer TLS 1.2 or 1.3.',
};

const TLS_BROKEN: Failure = {
  code: 'TLS_FAILED',
  says: (place) => `the TLS handshake with ${at(place)} failed`,
};

/** Node's errno and DNS codes (`error.code`). After CONNACK every one of these is a lost connection. */
const BY_ERRNO = table({
  ENOTFOUND: NAME_NOT_RESOLVED,
  EAI_AGAIN: NAME_NOT_RESOLVED,
  EAI_FAIL: NAME_NOT_RESOLVED,
  EAI_NODATA: NAME_NOT_RESOLVED,
  EAI_NONAME: NAME_NOT_RESOLVED,
  ENODATA: NAME_NOT_RESOLVED,
  ESERVFAIL: NAME_NOT_RESOLVED,
  ETIMEOUT: NAME_NOT_RESOLVED,
  ECONNREFUSED: NOTHING_LISTENS,
  EHOSTUNREACH: NO_WAY_THERE,
  EHOSTDOWN: NO_WAY_THERE,
  ENETUNREACH: NO_WAY_THERE,
  ENETDOWN: NO_WAY_THERE,
  EADDRNOTAVAIL: NO_WAY_THERE,
  ETIMEDOUT: NO_WAY_THERE,
  EACCES: NO_WAY_THERE,
  EPERM: NO_WAY_THERE,
  EMFILE: NO_SOCKET_LEFT,
  ENFILE: NO_SOCKET_LEFT,
  ENOBUFS: NO_SOCKET_LEFT,
  ENOMEM: NO_SOCKET_LEFT,
  ECONNRESET: CUT,
  ECONNABORTED: CUT,
  EPIPE: CUT,
});

/** What Node and OpenSSL say when the server's certificate does not verify. */
const BY_VERIFICATION = table({
  DEPTH_ZERO_SELF_SIGNED_CERT: SERVER_UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: SERVER_UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: SERVER_UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: SERVER_UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: SERVER_UNTRUSTED,
  CERT_SIGNATURE_FAILURE: SERVER_UNTRUSTED,
  CERT_CHAIN_TOO_LONG: SERVER_UNTRUSTED,
  CERT_REVOKED: SERVER_UNTRUSTED,
  CERT_UNTRUSTED: SERVER_UNTRUSTED,
  CERT_REJECTED: SERVER_UNTRUSTED,
  INVALID_CA: SERVER_UNTRUSTED,
  INVALID_PURPOSE: SERVER_UNTRUSTED,
  PATH_LENGTH_EXCEEDED: SERVER_UNTRUSTED,
  CERT_HAS_EXPIRED: SERVER_EXPIRED,
  CERT_NOT_YET_VALID: SERVER_NOT_YET_VALID,
  ERR_TLS_CERT_ALTNAME_INVALID: SERVER_NAME,
  HOSTNAME_MISMATCH: SERVER_NAME,
  IP_ADDRESS_MISMATCH: SERVER_NAME,
});

/** TLS alerts by the end of their OpenSSL name: `ERR_SSL_<version>_ALERT_<name>`. The server sent them. */
const BY_ALERT = table({
  CERTIFICATE_REQUIRED: CERTIFICATE_REFUSED,
  BAD_CERTIFICATE: CERTIFICATE_REFUSED,
  UNSUPPORTED_CERTIFICATE: CERTIFICATE_REFUSED,
  CERTIFICATE_REVOKED: CERTIFICATE_REFUSED,
  CERTIFICATE_EXPIRED: CERTIFICATE_REFUSED,
  CERTIFICATE_UNKNOWN: CERTIFICATE_REFUSED,
  UNKNOWN_CA: CERTIFICATE_REFUSED,
  ACCESS_DENIED: CERTIFICATE_REFUSED,
  PROTOCOL_VERSION: TLS_TOO_OLD,
});

const BY_SSL = table({
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: TLS_TOO_OLD,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: TLS_TOO_OLD,
});

/** The typed error for whatever a socket, a name server or TLS reported. Passes an `IotError` through. */
export function networkFailure(error: unknown, place: FailurePlace): IotError {
  if (IotError.is(error)) return error;
  const code = codeOf(error);
  const failure = code === undefined ? undefined : failureOf(code);
  const cause = { cause: error };
  if (failure === undefined) {
    return new IotError('INTERNAL', `the connection to ${at(place)} failed for an unknown reason`, cause);
  }
  if (place.stage === 'live' && code !== undefined && BY_ERRNO.has(code)) {
    return new IotError('CONNECTION_LOST', `the connection to ${at(place)} was lost (${code})`, cause);
  }
  const remediation = failure.remediation?.(place);
  return new IotError(failure.code, `${failure.says(place)} (${code})`, {
    ...cause,
    ...(remediation === undefined ? {} : { remediation }),
  });
}

function failureOf(code: string): Failure | undefined {
  const known = BY_ERRNO.get(code) ?? BY_VERIFICATION.get(code) ?? BY_SSL.get(code);
  if (known !== undefined) return known;
  const alert = /^ERR_SSL_.*ALERT_(?:NUMBER_)?([A-Z_]+)$/.exec(code)?.[1];
  if (alert !== undefined) return BY_ALERT.get(alert) ?? TLS_BROKEN;
  return /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|EPROTO$)/.test(code) ? TLS_BROKEN : undefined;
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The stream ended without an error: before CONNACK that is a refusal without words, after it a lost connection. */
export function closedFailure(place: FailurePlace): IotError {
  if (place.stage === 'live') {
    return new IotError('CONNECTION_LOST', `${at(place)} closed the connection`, {
      // MQTT 3.1.1 has no words for why; these are what brokers close for, over and over.
      remediation:
        'If it does so again and again: let no other client use this client id, and check that the broker allows what this client publishes and subscribes to.',
    });
  }
  if (place.stage === 'dialing') return new IotError('CONNECTION_RESET', CUT.says(place));
  return new IotError(
    'CLOSED_BEFORE_CONNACK',
    `${at(place)} closed the connection instead of answering CONNECT`,
    {
      ...(isAwsEndpoint(place.endpoint)
        ? {
            remediation:
              'Check that a policy attached to the certificate allows iot:Connect for this client id.',
          }
        : {}),
    },
  );
}

/** CONNACK return codes of MQTT 3.1.1 (section 3.2.2.3) and reason codes of MQTT 5 (3.2.2.2). */
const BY_CONNACK: Readonly<Record<number, readonly [IotErrorCode, string, string?]>> = {
  1: [
    'UNSUPPORTED_PROTOCOL_VERSION',
    'unacceptable protocol version',
    'Set `protocolVersion` to one that the broker supports.',
  ],
  2: ['INVALID_CLIENT_ID', 'client id rejected', 'Set `clientId` to one that the broker accepts.'],
  3: ['SERVER_UNAVAILABLE', 'server unavailable'],
  4: ['BAD_CREDENTIALS', 'bad user name or password'],
  5: ['NOT_AUTHORIZED', 'not authorized'],
  132: [
    'UNSUPPORTED_PROTOCOL_VERSION',
    'unsupported protocol version',
    'Set `protocolVersion` to one that the broker supports.',
  ],
  133: ['INVALID_CLIENT_ID', 'client identifier not valid', 'Set `clientId` to one that the broker accepts.'],
  134: ['BAD_CREDENTIALS', 'bad user name or password'],
  135: ['NOT_AUTHORIZED', 'not authorized'],
  136: ['SERVER_UNAVAILABLE', 'server unavailable'],
  137: ['SERVER_UNAVAILABLE', 'server busy'],
  138: ['NOT_AUTHORIZED', 'banned'],
  151: ['CONNECTION_REFUSED', 'quota exceeded'],
  159: ['SERVER_UNAVAILABLE', 'connection rate exceeded'],
};

/** The broker refused the session. */
export function connackFailure(code: number, place: FailurePlace): IotError {
  const [error, words, advice] =
    BY_CONNACK[code] ?? (['CONNECTION_REFUSED', 'no reason that has a name'] as const);
  const remediation =
    error === 'NOT_AUTHORIZED' && isAwsEndpoint(place.endpoint)
      ? 'Check that a policy attached to the certificate allows iot:Connect for this client id.'
      : advice;
  return new IotError(error, `${at(place)} refused the connection: ${words} (${hex(code)})`, {
    ...(remediation === undefined ? {} : { remediation }),
  });
}

/** Reason codes of an MQTT 5 DISCONNECT (3.14.2.1) that are not merely a lost connection. */
const BY_DISCONNECT: Readonly<Record<number, IotErrorCode>> = {
  129: 'PROTOCOL_ERROR',
  130: 'PROTOCOL_ERROR',
  135: 'NOT_AUTHORIZED',
  137: 'SERVER_UNAVAILABLE',
  139: 'SERVER_UNAVAILABLE',
};

/** The broker said goodbye (MQTT 5 only). */
export function disconnectFailure(reasonCode: number, place: FailurePlace): IotError {
  return new IotError(
    BY_DISCONNECT[reasonCode] ?? 'CONNECTION_LOST',
    `${at(place)} ended the connection (${hex(reasonCode)})`,
  );
}

/** The broker sent something that MQTT forbids: this connection cannot be trusted any longer. */
export function protocolFailure(what: string, place: FailurePlace, cause?: unknown): IotError {
  return new IotError('PROTOCOL_ERROR', `${at(place)} broke the MQTT protocol: ${what}`, { cause });
}

/** SUBACK refused one filter. AWS IoT Core answers 0x80 for a malformed filter; a denied one may close the line. */
export function subscriptionRefused(filter: string, code: number): IotError {
  return new IotError(
    'SUBSCRIPTION_REFUSED',
    `the broker refused the subscription to ${filter} (${hex(code)})`,
    {
      remediation:
        'Check that the policy of this client allows it to subscribe to, and to receive from, this filter.',
    },
  );
}

/** UNSUBACK refused one filter (MQTT 5 only). */
export function unsubscriptionRefused(filter: string, code: number): IotError {
  return new IotError(
    'SUBSCRIPTION_REFUSED',
    `the broker refused to end the subscription to ${filter} (${hex(code)})`,
  );
}

/** PUBACK refused one publish (MQTT 5 only). */
export function publishRefused(topic: string, code: number): IotError {
  return new IotError('PUBLISH_REFUSED', `the broker refused the publish to ${topic} (${hex(code)})`);
}

/** A fault of this package, or of a callback it was given. */
export function internalFailure(what: string, cause: unknown): IotError {
  return new IotError('INTERNAL', what, { cause });
}

const hex = (code: number): string => `0x${code.toString(16).padStart(2, '0')}`;
