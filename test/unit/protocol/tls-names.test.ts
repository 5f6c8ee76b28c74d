import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { generate } from 'selfsigned';
import { afterEach, describe, expect, test } from 'vitest';
import { type FailurePlace, networkFailure } from '../../../src/protocol/failures.ts';
import { makeAuthority } from '../../support/certificates.ts';

// The tables know names; here this Node says them.

const CONTENT_TYPE_ALERT = 21;
const FATAL = 2;

let server: net.Server | undefined;

afterEach(
  () => new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve()))),
);

function listen(started: net.Server): Promise<number> {
  server = started;
  return new Promise((resolve) => {
    started.listen(0, '127.0.0.1', () => resolve((started.address() as AddressInfo).port));
  });
}

/** A peer that answers the first bytes of TLS with `answer` and hangs up. */
const answering = (answer: Uint8Array): Promise<number> =>
  listen(
    net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(answer));
    }),
  );

/** What becomes of a handshake, as the client has it. */
function dial(port: number, options: tls.ConnectionOptions = {}): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ...options });
    socket.once('error', resolve).once('secureConnect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

const place = (port: number): FailurePlace => ({
  endpoint: '127.0.0.1',
  port,
  stage: 'dialing',
  wallClock: Date.now(),
});

/** RFC 8446, section 6.2 and before it RFC 5246, section 7.2; by number, as it is on the wire. */
const ALERTS: Readonly<Record<number, string>> = {
  10: 'TLS_FAILED', // unexpected_message
  20: 'TLS_FAILED', // bad_record_mac
  21: 'TLS_FAILED', // decryption_failed
  22: 'TLS_FAILED', // record_overflow
  30: 'TLS_FAILED', // decompression_failure
  40: 'TLS_FAILED', // handshake_failure
  41: 'CLIENT_CERTIFICATE_REFUSED', // no_certificate
  42: 'CLIENT_CERTIFICATE_REFUSED', // bad_certificate
  43: 'CLIENT_CERTIFICATE_REFUSED', // unsupported_certificate
  44: 'CLIENT_CERTIFICATE_REFUSED', // certificate_revoked
  45: 'CLIENT_CERTIFICATE_REFUSED', // certificate_expired
  46: 'CLIENT_CERTIFICATE_REFUSED', // certificate_unknown
  47: 'TLS_FAILED', // illegal_parameter
  48: 'CLIENT_CERTIFICATE_REFUSED', // unknown_ca
  49: 'CLIENT_CERTIFICATE_REFUSED', // access_denied
  50: 'TLS_FAILED', // decode_error
  51: 'TLS_FAILED', // decrypt_error
  60: 'TLS_FAILED', // export_restriction
  70: 'TLS_FAILED', // protocol_version
  71: 'TLS_FAILED', // insufficient_security
  80: 'TLS_FAILED', // internal_error
  86: 'TLS_FAILED', // inappropriate_fallback
  90: 'TLS_FAILED', // user_canceled
  100: 'TLS_FAILED', // no_renegotiation
  109: 'TLS_FAILED', // missing_extension
  110: 'TLS_FAILED', // unsupported_extension
  111: 'TLS_FAILED', // certificate_unobtainable
  112: 'SERVER_NAME_MISMATCH', // unrecognized_name
  113: 'TLS_FAILED', // bad_certificate_status_response
  114: 'TLS_FAILED', // bad_certificate_hash_value
  115: 'TLS_FAILED', // unknown_psk_identity
  116: 'CLIENT_CERTIFICATE_REFUSED', // certificate_required
  120: 'TLS_FAILED', // no_application_protocol
};
/** They have an advice of their own, so a name that Node changed would show. */
const ADVISED = new Set([40, 41, 42, 43, 44, 45, 46, 48, 49, 70, 71, 112, 116, 120]);

describe('fault:D-5 each TLS alert, as this Node reports it', () => {
  test.each(Object.entries(ALERTS).map(([alert, code]) => [Number(alert), code] as const))(
    'alert %i is %s',
    async (alert, code) => {
      const port = await answering(Uint8Array.of(CONTENT_TYPE_ALERT, 3, 3, 0, 2, FATAL, alert));
      const error = networkFailure(await dial(port), place(port));
      expect(error.code).toBe(code);
      expect(error.remediation !== undefined).toBe(ADVISED.has(alert));
    },
  );

  test('an alert without a name is a cut connection', async () => {
    const port = await answering(Uint8Array.of(CONTENT_TYPE_ALERT, 3, 3, 0, 2, FATAL, 200));
    expect(networkFailure(await dial(port), place(port)).code).toBe('CONNECTION_RESET');
  });
});

describe('a peer that is no TLS server', () => {
  test.each([
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n<html>'), 'TLS_FAILED', /does not speak TLS/],
    ['nothing', new Uint8Array(), 'CONNECTION_RESET', /cut the connection/],
  ] as const)('that says %s', async (_, answer, code, words) => {
    const port = await answering(answer);
    const error = networkFailure(await dial(port), place(port));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
    expect(error.message).not.toContain('html');
  });
});

test('a certificate that OpenSSL refuses for a reason which Node has no name for says the reason', async () => {
  const authority = await makeAuthority();
  const weak = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha1',
    keyType: 'ec',
    ca: authority,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  const options = { cert: weak.cert, key: weak.private, ciphers: 'DEFAULT@SECLEVEL=0' };
  const port = await listen(tls.createServer(options));
  const error = networkFailure(await dial(port, { ca: authority.cert }), place(port));
  expect(error.code).toBe('SERVER_CERTIFICATE_UNTRUSTED');
  expect(error.message).toMatch(/\(UNSPECIFIED: ".*too weak"\)$/);
});

test('a protocol by ALPN that the server does not know says so', async () => {
  const authority = await makeAuthority();
  const { cert, key } = authority;
  const port = await listen(tls.createServer({ cert, key, ALPNProtocols: ['h2'] }));
  const error = networkFailure(
    await dial(port, { ca: cert, ALPNProtocols: ['x-amzn-mqtt-ca'] }),
    place(port),
  );
  expect(error).toMatchObject({ code: 'TLS_FAILED', remediation: expect.stringContaining('ALPN') });
});
