import { describe, expect, test } from 'vitest';
import { IOT_ERROR_CODES, IotError, type IotErrorCode } from '../../../src/protocol/errors.ts';
import {
  closedFailure,
  closedOverPacket,
  duplicateClientId,
  type FailurePlace,
  internalFailure,
  networkFailure,
  packetTooLarge,
  poisonPublish,
  poisonSubscription,
  protocolFailure,
  upgradeFailure,
  upgradeIncomplete,
} from '../../../src/protocol/failures.ts';
import { SOCKET_FAILURES } from '../../../src/protocol/network-failures.ts';
import {
  ALERT_FAILURES,
  LOCAL_TLS_FAILURES,
  VERIFICATION_FAILURES,
} from '../../../src/protocol/tls-failures.ts';

const place: FailurePlace = {
  endpoint: 'broker.example',
  port: 8883,
  stage: 'dialing',
  wallClock: Date.UTC(2031, 5, 1),
};
const aws: FailurePlace = { ...place, endpoint: 'abc-ats.iot.eu-west-1.amazonaws.com' };
const withCode = (code: string) => Object.assign(new Error('words of Node'), { code });

/** The rows of one kind: a name, and what its remediation must have; `undefined` where there is none. */
type Rows = readonly (readonly [names: string, code: IotErrorCode, advice: RegExp | undefined])[];

const SOCKETS: Rows = [
  ['ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME', 'DNS_FAILED', /`endpoint`.*name server/],
  ['ENODATA ESERVFAIL EREFUSED ENOTIMP EFORMERR EBADNAME EBADRESP ETIMEOUT', 'DNS_FAILED', /name server/],
  ['EAI_ADDRFAMILY EAI_BADFLAGS EAI_CANCELED EAI_FAMILY EAI_MEMORY', 'DNS_FAILED', undefined],
  ['EAI_OVERFLOW EAI_PROTOCOL EAI_SERVICE EAI_SOCKTYPE', 'DNS_FAILED', undefined],
  ['ECONNREFUSED', 'NETWORK_UNREACHABLE', /broker is running/],
  ['EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENONET EADDRNOTAVAIL', 'NETWORK_UNREACHABLE', /firewall/],
  ['EAFNOSUPPORT ETIMEDOUT EACCES EPERM ERR_SOCKET_CONNECTION_TIMEOUT', 'NETWORK_UNREACHABLE', /firewall/],
  ['EMFILE ENFILE', 'NETWORK_UNREACHABLE', /limit of open files/],
  ['ENOBUFS ENOMEM', 'NETWORK_UNREACHABLE', undefined],
  [
    'ECONNRESET ECONNABORTED ENETRESET ENOTCONN EPIPE ESHUTDOWN',
    'CONNECTION_RESET',
    /at each attempt: .*TLS/,
  ],
  [
    'ERR_SOCKET_CLOSED ERR_SOCKET_CLOSED_BEFORE_CONNECTION ERR_STREAM_PREMATURE_CLOSE',
    'CONNECTION_RESET',
    /at each attempt/,
  ],
];

