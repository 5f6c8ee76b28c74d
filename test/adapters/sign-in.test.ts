import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type tls from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type MutualTlsOptions, mutualTls, plainTcp } from '../../src/adapters/index.ts';
import { systemClock } from '../../src/protocol/clock.ts';
import { IotError } from '../../src/protocol/errors.ts';
import type { BrokerConnection } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { makeAuthority, makeLeaf, type Pair } from '../support/certificates.ts';
import { openTestLine, type TestOptions, testTransport } from './test-line.ts';

const DAY_MS = 86_400_000;
const daysFromNow = (days: number) => new Date(Date.now() + days * DAY_MS);

let authority: Pair;
let server: Pair;
let device: Pair;
let directory: string;

beforeAll(async () => {
  authority = await makeAuthority();
  server = await makeLeaf(authority);
  device = await makeLeaf(authority, { name: 'kitchen-lamp' });
  directory = await mkdtemp(join(tmpdir(), 'sign-in-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

const serve = (options: tls.TlsOptions = {}) =>
  ScriptedBroker.start({
    automatic: false,
    tls: { ...server, ca: authority.cert, requestCert: true, ...options },
  });

const open = (peer: ScriptedBroker, options: Partial<TestOptions> = {}) =>
  openTestLine({
    port: peer.port,
    endpoint: 'localhost',
    ca: authority.cert,
    authentication: mutualTls(device),
    ...options,
  });

describe('mutualTls', () => {
  test('py:R1 sec:S-1 sec:S-3 signs in with the certificate over TLS 1.2 or later, and names the host', async () => {
    await using peer = await serve();
    using line = open(peer);
    const there = await peer.connection();
    const socket = there.stream as tls.TLSSocket & { servername: string };
    expect(socket.servername).toBe('localhost');
    expect(socket.getProtocol()).toBe('TLSv1.3');
    expect(socket.authorized).toBe(true);
    expect(socket.getPeerCertificate().subject.CN).toBe('kitchen-lamp');
    await there.accept();
    await line.until('transport.connected');
    line.disconnect();
    await there.next('disconnect');
    await line.until('transport.closed');
  });

  test('a host that is an IP address is verified as one, and not named by SNI', async () => {
    await using peer = await serve();
    using line = open(peer, { endpoint: '127.0.0.1' });
    const there = await peer.connection();
    expect((there.stream as tls.TLSSocket & { servername: string | false }).servername).toBe(false);
    await there.accept();
    await line.until('transport.connected');
  });

  test('takes certificate, key and authorities as text, as bytes and as paths', async () => {
    const authentication = mutualTls({
      cert: await file('a.crt', device.cert),
      key: Buffer.from(device.key),
    });
    await using peer = await serve();
    using line = open(peer, { authentication, ca: await file('ca.crt', authority.cert) });
    await (await peer.connection()).accept();
    await line.until('transport.connected');
  });

  test('py:C10 py:C11 sec:S-3 on port 443 the ALPN name tells MQTT from HTTPS; elsewhere there is none', async () => {
    await using peer = await serve({ ALPNProtocols: ['x-amzn-mqtt-ca'] });
    const connect = net.connect;
    vi.spyOn(net, 'connect').mockImplementation(((options: net.TcpNetConnectOpts) =>
      connect({ ...options, port: peer.port })) as typeof net.connect);
    for (const [port, alpn] of [
      [443, 'x-amzn-mqtt-ca'],
      [8883, false],
    ] as const) {
      using line = open(peer, { port });
      expect(((await peer.connection()).stream as tls.TLSSocket).alpnProtocol).toBe(alpn);
      line.free();
    }
  });

  test('fault:D-14 reads the files again for each attempt', async () => {
    const next = await makeLeaf(authority, { name: 'rotated' });
    const cert = await file('rotated.crt', device.cert);
    const key = await file('rotated.key', device.key);
    await using peer = await serve();
    const transport = testTransport({
      port: peer.port,
      endpoint: 'localhost',
      ca: authority.cert,
      authentication: mutualTls({ cert, key }),
    });
    for (const expected of ['kitchen-lamp', 'rotated']) {
      using line = transport.open();
      const socket = (await peer.connection()).stream as tls.TLSSocket;
      expect(socket.getPeerCertificate().subject.CN).toBe(expected);
      line.free();
      await writeFile(cert, next.cert);
      await writeFile(key, next.key);
    }
  });

  test('fault:G-8 bytes that are changed after the call do not matter', async () => {
    const key = Buffer.from(device.key);
    const authentication = mutualTls({ cert: device.cert, key });
    key.fill(0);
    await using peer = await serve();
    using line = open(peer, { authentication });
    await (await peer.connection()).accept();
    await line.until('transport.connected');
  });

  test('fault:A-15 half of a TLS record counts as bytes that came', async () => {
    await using peer = await serve();
    let hold = false;
    const proxy = net.createServer((client) => {
      const upstream = net.connect({ host: '127.0.0.1', port: peer.port });
      client.on('data', (bytes) => upstream.write(bytes));
      client.on('close', () => upstream.destroy());
      upstream.on('data', (bytes) => {
        client.write(hold ? bytes.subarray(0, 10) : bytes);
      });
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { signal } = new AbortController();
    const { port } = proxy.address() as net.AddressInfo;
    const context = {
      endpoint: 'localhost',
      port,
      ca: authority.cert,
      signal,
      clock: systemClock,
      wallClock: Date.now,
    };
    const { stream, bytesRead } = await (await mutualTls(device).signIn(context))(signal);
    const there = await peer.connection();
    there.raw(Buffer.from('the session tickets are through'));
    await once(stream, 'data');

    const before = bytesRead();
    const decrypted: Buffer[] = [];
    stream.on('data', (bytes: Buffer) => decrypted.push(bytes));
    hold = true;
    there.raw(Buffer.alloc(1_000));
    while (bytesRead() === before) await new Promise<void>((resolve) => setImmediate(resolve));
    expect(bytesRead() - before).toBe(10);
    expect(decrypted).toEqual([]);
    stream.destroy();
    proxy.close();
    await once(proxy, 'close');
  });

  test('an encrypted key is decrypted by its passphrase', async () => {
    const encrypted = await makeLeaf(authority, { passphrase: 'open sesame' });
    await using peer = await serve();
    using line = open(peer, { authentication: mutualTls({ ...encrypted, passphrase: 'open sesame' }) });
    await (await peer.connection()).accept();
    await line.until('transport.connected');
  });
});

describe('a server that cannot be trusted is refused', () => {
  async function refusedBy(options: tls.TlsOptions, line: Partial<TestOptions> = {}): Promise<IotError> {
    await using peer = await serve(options);
    using attempt = open(peer, line);
    const error = await attempt.error('transport.failed');
    expect(attempt.story).toEqual(['transport.signedIn', 'transport.failed']);
    expect(peer.connections.every((there) => there.received.length === 0)).toBe(true);
    return error;
  }

  test('fault:D-1 wrong CA', async () => {
    const stranger = await makeAuthority('Another Root');
    const error = await refusedBy({}, { ca: stranger.cert });
    expect(error).toMatchObject({ code: 'SERVER_CERTIFICATE_UNTRUSTED', recovery: 'retrySlowly' });
    expect(error.remediation).toContain('`ca`');
  });

  test("without `ca` Node's own roots decide", async () => {
    await using peer = await serve();
    using line = openTestLine({ port: peer.port, endpoint: 'localhost', authentication: mutualTls(device) });
    expect(await line.error('transport.failed')).toMatchObject({ code: 'SERVER_CERTIFICATE_UNTRUSTED' });
  });

  test.each(['localhost', '127.0.0.1'])(
    'fault:D-2 sec:S-2 a certificate for another host than %s',
    async (endpoint) => {
      const other = await makeLeaf(authority, { altNames: [{ type: 2, value: 'other.example' }] });
      expect(await refusedBy(other, { endpoint })).toMatchObject({
        code: 'SERVER_NAME_MISMATCH',
        recovery: 'retrySlowly',
      });
    },
  );

  test('sec:S-2 whatever NODE_TLS_REJECT_UNAUTHORIZED says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const other = await makeLeaf(authority, { altNames: [{ type: 2, value: 'other.example' }] });
    expect(await refusedBy(other)).toMatchObject({ code: 'SERVER_NAME_MISMATCH' });
    const stranger = await makeAuthority('Another Root');
    expect(await refusedBy({}, { ca: stranger.cert })).toMatchObject({
      code: 'SERVER_CERTIFICATE_UNTRUSTED',
    });
  });

  test('fault:D-3 expired', async () => {
    const expired = await makeLeaf(authority, { notBefore: daysFromNow(-3), notAfter: daysFromNow(-1) });
    const now = Date.now();
    const error = await refusedBy(expired, { wallClock: () => now });
    expect(error).toMatchObject({ code: 'SERVER_CERTIFICATE_EXPIRED' });
    expect(error.message).toContain(new Date(now).toISOString());
  });

  test('fault:D-4 not valid yet', async () => {
    const early = await makeLeaf(authority, { notBefore: daysFromNow(1), notAfter: daysFromNow(2) });
    expect(await refusedBy(early)).toMatchObject({ code: 'SERVER_CERTIFICATE_NOT_YET_VALID' });
  });

  test('fault:D-6 sec:S-1 TLS 1.1 only', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    expect(await refusedBy(old)).toMatchObject({ code: 'TLS_FAILED' });
  });

  test('a port that does not speak TLS', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = open(peer);
    (await peer.connection()).raw(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await line.error('transport.failed')).toMatchObject({ code: 'TLS_FAILED', recovery: 'retry' });
  });

  test.each([
    ['CONNECTION_RESET', 'FIN', (there: BrokerConnection) => there.end()],
    ['CONNECTION_RESET', 'RST', (there: BrokerConnection) => there.reset()],
  ])('%s: %s during the handshake', async (code, _, act) => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = open(peer);
    act(await peer.connection());
    expect(await line.error('transport.failed')).toMatchObject({ code, recovery: 'retry' });
  });

  test('fault:D-7 a handshake that hangs is ended by free', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const line = open(peer);
    const there = await peer.connection();
    line.free();
    await there.closed;
    expect(line.story).toEqual(['transport.signedIn']);
  });

  test('fault:D-5 a server that drops this device after the handshake fails the attempt', async () => {
    const stranger = await makeAuthority('Another Root');
    await using peer = await serve({ ca: stranger.cert, rejectUnauthorized: true });
    using line = open(peer);
    expect((await line.error('transport.failed')).code).toMatch(/^(CLOSED_BEFORE_CONNACK|CONNECTION_RESET)$/);
  });
});

describe('before anything is dialed', () => {
  /** The port is closed: had it been dialed, the error would be another. */
  async function failureOf(options: MutualTlsOptions, line: Partial<TestOptions> = {}): Promise<IotError> {
    using attempt = openTestLine({
      port: 9,
      ca: authority.cert,
      authentication: mutualTls(options),
      ...line,
    });
    const error = await attempt.error('transport.failed');
    expect(attempt.story).toEqual(['transport.failed']);
    return error;
  }

  test.each(['cert', 'key'] as const)('fault:D-8 %s: the file cannot be read', async (field) => {
    const path = join(directory, 'missing.pem');
    const error = await failureOf({ ...device, [field]: path });
    expect(error).toMatchObject({ code: 'CREDENTIAL_UNREADABLE', recovery: 'retrySlowly' });
    expect(error.message).toContain(field);
    expect(error.message).toContain(path);
    expect(error.message).toContain('ENOENT');
    expect(error.remediation).toBeDefined();
  });

  test('ca: the file cannot be read, or holds no certificate', async () => {
    for (const ca of [join(directory, 'missing.pem'), await file('empty.pem', 'hello'), device.key]) {
      const error = await failureOf(device, { ca });
      expect(error).toMatchObject({ code: 'CREDENTIAL_UNREADABLE' });
      expect(error.message).toMatch(/^ca/);
    }
  });

  test('a file that is not PEM', async () => {
    const path = await file('not.pem', 'hello');
    for (const field of ['cert', 'key'] as const) {
      const error = await failureOf({ ...device, [field]: path });
      expect(error).toMatchObject({ code: 'CREDENTIAL_UNREADABLE' });
      expect(error.message).toContain(path);
      expect(error.message).toContain('not a PEM');
    }
  });

  test('a certificate in the options that does not parse can only be mended there', async () => {
    expect(await failureOf({ ...device, cert: '-----BEGIN CERTIFICATE-----\nAAAA\n' })).toMatchObject({
      code: 'CLIENT_CERTIFICATE_INVALID',
      recovery: 'fatal',
    });
  });

  test('fault:D-8 an encrypted key without a passphrase, and with a wrong one', async () => {
    const encrypted = await makeLeaf(authority, { passphrase: 'canary-passphrase' });
    const without = await failureOf(encrypted);
    expect(without).toMatchObject({ code: 'CREDENTIAL_UNREADABLE', remediation: 'Set `passphrase`.' });
    const wrong = await failureOf({ ...encrypted, passphrase: 'canary-wrong' });
    expect(wrong).toMatchObject({ code: 'CREDENTIAL_UNREADABLE', remediation: 'Check `passphrase`.' });
    expect(inspect(wrong)).not.toContain('canary');
  });

  test('fault:D-5 sec:S-4 a key that does not belong to the certificate', async () => {
    const other = await makeLeaf(authority);
    expect(await failureOf({ cert: device.cert, key: other.key })).toMatchObject({
      code: 'KEY_MISMATCH',
      recovery: 'fatal',
    });
  });

  test('fault:D-14 with files it may be a rotation that is half done, so it is tried again', async () => {
    const other = await makeLeaf(authority);
    const key = await file('other.key', other.key);
    const error = await failureOf({ cert: await file('half.crt', device.cert), key });
    expect(error).toMatchObject({ code: 'KEY_FILE_MISMATCH', recovery: 'retrySlowly' });
    expect(error.message).toContain(key);
  });

  test('fault:D-5 sec:S-4 an expired certificate, and one that is not valid yet', async () => {
    const expired = await failureOf(device, { wallClock: () => Date.now() + 2 * DAY_MS });
    expect(expired).toMatchObject({ code: 'CLIENT_CERTIFICATE_EXPIRED', recovery: 'retrySlowly' });
    expect(expired.message).toMatch(/expired at \d{4}-/);
    const early = await failureOf(device, { wallClock: () => Date.UTC(1970, 0, 1) });
    expect(early).toMatchObject({ code: 'CLIENT_CERTIFICATE_NOT_YET_VALID', recovery: 'retrySlowly' });
    expect(early.message).toContain("this device's clock says 1970-01-01");
  });
});

describe('sec:S-5 a key file that others can read', () => {
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  beforeEach(() => {
    warnings.length = 0;
  });

  async function signInTwice(mode: number): Promise<void> {
    const key = await file('mode.key', device.key);
    await chmod(key, mode);
    const authentication = mutualTls({ cert: device.cert, key });
    const context = { endpoint: 'localhost', port: 8883, signal: new AbortController().signal, warn };
    for (let i = 0; i < 2; i++)
      await authentication.signIn({ ...context, clock: systemClock, wallClock: Date.now });
  }

  test.each([0o644, 0o640, 0o604])('%i is warned about once, where files have such modes', async (mode) => {
    await signInTwice(mode);
    expect(warnings).toHaveLength(process.platform === 'win32' ? 0 : 1);
    for (const warning of warnings) expect(warning).toContain('mode.key');
  });

  test('0600 is not', async () => {
    await signInTwice(0o600);
    expect(warnings).toEqual([]);
  });
});

describe('options', () => {
  const secret = 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCANARY0123456789';

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['no certificate', { key: 'k' }],
    ['no key', { cert: 'c' }],
    ['an empty path', { cert: '', key: 'k' }],
    ['bytes that are not PEM', { cert: 'c', key: Buffer.from(secret) }],
    ['a key without its PEM lines', { cert: 'c', key: secret }],
    ['a key without its PEM lines, in several lines', { cert: 'c', key: `${secret}\n${secret}` }],
    ['a passphrase that is no text', { cert: 'c', key: 'k', passphrase: 7 }],
    ['a field that nobody knows', { cert: 'c', key: 'k', password: secret }],
  ])('mutualTls refuses %s, and shows no secret', (_, options) => {
    let thrown: unknown;
    try {
      mutualTls(options as MutualTlsOptions);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(inspect(thrown)).not.toContain('CANARY');
  });

  test('py:R1 ports by default', () => {
    expect(plainTcp().defaultPort()).toBe(1883);
    expect(mutualTls(device).defaultPort()).toBe(8883);
  });

  test.each(['a.iot.eu-west-1.amazonaws.com', 'A.IOT.CN-NORTH-1.AMAZONAWS.COM.CN', 'a.amazonaws.com.'])(
    'plainTcp is refused for %s',
    (endpoint) => {
      expect(() => plainTcp().validate({ endpoint, port: 1883 })).toThrow(IotError);
      expect(() => mutualTls(device).validate({ endpoint, port: 8883 })).not.toThrow();
    },
  );

  test('plainTcp is allowed elsewhere', () => {
    for (const endpoint of ['localhost', 'amazonaws.com.example', '10.0.0.1']) {
      expect(() => plainTcp().validate({ endpoint, port: 1883 })).not.toThrow();
    }
  });

  test('sec:S-6 sec:S-7 no secret shows, whatever is done to a sign-in', async () => {
    const key = device.key.split('\n')[1] as string;
    const authentication = mutualTls({ ...device, passphrase: 'canary-passphrase' });
    const context = { endpoint: 'localhost', port: 8883, signal: new AbortController().signal };
    const opened = await authentication.signIn({ ...context, clock: systemClock, wallClock: Date.now });
    for (const value of [authentication, opened]) {
      const shown = [
        inspect(value, { showHidden: true, depth: 9 }),
        JSON.stringify([value, Object.getOwnPropertyDescriptors(value)]),
      ].join('\n');
      expect(shown).not.toContain(key);
      expect(shown).not.toContain('canary');
    }
    expect(structuredClone(authentication)).toEqual({ kind: 'mutualTls' });
    expect(JSON.stringify(authentication)).toBe('{"kind":"mutualTls"}');
  });

  test('sec:S-6 nor does it in a line, nor in what a line reports', async () => {
    const key = device.key.split('\n')[1] as string;
    await using peer = await serve();
    using line = open(peer);
    await (await peer.connection()).accept();
    await line.until('transport.connected');
    expect(inspect(line, { showHidden: true, depth: 9 })).not.toContain(key);
  });
});
