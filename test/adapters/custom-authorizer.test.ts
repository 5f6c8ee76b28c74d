import net from 'node:net';
import type tls from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { customAuthorizer } from '../../src/adapters/custom-authorizer.ts';
import {
  type AuthorizerProvider,
  type CredentialRequest,
  type CustomAuthorizerOptions,
  createIotClient,
  type IotClient,
  IotError,
} from '../../src/index.ts';
import {
  type CustomAuthorizerRequest,
  type LocalIotCore,
  NO_RATE_LIMITS,
  startLocalIotCore,
} from '../../src/local/index.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { makeAuthority, makeLeaf, type Pair } from '../support/certificates.ts';
import { openTestLine, type TestOptions } from './test-line.ts';

let authority: Pair;
let server: Pair;

beforeAll(async () => {
  authority = await makeAuthority();
  server = await makeLeaf(authority);
});

/** A broker that is not asked for a certificate: what a custom authorizer is there for. */
const serve = (options: tls.TlsOptions = {}) =>
  ScriptedBroker.start({ automatic: false, tls: { ...server, ALPNProtocols: ['mqtt'], ...options } });

const open = (peer: ScriptedBroker, auth: CustomAuthorizerOptions, options: Partial<TestOptions> = {}) =>
  openTestLine({
    port: peer.port,
    endpoint: 'localhost',
    ca: authority.cert,
    authentication: customAuthorizer(auth),
    ...options,
  });

/** What CONNECT says, as text. */
async function said(auth: CustomAuthorizerOptions, options: Partial<TestOptions> = {}) {
  await using peer = await serve();
  using line = open(peer, auth, options);
  const { username, password } = await (await peer.connection()).accept();
  await line.until('transport.connected');
  return { username, password: password?.toString() };
}

// As those of AWS: https://docs.aws.amazon.com/iot/latest/developerguide/custom-auth.html#custom-auth-mqtt
const SIGNED = { name: 'gate', tokenKeyName: 'key', token: 'open', signature: 'ab+/cd==' } as const;
const SIGNED_QUERY =
  '?x-amz-customauthorizer-name=gate&key=open&x-amz-customauthorizer-signature=ab%2B%2Fcd%3D%3D';

describe('what CONNECT says', () => {
  test.each<[string, CustomAuthorizerOptions, { username: string; password?: string }]>([
    ['name and token, signed', SIGNED, { username: SIGNED_QUERY }],
    ['the same behind a user name', { ...SIGNED, username: 'lamp' }, { username: `lamp${SIGNED_QUERY}` }],
    [
      'a user name and a password',
      { name: 'gate', username: 'lamp', password: 'secret' },
      { username: 'lamp?x-amz-customauthorizer-name=gate', password: 'secret' },
    ],
    [
      'a password without a user name',
      { name: 'gate', password: 'secret' },
      { username: '?x-amz-customauthorizer-name=gate', password: 'secret' },
    ],
    [
      'a user name and a password for the default authorizer of the endpoint',
      { username: 'lamp', password: 'secret' },
      { username: 'lamp', password: 'secret' },
    ],
    ['a password alone, which MQTT 3.1.1 has not', { password: '' }, { username: '', password: '' }],
    ['an unsigned token', { tokenKeyName: 'key', token: 'open' }, { username: '?key=open' }],
    [
      'what a query has another meaning for, percent-encoded',
      { name: 'a=b,c@d', tokenKeyName: 'k&y', token: 'ä b?c&d=e%41' },
      { username: '?x-amz-customauthorizer-name=a%3Db%2Cc%40d&k%26y=%C3%A4%20b%3Fc%26d%3De%2541' },
    ],
    [
      'a signature that is percent-encoded already, as it is',
      { ...SIGNED, signature: 'ab%2B%2fcd%3D%3D' },
      { username: SIGNED_QUERY },
    ],
  ])('py:V16 %s', async (_, options, fields) => {
    expect(await said(options)).toEqual({ password: undefined, ...fields });
  });

  test('py:W20 the customAuthQueryString of the JavaScript SDK, verbatim, is a user name', async () => {
    const customAuthQueryString = '?X-Amz-CustomAuthorizer-Name=TestAuthorizer&token=a%2Bb';
    expect(await said({ username: customAuthQueryString })).toMatchObject({
      username: customAuthQueryString,
    });
    expect(await said({ username: customAuthQueryString, name: 'gate' })).toMatchObject({
      username: `${customAuthQueryString}&x-amz-customauthorizer-name=gate`,
    });
  });

  test('the name of the SDK, which AWS counts, stands behind', async () => {
    const userNameSuffix = '?SDK=aws-iot-machines&Version=1';
    const behind = '&SDK=aws-iot-machines&Version=1';
    expect(await said(SIGNED, { userNameSuffix })).toMatchObject({ username: SIGNED_QUERY + behind });
    expect(await said({ username: 'lamp', password: 'p' }, { userNameSuffix })).toMatchObject({
      username: `lamp${userNameSuffix}`,
    });
  });
});

