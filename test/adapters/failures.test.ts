import { describe, expect, test } from 'vitest';
import { IotError, type IotErrorCode } from '../../src/protocol/errors.ts';
import {
  closedFailure,
  connackFailure,
  disconnectFailure,
  type FailurePlace,
  networkFailure,
} from '../../src/protocol/failures.ts';

const place: FailurePlace = {
  endpoint: 'broker.example',
  port: 8883,
  stage: 'dialing',
  wallClock: Date.UTC(1970, 0, 1),
};
const aws: FailurePlace = { ...place, endpoint: 'abc-ats.iot.eu-west-1.amazonaws.com' };
const withCode = (code: string) => Object.assign(new Error('words of Node'), { code });

const TABLE: readonly (readonly [string, IotErrorCode])[] = [
  ['ENOTFOUND', 'DNS_FAILED'],
  ['EAI_AGAIN', 'DNS_FAILED'],
  ['ECONNREFUSED', 'NETWORK_UNREACHABLE'],
  ['EHOSTUNREACH', 'NETWORK_UNREACHABLE'],
  ['ENETUNREACH', 'NETWORK_UNREACHABLE'],
  ['ETIMEDOUT', 'NETWORK_UNREACHABLE'],
  ['EMFILE', 'NETWORK_UNREACHABLE'],
  ['ECONNRESET', 'CONNECTION_RESET'],
  ['EPIPE', 'CONNECTION_RESET'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SERVER_CERTIFICATE_UNTRUSTED'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'SERVER_CERTIFICATE_UNTRUSTED'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SERVER_CERTIFICATE_UNTRUSTED'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'SERVER_CERTIFICATE_UNTRUSTED'],
  ['CERT_HAS_EXPIRED', 'SERVER_CERTIFICATE_EXPIRED'],
  ['CERT_NOT_YET_VALID', 'SERVER_CERTIFICATE_NOT_YET_VALID'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'SERVER_NAME_MISMATCH'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'CLIENT_CERTIFICATE_REFUSED'],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'CLIENT_CERTIFICATE_REFUSED'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'CLIENT_CERTIFICATE_REFUSED'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', 'CLIENT_CERTIFICATE_REFUSED'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'CLIENT_CERTIFICATE_REFUSED'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'CLIENT_CERTIFICATE_REFUSED'],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', 'CLIENT_CERTIFICATE_REFUSED'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'TLS_FAILED'],
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'TLS_FAILED'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_FAILED'],
  ['ERR_SSL_SOMETHING_NEW', 'TLS_FAILED'],
  ['EPROTO', 'TLS_FAILED'],
];

describe('what Node and TLS report', () => {
  test.each(TABLE)('%s is %s', (code, expected) => {
    const error = networkFailure(withCode(code), place);
    expect(error.code).toBe(expected);
    expect(error.message).toContain(code);
    expect(error.message).toContain('broker.example');
    expect(error.cause).toMatchObject({ code });
  });

  test('an errno after CONNACK is a lost connection', () => {
    for (const code of ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH']) {
      expect(networkFailure(withCode(code), { ...place, stage: 'live' }).code).toBe('CONNECTION_LOST');
    }
  });

  test('an alert after CONNACK keeps its meaning', () => {
    const alert = withCode('ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED');
    expect(networkFailure(alert, { ...place, stage: 'live' }).code).toBe('CLIENT_CERTIFICATE_REFUSED');
  });

  test.each([
    undefined,
    null,
    'text',
    new Error('no code'),
    { code: 7 },
    withCode('toString'),
    withCode('E_NEW'),
  ])('what nobody knows is INTERNAL: %s', (error) =>
    expect(networkFailure(error, place).code).toBe('INTERNAL'),
  );

  test('an IotError stays what it is', () => {
    const error = new IotError('KEY_MISMATCH', 'x');
    expect(networkFailure(error, place)).toBe(error);
  });

  test('fault:D-3 fault:D-4 a date that does not fit tells what this device believes the time is', () => {
    for (const code of ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']) {
      expect(networkFailure(withCode(code), place).message).toContain('1970-01-01');
    }
  });

  test('advice about AWS is given for AWS only', () => {
    const untrusted = withCode('SELF_SIGNED_CERT_IN_CHAIN');
    expect(networkFailure(untrusted, aws).remediation).toContain('AmazonRootCA1');
    expect(networkFailure(untrusted, place).remediation).not.toContain('Amazon');
    expect(closedFailure({ ...aws, stage: 'awaitingConnack' }).remediation).toContain('iot:Connect');
    expect(closedFailure({ ...place, stage: 'awaitingConnack' }).remediation).toBeUndefined();
    expect(connackFailure(5, aws).remediation).toContain('iot:Connect');
    expect(connackFailure(5, place).remediation).toBeUndefined();
  });
});

test('a stream that only closes is judged by what was being done', () => {
  expect(closedFailure({ ...place, stage: 'dialing' }).code).toBe('CONNECTION_RESET');
  expect(closedFailure({ ...place, stage: 'awaitingConnack' }).code).toBe('CLOSED_BEFORE_CONNACK');
  const live = closedFailure({ ...place, stage: 'live' });
  expect(live.code).toBe('CONNECTION_LOST');
  // What AWS IoT Core closes for without a word: takeover, and what the policy denies.
  expect(live.remediation).toMatch(/client id.*publishes/);
});

test.each([
  [0x84, 'UNSUPPORTED_PROTOCOL_VERSION'],
  [0x85, 'INVALID_CLIENT_ID'],
  [0x86, 'BAD_CREDENTIALS'],
  [0x87, 'NOT_AUTHORIZED'],
  [0x88, 'SERVER_UNAVAILABLE'],
  [0x89, 'SERVER_UNAVAILABLE'],
  [0x97, 'CONNECTION_REFUSED'],
  [0x9f, 'SERVER_UNAVAILABLE'],
  [0x9d, 'CONNECTION_REFUSED'],
])('fault:A-11 CONNACK %i is %s', (code, expected) => {
  expect(connackFailure(code, place).code).toBe(expected);
});

test.each([
  [0x00, 'CONNECTION_LOST'],
  [0x82, 'PROTOCOL_ERROR'],
  [0x87, 'NOT_AUTHORIZED'],
  [0x8b, 'SERVER_UNAVAILABLE'],
])('fault:B-19 DISCONNECT %i is %s', (code, expected) => {
  expect(disconnectFailure(code, place).code).toBe(expected);
});