const VERIFICATION: Rows = [
  ['DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN', 'SERVER_CERTIFICATE_UNTRUSTED', /Set `ca`/],
  ['UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'SERVER_CERTIFICATE_UNTRUSTED', /Set `ca`/],
  [
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE CERT_SIGNATURE_FAILURE CERT_UNTRUSTED CERT_REJECTED',
    'SERVER_CERTIFICATE_UNTRUSTED',
    /Set `ca`.*in between/,
  ],
  [
    'CERT_CHAIN_TOO_LONG CERT_REVOKED INVALID_CA INVALID_PURPOSE PATH_LENGTH_EXCEEDED',
    'SERVER_CERTIFICATE_UNTRUSTED',
    /must be replaced/,
  ],
  [
    'UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY ERROR_IN_CERT_NOT_BEFORE_FIELD',
    'SERVER_CERTIFICATE_UNTRUSTED',
    /must be replaced/,
  ],
  [
    'ERROR_IN_CERT_NOT_AFTER_FIELD ERR_TLS_CERT_ALTNAME_FORMAT UNSPECIFIED',
    'SERVER_CERTIFICATE_UNTRUSTED',
    /must be replaced/,
  ],
  [
    'UNABLE_TO_GET_CRL UNABLE_TO_DECRYPT_CRL_SIGNATURE CRL_SIGNATURE_FAILURE CRL_NOT_YET_VALID CRL_HAS_EXPIRED',
    'SERVER_CERTIFICATE_UNTRUSTED',
    undefined,
  ],
  [
    'ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD',
    'SERVER_CERTIFICATE_UNTRUSTED',
    undefined,
  ],
  ['OUT_OF_MEM', 'TLS_FAILED', undefined],
  ['CERT_HAS_EXPIRED', 'SERVER_CERTIFICATE_EXPIRED', /If it is right/],
  ['CERT_NOT_YET_VALID', 'SERVER_CERTIFICATE_NOT_YET_VALID', /probably behind/],
  ['ERR_TLS_CERT_ALTNAME_INVALID HOSTNAME_MISMATCH', 'SERVER_NAME_MISMATCH', /that the certificate contains/],
];

const ALERTS: Rows = [
  ['CERTIFICATE_REQUIRED NO_CERTIFICATE', 'CLIENT_CERTIFICATE_REFUSED', /mutualTls\(\)/],
  [
    'BAD_CERTIFICATE CERTIFICATE_REVOKED CERTIFICATE_EXPIRED',
    'CLIENT_CERTIFICATE_REFUSED',
    /new certificate/,
  ],
  ['UNSUPPORTED_CERTIFICATE', 'CLIENT_CERTIFICATE_REFUSED', /kind of key/],
  ['CERTIFICATE_UNKNOWN', 'CLIENT_CERTIFICATE_REFUSED', /neither expired nor revoked/],
  ['UNKNOWN_CA', 'CLIENT_CERTIFICATE_REFUSED', /trust the authority/],
  ['ACCESS_DENIED', 'CLIENT_CERTIFICATE_REFUSED', /allows this certificate/],
  ['HANDSHAKE_FAILURE INSUFFICIENT_SECURITY', 'TLS_FAILED', /cipher suite/],
  ['PROTOCOL_VERSION', 'TLS_FAILED', /TLS 1\.2 or 1\.3/],
  ['UNRECOGNIZED_NAME', 'SERVER_NAME_MISMATCH', /host name of the broker/],
  ['NO_APPLICATION_PROTOCOL', 'TLS_FAILED', /x-amzn-mqtt-ca.*mutualTls\(\).*`mqtt`.*customAuthorizer\(\)/],
];

const LOCAL: Rows = [
  ['ERR_SSL_WRONG_VERSION_NUMBER ERR_SSL_PACKET_LENGTH_TOO_LONG', 'TLS_FAILED', /Check `port`/],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'TLS_FAILED', /TLS 1\.2 or 1\.3/],
  [
    'ERR_SSL_EE_KEY_TOO_SMALL ERR_SSL_CA_KEY_TOO_SMALL ERR_SSL_CA_MD_TOO_WEAK',
    'CREDENTIAL_UNREADABLE',
    /SHA-256/,
  ],
];

const OTHER: Rows = [
  ['EPROTO ERR_SSL_SOMETHING_NEW ERR_TLS_SOMETHING_NEW ERR_OSSL_X509_NEW', 'TLS_FAILED', undefined],
  ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR ERR_SSL_TLSV1_UNSUPPORTED_EXTENSION', 'TLS_FAILED', undefined],
];

const namesIn = (rows: Rows): readonly string[] => rows.flatMap(([names]) => names.split(' '));
const each = (rows: Rows) =>
  rows.flatMap(([names, ...rest]) => names.split(' ').map((name) => [name, ...rest] as const));

function expectAdvice(error: IotError, advice: RegExp | undefined): void {
  if (advice === undefined) expect(error.remediation).toBeUndefined();
  else expect(error.remediation).toMatch(advice);
}