describe('the line', () => {
  afterEach(() => vi.restoreAllMocks());

  test('sec:S-1 sec:S-3 is MQTT over TLS on port 443 with ALPN `mqtt`, and without a client certificate', async () => {
    await using peer = await serve({ requestCert: true, rejectUnauthorized: false });
    const connect = net.connect;
    const dialed: unknown[] = [];
    vi.spyOn(net, 'connect').mockImplementation(((options: net.TcpNetConnectOpts) => {
      dialed.push(options.port);
      return connect({ ...options, port: peer.port });
    }) as typeof net.connect);
    using line = open(peer, SIGNED, { port: customAuthorizer(SIGNED).defaultPort() });
    const there = await peer.connection();
    const socket = there.stream as tls.TLSSocket & { servername: string };
    expect(dialed).toEqual([443]);
    expect(socket.alpnProtocol).toBe('mqtt');
    expect(socket.servername).toBe('localhost');
    expect(socket.getPeerCertificate()).toEqual({});
    await there.accept();
    await line.until('transport.connected');
  });

  test('has the ALPN name on other ports too, which a private endpoint may have', async () => {
    await using peer = await serve();
    using line = open(peer, SIGNED);
    expect(((await peer.connection()).stream as tls.TLSSocket).alpnProtocol).toBe('mqtt');
    line.free();
  });

  test('sec:S-2 is not opened to a server that cannot be trusted', async () => {
    await using peer = await serve();
    const stranger = await makeAuthority('Another Root');
    using line = open(peer, SIGNED, { ca: stranger.cert });
    expect(await line.error('transport.failed')).toMatchObject({ code: 'SERVER_CERTIFICATE_UNTRUSTED' });
    expect(peer.connections.flatMap(({ received }) => received)).toEqual([]);
  });

  test('a `ca` that cannot be one is refused at once', () => {
    const target = { endpoint: 'localhost', port: 443, ca: '' };
    for (const webSocket of [false, true]) {
      expect(() => customAuthorizer({ ...SIGNED, webSocket }).validate(target)).toThrow(IotError);
    }
  });
});

describe('a refusal', () => {
  test.each([
    [4, 4, 'BAD_CREDENTIALS', 'reauthenticate'],
    [4, 5, 'NOT_AUTHORIZED', 'retrySlowly'],
    [5, 0x86, 'BAD_CREDENTIALS', 'reauthenticate'],
    [5, 0x87, 'NOT_AUTHORIZED', 'retrySlowly'],
  ] as const)('fault:D-13 MQTT %i, code %i: %s, %s', async (protocolVersion, code, expected, recovery) => {
    await using peer = await serve();
    using line = open(peer, { ...SIGNED, token: 'canary', signature: 'canary' }, { protocolVersion });
    await (await peer.connection()).accept({ code });
    const error = await line.error('transport.failed');
    expect(error).toMatchObject({ code: expected, recovery, reasonCode: code });
    expect(inspect(error)).not.toContain('canary');
  });
});

