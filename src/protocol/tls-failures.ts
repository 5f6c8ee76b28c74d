import { describe, type IotErrorCode } from './errors.ts';
import { at, clockIsWrong, clockSays, type FailurePlace, isAws } from './failure-place.ts';

/** A code, and how to say what happened and what to do about it at a place. */
export interface Failure {
  readonly code: IotErrorCode;
  readonly says: (place: FailurePlace) => string;
  readonly remediation?: (place: FailurePlace) => string | undefined;
  /** What stands in brackets after the message; by default the name that Node gave. */
  readonly names?: (error: unknown) => string;
}

/** A map, so that a code which is also a property of every object finds nothing. */
export const failureTable = (entries: Record<string, Failure>): ReadonlyMap<string, Failure> =>
  new Map(Object.entries(entries));

const SERVER_UNTRUSTED: Failure = {
  code: 'SERVER_CERTIFICATE_UNTRUSTED',
  says: (place) => `the certificate of ${at(place)} is not signed by an authority that this device trusts`,
  remediation: (place) =>
    isAws(place)
      ? 'Set `ca` to Amazon Root CA 1 (https://www.amazontrust.com/repository/AmazonRootCA1.pem) and use the `-ats` endpoint.'
      : "Set `ca` to the certificate of the authority that signed this broker's certificate, and let the broker send those in between.",
};

/** Signed by whom it should be or not: TLS on this device does not accept it as it is. */
const SERVER_UNACCEPTABLE: Failure = {
  code: 'SERVER_CERTIFICATE_UNTRUSTED',
  says: (place) => `the certificate of ${at(place)}, or one above it, cannot be accepted`,
  remediation: () =>
    "The broker's certificate, or the one above it that is not acceptable, must be replaced.",
};

/** Node gives one name to all that its own list does not have; the words are OpenSSL's, and of this device. */
const SERVER_UNACCEPTABLE_UNNAMED: Failure = {
  ...SERVER_UNACCEPTABLE,
  names: (error) => `UNSPECIFIED: ${describe(error instanceof Error ? error.message : error)}`,
};

const SERVER_REVOCATION_UNKNOWN: Failure = {
  code: 'SERVER_CERTIFICATE_UNTRUSTED',
  says: (place) => `whether the certificate of ${at(place)} is revoked cannot be told from the list there is`,
};

const SERVER_EXPIRED: Failure = {
  code: 'SERVER_CERTIFICATE_EXPIRED',
  says: (place) => `the certificate of ${at(place)} has expired; ${clockSays(place)}`,
  remediation: (place) =>
    clockIsWrong(place) ??
    "If this device's clock is wrong, set it. If it is right, the broker's certificate must be renewed.",
};

const SERVER_NOT_YET_VALID: Failure = {
  code: 'SERVER_CERTIFICATE_NOT_YET_VALID',
  says: (place) => `the certificate of ${at(place)} is not valid yet; ${clockSays(place)}`,
  remediation: (place) => clockIsWrong(place) ?? "Set this device's clock: it is probably behind.",
};

const SERVER_NAME: Failure = {
  code: 'SERVER_NAME_MISMATCH',
  says: (place) => `the certificate that ${at(place)} shows is for another host name`,
  remediation: () => 'Set `endpoint` to a name that the certificate contains.',
};

const SERVER_NAME_UNKNOWN: Failure = {
  code: 'SERVER_NAME_MISMATCH',
  says: (place) => `${at(place)} does not answer to this host name`,
  remediation: () => 'Set `endpoint` to the host name of the broker.',
};

const certificateRefused = (why: string, otherwise: string): Failure => ({
  code: 'CLIENT_CERTIFICATE_REFUSED',
  says: (place) => `${at(place)} refused this device's certificate: ${why}`,
  remediation: (place) =>
    isAws(place)
      ? 'Check that the certificate is registered and ACTIVE in the account and region of this endpoint, and valid now.'
      : otherwise,
});

const REPLACE_CERTIFICATE = 'Give this device a new certificate, in `cert` and `key`.';