describe('what Node and TLS report', () => {
  test.each([
    ['sockets', SOCKETS, SOCKET_FAILURES],
    ['certificates', VERIFICATION, VERIFICATION_FAILURES],
    ['alerts', ALERTS, ALERT_FAILURES],
    ['TLS of this device', LOCAL, LOCAL_TLS_FAILURES],
  ] as const)('each row of the table of %s is here', (_, rows, table) => {
    expect([...namesIn(rows)].sort()).toEqual([...table.keys()].sort());
  });

  test.each(each([...SOCKETS, ...VERIFICATION, ...LOCAL, ...OTHER]))(
    'fault:D-1 fault:D-2 fault:E-1 fault:E-9 %s is %s',
    (name, code, advice) => {
      const cause = withCode(name);
      const error = networkFailure(cause, place);
      expect(error).toMatchObject({ code, cause });
      expect(error.message).toContain(`(${name}`);
      expectAdvice(error, advice);
    },
  );

  const PREFIXES = ['SSLV3_ALERT', 'TLSV1_ALERT', 'TLSV13_ALERT', 'TLSV1', 'SSL/TLS_ALERT'];
  test.each(each(ALERTS))('fault:D-5 the alert %s is %s, by each of its names', (alert, code, advice) => {
    for (const prefix of PREFIXES) {
      const error = networkFailure(withCode(`ERR_SSL_${prefix}_${alert}`), place);
      expect(error.code).toBe(code);
      expect(error.message).toContain(`${prefix}_${alert})`);
      expectAdvice(error, advice);
    }
  });

  test.each(namesIn(SOCKETS))('after CONNACK %s is a lost connection', (name) => {
    const error = networkFailure(withCode(name), { ...place, stage: 'live' });
    expect(error.code).toBe('CONNECTION_LOST');
    expect(error.message).toContain(name);
  });

  test('a cut without words says what it may be when it comes again and again, at each stage', () => {
    const cut = withCode('ECONNRESET');
    const advice = (stage: FailurePlace['stage'], where = place) =>
      networkFailure(cut, { ...where, stage }).remediation;
    expect(advice('dialing', aws)).toMatch(/at each attempt: .*ACTIVE/);
    expect(advice('awaitingConnack', aws)).toMatch(/at each attempt: .*iot:Connect/);
    expect(advice('awaitingConnack')).toBeUndefined();
    expect(advice('live')).toMatch(/again and again: .*client id/);
    expect(networkFailure(withCode('EHOSTUNREACH'), { ...place, stage: 'live' }).remediation).toBeUndefined();
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
    withCode(''),
    withCode('toString'),
    withCode('E_NEW'),
    withCode('ERR_SSL_<html>\n'),
    withCode(`ERR_SSL_${'X'.repeat(81)}`),
  ])('what nobody knows is INTERNAL, and not shown: %s', (error) => {
    const failure = networkFailure(error, place);
    expect(failure.code).toBe('INTERNAL');
    expect(failure.cause).toBe(error);
    expect(failure.message).toBe('the connection to broker.example:8883 failed for an unknown reason');
  });

  test('sec:S-17 what OpenSSL says of an unnamed fault of a certificate is quoted', () => {
    const error = Object.assign(new Error('CA signature digest algorithm too weak\u009b'), {
      code: 'UNSPECIFIED',
    });
    expect(networkFailure(error, place).message).toBe(
      String.raw`the certificate of broker.example:8883, or one above it, cannot be accepted (UNSPECIFIED: "CA signature digest algorithm too weak\u{9b}")`,
    );
  });

  test('an IotError stays what it is', () => {
    for (const code of IOT_ERROR_CODES) {
      const error = new IotError(code, 'x');
      expect(networkFailure(error, place)).toBe(error);
    }
  });

  test('advice about AWS is given for AWS only', () => {
    const advice = (code: string, where: FailurePlace) => networkFailure(withCode(code), where).remediation;
    expect(advice('SELF_SIGNED_CERT_IN_CHAIN', aws)).toContain('AmazonRootCA1');
    expect(advice('ENOTFOUND', aws)).toContain('describe-endpoint');
    // Whoever signs in without a certificate is cut off too.
    expect(advice('ECONNRESET', aws)).toContain('with mutualTls(), that the certificate is registered');
    expect(advice('ECONNRESET', place)).toContain('if there is one');
    for (const alert of ['UNKNOWN_CA', 'ACCESS_DENIED', 'CERTIFICATE_REVOKED']) {
      expect(advice(`ERR_SSL_TLSV1_ALERT_${alert}`, aws)).toContain('registered and ACTIVE');
    }
    for (const name of [...namesIn(SOCKETS), ...namesIn(VERIFICATION)]) {
      expect(advice(name, place) ?? '').not.toMatch(/Amazon|aws|ACTIVE|iot:/);
    }
  });
});