describe('fault:D-13 an authorizer that takes 9 s', () => {
  const clients: IotClient[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close({ flushTimeoutMs: 0 });
  });

  function clientOf(peer: ScriptedBroker, clock: SimulatedClock, attemptTimeoutMs?: number): IotClient {
    const client = createIotClient({
      ...{ endpoint: 'localhost', port: peer.port, clientId: 'lamp', ca: authority.cert, clock },
      auth: customAuthorizer(SIGNED),
      reconnect: { jitter: 'none' },
      ...(attemptTimeoutMs === undefined ? {} : { attemptTimeoutMs }),
    });
    clients.push(client);
    return client;
  }

  test('is in time for the deadline of an attempt', async () => {
    await using peer = await serve();
    const clock = new SimulatedClock();
    const client = clientOf(peer, clock);
    const connected = client.connect();
    const there = await peer.connection();
    await there.next('connect');
    clock.advance(9_000);
    there.send({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    await connected;
    there.end();
    await client.when('backingOff');
    await client.disconnect();
  });

  test('is too late for a shorter one: then the attempt ends, and another is made', async () => {
    await using peer = await serve();
    const clock = new SimulatedClock();
    const client = clientOf(peer, clock, 5_000);
    const connected = client.connect();
    const first = await peer.connection();
    await first.next('connect');
    clock.advance(5_000);
    expect(client.status).toMatchObject({ state: 'backingOff', reason: { code: 'ATTEMPT_TIMEOUT' } });
    await first.closed;
    clock.advance(1_000);
    const second = await peer.connection();
    await second.accept();
    await connected;
    second.end();
    await client.when('backingOff');
    await client.disconnect();
  });
});

describe('on the local core', () => {
  let core: LocalIotCore;
  let asked: CustomAuthorizerRequest[] = [];

  beforeAll(async () => {
    core = await startLocalIotCore({
      limits: NO_RATE_LIMITS,
      authorizer: (request) => {
        asked.push(request);
        return request.parameters['key'] === SIGNED.token;
      },
      onWarning: () => {},
    });
  });
  afterAll(() => core.stop());
  afterEach(() => {
    asked = [];
  });

  const coreLine = (auth: CustomAuthorizerOptions, userNameSuffix = '?SDK=test') =>
    openTestLine({
      ...{ port: core.webSocketPort, endpoint: core.endpoint, ca: core.ca, userNameSuffix },
      authentication: customAuthorizer(auth),
    });

  test.each([
    ['mqtt', false],
    ['webSocket', true],
  ] as const)('the authorizer hears everything, over %s', async (transport, webSocket) => {
    using line = coreLine({ ...SIGNED, token: 'open', username: 'lamp', password: 'ä', webSocket });
    const { session } = await line.until('transport.connected');
    // AWS ends it after 24 hours.
    expect(session.lifetimeMs).toBe(85_800_000);
    expect(asked).toEqual([
      {
        ...{
          name: 'gate',
          clientId: 'kitchen-lamp',
          username: 'lamp',
          transport,
          signature: SIGNED.signature,
        },
        password: Buffer.from('ä'),
        parameters: { key: 'open', SDK: 'test' },
      },
    ]);
    line.disconnect();
    await line.until('transport.closed');
  });

  test.each([false, true])(
    'fault:D-13 its no is a refusal of the session (WebSocket: %s)',
    async (webSocket) => {
      using line = coreLine({ ...SIGNED, token: 'canary', webSocket });
      const error = await line.error('transport.failed');
      expect(error).toMatchObject({ code: 'NOT_AUTHORIZED', recovery: 'retrySlowly' });
      expect(inspect(error)).not.toContain('canary');
    },
  );

  test('sec:S-2 nor is a WebSocket opened to a server that cannot be trusted', async () => {
    const { cert: ca } = await makeAuthority('Another Root');
    const authentication = customAuthorizer({ ...SIGNED, webSocket: true });
    using line = openTestLine({ port: core.webSocketPort, endpoint: core.endpoint, ca, authentication });
    expect(await line.error('transport.failed')).toMatchObject({ code: 'SERVER_CERTIFICATE_UNTRUSTED' });
    expect(asked).toEqual([]);
  });

  test('a token that ends is asked for anew at each attempt, and after a refusal by force', async () => {
    const requests: CredentialRequest[] = [];
    const authentication = customAuthorizer({
      parameters: async (request) => {
        requests.push(request);
        return { ...SIGNED, token: requests.length === 1 ? 'canary' : 'open' };
      },
    });
    const client = createIotClient({
      ...{ endpoint: core.endpoint, port: core.webSocketPort, ca: core.ca, auth: authentication },
      reconnect: { baseMs: 1, maxMs: 1, stableMs: 1_000 },
    });
    await expect(client.connect()).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
    await client.when('live');
    await core.faults.dropConnections();
    await client.when('backingOff');
    await client.when('live');
    expect(requests).toEqual([{ forceRefresh: false }, { forceRefresh: true }, { forceRefresh: false }]);
    await client.close();
  });

  test.each<[string, () => unknown, RegExp]>([
    ['throws', () => Promise.reject(new Error('no network')), /failed: Error: "no network"/],
    [
      'gives nothing',
      () => undefined,
      /failed: IotError: "what it gave must be an object; given: undefined"/,
    ],
    ['gives an empty token', () => ({ ...SIGNED, token: '' }), /failed: IotError: "token must be a string/],
    ['gives a stranger', () => ({ cert: 'canary' }), /failed: IotError: "what it gave has no field/],
  ])('fault:D-10 what gives the parameters %s: that is a reason of its own', async (_, parameters, says) => {
    using line = coreLine({ parameters: parameters as AuthorizerProvider });
    const error = await line.error('transport.failed');
    expect(error).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE', recovery: 'retry' });
    expect(error.message).toMatch(says);
    expect(inspect(error)).not.toContain('canary');
    expect(asked).toEqual([]);
  });

  test('both ways have port 443 by default, as AWS has', () => {
    for (const webSocket of [false, true]) {
      expect(customAuthorizer({ ...SIGNED, webSocket }).defaultPort()).toBe(443);
    }
  });
});

describe('options', () => {
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'customAuthorizer()'],
    ['text', 'canary', 'customAuthorizer()'],
    ['an empty object', {}, 'customAuthorizer()'],
    ['nothing but how', { webSocket: true }, 'customAuthorizer()'],
    ['an empty name', { name: '' }, 'name'],
    ['a name that is no text', { name: { canary: 1 } }, 'name'],
    ['a token without the name of its key', { token: 'canary' }, 'tokenKeyName'],
    ['the name of a key without its token', { name: 'gate', tokenKeyName: 'key' }, 'token'],
    ['a signature without a token', { name: 'gate', signature: 'canary==' }, 'token'],
    ['an empty token', { tokenKeyName: 'key', token: '' }, 'token'],
    ['half a surrogate pair', { tokenKeyName: 'key', token: 'canary\ud800' }, 'token'],
    ['a signature that is not base64', { ...SIGNED, signature: 'canary!' }, 'signature'],
    ['a signature that is base64url', { ...SIGNED, signature: 'canary-_' }, 'signature'],
    ['a signature that is encoded twice', { ...SIGNED, signature: 'canary%253D' }, 'signature'],
    ['a signature with half an escape', { ...SIGNED, signature: 'canary%3' }, 'signature'],
    ['a user name that is no text', { username: 7, password: 'canary' }, 'username'],
    ['a user name with NUL', { username: 'canary\0' }, 'username'],
    ['more than a user name can hold', { tokenKeyName: 'key', token: 'canary'.repeat(11_000) }, 'username'],
    ['a password that is no text', { name: 'gate', password: Buffer.from('canary') }, 'password'],
    ['a password that is too long', { name: 'gate', password: 'canary'.repeat(11_000) }, 'password'],
    ['a webSocket that is no boolean', { name: 'gate', webSocket: 'canary' }, 'webSocket'],
    ['parameters that are no function', { parameters: 'canary' }, 'parameters'],
    ['parameters beside a name', { name: 'canary', parameters: () => SIGNED }, 'customAuthorizer()'],
    ['a field that nobody knows', { name: 'gate', cert: 'canary' }, 'customAuthorizer()'],
  ])('py:V16 refuses %s, and shows no secret', (_, options, field) => {
    let thrown: unknown;
    try {
      customAuthorizer(options as CustomAuthorizerOptions);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(String(thrown)).toMatch(new RegExp(`^IotError: ${field.replace('()', '\\(\\)')} `));
    expect(inspect(thrown)).not.toContain('canary');
  });

  test('sec:S-6 sec:S-7 no secret shows, whatever is done to a sign-in, and it keeps no reference to the options', () => {
    for (const webSocket of [false, true]) {
      const options = { ...SIGNED, token: 'canary-token', password: 'canary-password', webSocket };
      const authentication = customAuthorizer(options);
      const shown = [
        inspect(authentication, { showHidden: true, depth: 9 }),
        JSON.stringify([authentication, Object.getOwnPropertyDescriptors(authentication)]),
      ].join('\n');
      expect(shown).not.toContain('canary');
      expect(JSON.stringify(authentication)).toBe('{"kind":"customAuthorizer"}');
      expect(structuredClone(authentication)).toEqual({ kind: 'customAuthorizer' });
    }
  });
});