const CERTIFICATE_MISSING: Failure = {
  code: 'CLIENT_CERTIFICATE_REFUSED',
  says: (place) => `${at(place)} asks for a certificate of this device and got none that it can use`,
  remediation: () =>
    'Sign in with mutualTls(), and a certificate whose kind of key and signature the broker takes.',
};

const OWN_TOO_WEAK: Failure = {
  code: 'CREDENTIAL_UNREADABLE',
  says: () => "this device's certificate or key, or one above it in `cert`, is too weak for TLS",
  remediation: () =>
    'Replace it by one that is signed with SHA-256 or better and has an EC key, or an RSA key of 2,048 bits or more.',
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

const NOTHING_IN_COMMON: Failure = {
  code: 'TLS_FAILED',
  says: (place) => `${at(place)} found nothing in what this device offers for TLS that it accepts`,
  remediation: () =>
    'Check that the broker accepts a cipher suite of TLS 1.2 or 1.3, and the kind of key in the certificate of this device.',
};

const NO_MQTT_BY_ALPN: Failure = {
  code: 'TLS_FAILED',
  says: (place) => `${at(place)} does not know the protocol that this client names by ALPN`,
  remediation: () =>
    'Check `endpoint` and `port`: by ALPN this client names `x-amzn-mqtt-ca` with mutualTls() on 443, and `mqtt` with customAuthorizer(), as AWS IoT Core wants it.',
};

const TLS_BROKEN: Failure = { code: 'TLS_FAILED', says: (place) => `TLS with ${at(place)} failed` };

/**
 * What Node says when the server's certificate does not verify. Sources: the names of X.509 errors in
 * https://nodejs.org/docs/latest-v20.x/api/tls.html#x509-certificate-error-codes; `ERR_TLS_*` in
 * https://nodejs.org/docs/latest-v20.x/api/errors.html#nodejs-error-codes. UNSPECIFIED stands for every result that the
 * list does not have: a weak signature, an unknown critical extension, a name that an authority may not sign.
 */
export const VERIFICATION_FAILURES = failureTable({
  DEPTH_ZERO_SELF_SIGNED_CERT: SERVER_UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: SERVER_UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: SERVER_UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: SERVER_UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: SERVER_UNTRUSTED,
  // An authority of the same name as the one that is trusted, and with another key.
  CERT_SIGNATURE_FAILURE: SERVER_UNTRUSTED,
  CERT_UNTRUSTED: SERVER_UNTRUSTED,
  CERT_REJECTED: SERVER_UNTRUSTED,
  CERT_CHAIN_TOO_LONG: SERVER_UNACCEPTABLE,
  CERT_REVOKED: SERVER_UNACCEPTABLE,
  INVALID_CA: SERVER_UNACCEPTABLE,
  INVALID_PURPOSE: SERVER_UNACCEPTABLE,
  PATH_LENGTH_EXCEEDED: SERVER_UNACCEPTABLE,
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: SERVER_UNACCEPTABLE,
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: SERVER_UNACCEPTABLE,
  ERROR_IN_CERT_NOT_BEFORE_FIELD: SERVER_UNACCEPTABLE,
  ERROR_IN_CERT_NOT_AFTER_FIELD: SERVER_UNACCEPTABLE,
  ERR_TLS_CERT_ALTNAME_FORMAT: SERVER_UNACCEPTABLE,
  // Lists of revoked certificates: this package sets none, an app that configures Node may.
  UNABLE_TO_GET_CRL: SERVER_REVOCATION_UNKNOWN,
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: SERVER_REVOCATION_UNKNOWN,
  CRL_SIGNATURE_FAILURE: SERVER_REVOCATION_UNKNOWN,
  CRL_NOT_YET_VALID: SERVER_REVOCATION_UNKNOWN,
  CRL_HAS_EXPIRED: SERVER_REVOCATION_UNKNOWN,
  ERROR_IN_CRL_LAST_UPDATE_FIELD: SERVER_REVOCATION_UNKNOWN,
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: SERVER_REVOCATION_UNKNOWN,
  UNSPECIFIED: SERVER_UNACCEPTABLE_UNNAMED,
  OUT_OF_MEM: TLS_BROKEN,
  CERT_HAS_EXPIRED: SERVER_EXPIRED,
  CERT_NOT_YET_VALID: SERVER_NOT_YET_VALID,
  ERR_TLS_CERT_ALTNAME_INVALID: SERVER_NAME,
  HOSTNAME_MISMATCH: SERVER_NAME,
});

/**
 * TLS alerts that the server sent, by the end of their OpenSSL name. Node 20 says `ERR_SSL_SSLV3_ALERT_…`,
 * `ERR_SSL_TLSV1_ALERT_…`, `ERR_SSL_TLSV13_ALERT_…` and for some `ERR_SSL_TLSV1_…`; OpenSSL from 3.2 on
 * `ERR_SSL_SSL/TLS_ALERT_…`. What they mean: RFC 8446, section 6.2; RFC 6066, section 9 (unrecognized name); RFC 7301,
 * section 3.2 (no application protocol).
 */
export const ALERT_FAILURES = failureTable({
  CERTIFICATE_REQUIRED: CERTIFICATE_MISSING,
  NO_CERTIFICATE: CERTIFICATE_MISSING,
  BAD_CERTIFICATE: certificateRefused('it is damaged, or its signature is not right', REPLACE_CERTIFICATE),
  UNSUPPORTED_CERTIFICATE: certificateRefused(
    'it is of a kind that is not supported there',
    'Give this device a certificate with a kind of key and a purpose that the broker supports.',
  ),
  CERTIFICATE_REVOKED: certificateRefused('it is revoked', REPLACE_CERTIFICATE),
  CERTIFICATE_EXPIRED: certificateRefused('it is expired, or not valid yet', REPLACE_CERTIFICATE),
  CERTIFICATE_UNKNOWN: certificateRefused(
    'the broker gives no reason',
    'Check that the broker trusts the authority of this certificate, and that it is neither expired nor revoked.',
  ),
  UNKNOWN_CA: certificateRefused(
    'its authority is not known there',
    'Let the broker trust the authority that signed this certificate, and put those in between into `cert`.',
  ),
  ACCESS_DENIED: certificateRefused(
    'it is valid, and has no access',
    'Check that the broker allows this certificate to connect.',
  ),
  HANDSHAKE_FAILURE: NOTHING_IN_COMMON,
  INSUFFICIENT_SECURITY: NOTHING_IN_COMMON,
  PROTOCOL_VERSION: TLS_TOO_OLD,
  UNRECOGNIZED_NAME: SERVER_NAME_UNKNOWN,
  NO_APPLICATION_PROTOCOL: NO_MQTT_BY_ALPN,
});

/** What TLS on this device says by itself, not for an alert. Source: OpenSSL 3.0, `crypto/err/openssl.txt`. */
export const LOCAL_TLS_FAILURES = failureTable({
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: TLS_TOO_OLD,
  ERR_SSL_EE_KEY_TOO_SMALL: OWN_TOO_WEAK,
  ERR_SSL_CA_KEY_TOO_SMALL: OWN_TOO_WEAK,
  ERR_SSL_CA_MD_TOO_WEAK: OWN_TOO_WEAK,
});

const ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_(?:ALERT_)?([A-Z_]+)$/;
/** No more than a name: what is shown of it may be logged. */
const ANY_OF_TLS = /^(?:ERR_(?:SSL|TLS|OSSL)_[A-Z0-9_/]{1,80}|EPROTO)$/;

/** What a name of Node's TLS or of OpenSSL means, or `undefined` for a name that is not of TLS. */
export function tlsFailureOf(code: string): Failure | undefined {
  const named = VERIFICATION_FAILURES.get(code) ?? LOCAL_TLS_FAILURES.get(code);
  if (named !== undefined) return named;
  const alert = ALERT_FAILURES.get(ALERT.exec(code)?.[1] ?? '');
  return alert ?? (ANY_OF_TLS.test(code) ? TLS_BROKEN : undefined);
}