describe('fault:D-3 fault:D-4 a date of the server that does not fit', () => {
  const advice = (code: string, wallClock: number) => networkFailure(withCode(code), { ...place, wallClock });
  const WRONG = /^Set this device's clock: it is wrong, .*2026-01-01/;

  test.each(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])(
    '%s tells what this device believes the time is',
    (code) => {
      expect(advice(code, Date.UTC(2031, 5, 1)).message).toContain('2031-06-01T00:00:00.000Z');
    },
  );

  test.each(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])(
    '%s: a clock before this package is wrong',
    (code) => {
      for (const wrong of [0, Date.UTC(2026, 0, 1) - 1])
        expect(advice(code, wrong).remediation).toMatch(WRONG);
      expect(advice(code, Date.UTC(2026, 0, 1)).remediation).not.toMatch(WRONG);
    },
  );
});

test.each([
  ['dialing', 'CONNECTION_RESET', /at each attempt/, /ACTIVE/],
  ['awaitingConnack', 'CLOSED_BEFORE_CONNACK', undefined, /iot:Connect/],
  // What AWS IoT Core closes for without a word: takeover, and what the policy denies.
  ['live', 'CONNECTION_LOST', /client id.*publishes/, /client id.*publishes/],
] as const)('a stream that only closes while %s is %s', (stage, code, advice, onAws) => {
  const error = closedFailure({ ...place, stage });
  expect(error.code).toBe(code);
  expect(error.message).toContain('broker.example:8883');
  expect('cause' in error).toBe(false);
  expectAdvice(error, advice);
  expectAdvice(closedFailure({ ...aws, stage }), onAws);
});

describe('fault:A-21 a refused upgrade to a WebSocket', () => {
  test.each([
    [401, 'BAD_CREDENTIALS', /credentials.*clock/],
    [403, 'BAD_CREDENTIALS', /credentials.*clock/],
    [408, 'SERVER_UNAVAILABLE', undefined],
    [429, 'SERVER_UNAVAILABLE', undefined],
    [500, 'SERVER_UNAVAILABLE', undefined],
    [502, 'SERVER_UNAVAILABLE', undefined],
    [503, 'SERVER_UNAVAILABLE', undefined],
    [599, 'SERVER_UNAVAILABLE', undefined],
    [600, 'WEBSOCKET_REFUSED', /`endpoint`/],
    [407, 'WEBSOCKET_REFUSED', /proxy/],
    [300, 'WEBSOCKET_REFUSED', /redirects are not followed/],
    [399, 'WEBSOCKET_REFUSED', /redirects are not followed/],
    [301, 'WEBSOCKET_REFUSED', /redirects are not followed/],
    [307, 'WEBSOCKET_REFUSED', /redirects are not followed/],
    [400, 'WEBSOCKET_REFUSED', /`port`/],
    [404, 'WEBSOCKET_REFUSED', /`port`/],
    [426, 'WEBSOCKET_REFUSED', /`port`/],
    [200, 'WEBSOCKET_REFUSED', /MQTT over WebSocket/],
  ] as const)('with %i is %s', (status, code, advice) => {
    const error = upgradeFailure(status, place);
    expect(error.code).toBe(code);
    expect(error.message).toContain(`HTTP status ${status}`);
    expect(error.reasonCode).toBeUndefined();
    expectAdvice(error, advice);
  });

  test('by credentials tells the clock that signed, and what AWS asks of them', () => {
    const error = upgradeFailure(403, aws);
    expect(error.message).toContain('2031-06-01');
    expect(error.remediation).toContain('iot:Connect');
    expect(upgradeFailure(404, aws).message).toBe(
      'abc-ats.iot.eu-west-1.amazonaws.com:8883 refused the upgrade to a WebSocket with HTTP status 404',
    );
  });
});

describe('fault:A-21 an upgrade to a WebSocket that is not answered as one', () => {
  const failure = (message: string, code?: string) =>
    upgradeIncomplete(Object.assign(new Error(message), code === undefined ? {} : { code }), place);

  test('is a cut when the line is cut instead', () => {
    expect(failure('socket hang up', 'ECONNRESET')).toMatchObject({
      code: 'CONNECTION_RESET',
      message:
        'broker.example:8883 cut the connection instead of answering the upgrade to a WebSocket (ECONNRESET)',
      cause: expect.objectContaining({ code: 'ECONNRESET' }) as unknown,
    });
  });

  test('is a refusal when what answers speaks no HTTP, or another WebSocket', () => {
    expect(failure('Parse Error: Expected HTTP/', 'HPE_INVALID_CONSTANT')).toMatchObject({
      code: 'WEBSOCKET_REFUSED',
      message:
        'broker.example:8883 did not answer the upgrade as MQTT over WebSocket does: it is not HTTP (HPE_INVALID_CONSTANT)',
      remediation: expect.stringContaining('`port`') as string,
    });
    expect(failure('Server sent no subprotocol')).toMatchObject({
      code: 'WEBSOCKET_REFUSED',
      message:
        'broker.example:8883 did not answer the upgrade as MQTT over WebSocket does: Server sent no subprotocol',
      remediation: expect.stringContaining('`port`') as string,
    });
  });

  test('is what it is without a WebSocket when the network or TLS failed', () => {
    expect(failure('words of Node', 'ECONNREFUSED').code).toBe('NETWORK_UNREACHABLE');
    expect(failure('words of Node', 'ENOTFOUND').code).toBe('DNS_FAILED');
    expect(failure('words of Node', 'CERT_HAS_EXPIRED').code).toBe('SERVER_CERTIFICATE_EXPIRED');
    expect(failure('words of Node', 'NOT_HPE_').code).toBe('INTERNAL');
  });
});

describe('what closes lines again and again', () => {
  const hostile = `\u009b<html>${'x'.repeat(100)}`;

  test('a poison publish: it was on the wire, and only it was open', () => {
    const error = poisonPublish('plants/basil', 3);
    expect(error).toMatchObject({
      code: 'POISON_PUBLISH',
      outcomeUnknown: true,
      message:
        'the publish to "plants/basil" makes the broker close the connection: it did so 3 times while nothing else was open',
      remediation: expect.stringContaining('publish to this topic'),
    });
    expect(poisonPublish('a', 1).message).toContain('did so once while');
  });

  test('a poison filter', () => {
    expect(poisonSubscription('$aws/#', 2)).toMatchObject({
      code: 'POISON_SUBSCRIPTION',
      outcomeUnknown: false,
      message: expect.stringMatching(/^the subscription to "\$aws\/#" makes .* 2 times/),
      remediation: expect.stringContaining('subscribe to this filter'),
    });
  });

  test('fault:C-1 another client with the same id is a suspicion, and says so', () => {
    const error = duplicateClientId(place, 4, 'lamp');
    expect(error).toMatchObject({
      code: 'DUPLICATE_CLIENT_ID',
      message: expect.stringMatching(
        /4 times in a row.*most likely another client uses the client id "lamp"/,
      ),
      remediation: expect.stringMatching(/`clientId` of its own.*QoS 0.*denied/),
    });
    expect(error.reasonCode).toBeUndefined();
  });

  test('a line that ended over a packet is lost, whatever the code would say of a client, and says what it knows', () => {
    const seen = new IotError('NOT_AUTHORIZED', 'the broker ended the line', {
      reasonCode: 135,
      remediation: 'Ask.',
    });
    const error = closedOverPacket(seen);
    expect(error.toJSON()).toEqual({
      name: 'IotError',
      code: 'CONNECTION_LOST',
      message:
        'the broker ended the line; a publish or a filter seems to be the cause, and the next connections find out which',
      recovery: 'retry',
      reasonCode: 135,
    });
    expect(error.cause).toBe(seen);
    const found = closedOverPacket(new IotError('CONNECTION_LOST', 'it closed'), poisonPublish('a', 1));
    expect(found.message).toMatch(/^it closed; the publish to "a" makes the broker/);
    expect(found.reasonCode).toBeUndefined();
  });

  test('sec:S-17 shows topics, filters and ids cut and escaped', () => {
    for (const error of [
      poisonPublish(hostile, 3),
      poisonSubscription(hostile, 3),
      duplicateClientId(place, 3, hostile),
    ]) {
      expect(error.message).toContain(String.raw`"\u{9b}<html>`);
      expect(error.message).not.toContain('x'.repeat(64));
    }
  });
});

test('what breaks MQTT, what is too large, and what is our own fault', () => {
  const cause = new Error('Invalid topic');
  expect(protocolFailure('an empty topic', place, cause)).toMatchObject({
    code: 'PROTOCOL_ERROR',
    message: 'broker.example:8883 broke the MQTT protocol: an empty topic',
    cause,
  });
  expect('cause' in protocolFailure('x', place)).toBe(false);
  expect(packetTooLarge(300, 200, place)).toMatchObject({
    code: 'PACKET_TOO_LARGE',
    message: 'broker.example:8883 sent a packet of 300 bytes; this client takes at most 200',
    remediation: expect.stringContaining('messages of this size'),
  });
  expect(internalFailure('a callback threw', cause)).toMatchObject({
    code: 'INTERNAL',
    message: 'a callback threw',
    cause,
  });
});
