import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { fromCognitoIdentityPool } from '@aws-sdk/credential-providers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { cognitoIdentity, createIotClient, sigV4 } from '../../src/index.ts';
import { type LocalIotCore, type LocalIotCoreWarning, startLocalIotCore } from '../../src/local/index.ts';

const LIFETIME_SECONDS = 100.5;
const warnings: LocalIotCoreWarning[] = [];
let core: LocalIotCore;

beforeAll(async () => {
  core = await startLocalIotCore({
    credentialLifetimeSeconds: LIFETIME_SECONDS,
    onWarning: (warning) => warnings.push(warning),
  });
});
afterAll(() => core.stop());
beforeEach(() => {
  warnings.length = 0;
});

/** The provider of the AWS SDK, as an app would have it; its sockets are closed after use. */
function provider(changes: { logins?: Record<string, string>; identityPoolId?: string } = {}) {
  const { identityPoolId, region, endpoint } = core.cognito;
  const requestHandler = { httpAgent: { keepAlive: false } };
  return fromCognitoIdentityPool({
    identityPoolId,
    clientConfig: { region, endpoint, requestHandler, maxAttempts: 1 },
    ...changes,
  });
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Record<string, unknown> | undefined;
}

function request(method: string, headers: Record<string, string>, input = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = http.request(core.cognito.endpoint, { method, headers, agent: false }, (response) => {
      text(response).then((body) => {
        const { statusCode, headers: got } = response;
        resolve({
          status: statusCode,
          headers: got,
          body: body === '' ? undefined : (JSON.parse(body) as object as Answer['body']),
        });
      }, reject);
    });
    sent.on('error', reject).end(input);
  });
}

/** Asks for an operation as no SDK would. */
function ask(operation: string, input: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const target = { 'X-Amz-Target': `AWSCognitoIdentityService.${operation}` };
  const body = typeof input === 'string' ? input : JSON.stringify(input);
  return request('POST', { 'Content-Type': 'application/x-amz-json-1.1', ...target, ...headers }, body);
}

describe('the Cognito of the local core', () => {
  it('gives keys to the provider of the AWS SDK that the core then lets in', async () => {
    const keys = await provider()();
    expect(keys).toMatchObject({
      accessKeyId: expect.stringMatching(/^ASIA/),
      sessionToken: expect.any(String),
    });
    const leftMs = (keys.expiration?.getTime() ?? 0) - Date.now();
    expect(leftMs).toBeGreaterThan(LIFETIME_SECONDS * 1_000 - 10_000);
    expect(leftMs).toBeLessThanOrEqual(LIFETIME_SECONDS * 1_000);
    const auth = sigV4({ credentials: keys, region: core.region });
    const client = createIotClient({ ...core.webSocketOptions('lamp'), auth });
    await client.connect();
    await client.close();
    expect(warnings).toEqual([]);
  });

  it('gives keys to our own sign-in', async () => {
    const auth = sigV4({ credentials: cognitoIdentity(core.cognito), region: core.region });
    const client = createIotClient({ ...core.webSocketOptions('lamp'), auth });
    await client.connect();
    await client.close();
  });

  it('knows who has signed in, also with the newer token of the same provider', async () => {
    const { identityPoolId: IdentityPoolId } = core.cognito;
    const idOf = async (Logins?: Record<string, string>) =>
      (await ask('GetId', { IdentityPoolId, Logins })).body?.['IdentityId'];
    const anna = await idOf({ a: 'anna', b: '1' });
    expect(await idOf({ b: '1', a: 'anna' })).toBe(anna);
    expect(await idOf({ a: 'bert', b: '1' })).not.toBe(anna);
    expect(await idOf()).not.toBe(await idOf());
    const newer = await ask('GetCredentialsForIdentity', {
      IdentityId: anna,
      Logins: { b: '2', a: 'newer' },
    });
    expect(newer).toMatchObject({ status: 200, body: { IdentityId: anna } });
    const nobody = await ask('GetCredentialsForIdentity', { IdentityId: anna });
    expect(nobody).toMatchObject({ status: 400, body: { __type: 'NotAuthorizedException' } });
    const keys = await provider({ logins: { 'accounts.example.com': 'token' } })();
    expect(keys.identityId).toMatch(/^us-east-1:[0-9a-f-]{36}$/);
  });

  it('tells the AWS SDK that there is no such pool', async () => {
    const identityPoolId = 'us-east-1:00000000-0000-0000-0000-000000000000';
    await expect(provider({ identityPoolId })()).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: `IdentityPool '${identityPoolId}' not found.`,
      $metadata: { httpStatusCode: 400 },
    });
    expect(warnings).toMatchObject([{ code: 'REFUSED' }]);
    expect(warnings[0]?.message).toContain('refused a request to Cognito with ResourceNotFoundException');
  });

  it.each<[string, unknown, string]>([
    ['GetId', {}, 'InvalidParameterException'],
    ['GetId', { IdentityPoolId: 'x', Logins: { a: 1 } }, 'InvalidParameterException'],
    ['GetId', { IdentityPoolId: 'x', Logins: 'a' }, 'InvalidParameterException'],
    ['GetId', '{', 'SerializationException'],
    ['GetId', 'null', 'SerializationException'],
    ['GetCredentialsForIdentity', {}, 'InvalidParameterException'],
    ['GetCredentialsForIdentity', { IdentityId: 'us-east-1:x' }, 'ResourceNotFoundException'],
    ['ListIdentities', {}, 'UnknownOperationException'],
  ])('refuses %s of %j with %s', async (operation, input, type) => {
    const { status, headers, body } = await ask(operation, input);
    expect([status, headers['content-type']]).toEqual([400, 'application/x-amz-json-1.1']);
    expect(body).toMatchObject({ __type: type });
  });

  it('refuses another service, another method, and a body without end', async () => {
    expect(await ask('GetId', {}, { 'X-Amz-Target': 'Other.GetId' })).toMatchObject({
      body: { __type: 'UnknownOperationException' },
    });
    expect(await request('GET', {})).toMatchObject({ status: 405 });
    expect(await ask('GetId', 'x'.repeat(300_000))).toMatchObject({ status: 413 });
  });

  it('serves pages of the loopback, as CORS wants it', async () => {
    const Origin = 'http://localhost:5173';
    const preflight = await request('OPTIONS', {
      Origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type,x-amz-target',
    });
    expect(preflight.status).toBe(204);
    for (const { headers } of [preflight, await ask('GetId', {}, { Origin })]) {
      expect(headers).toMatchObject({
        'access-control-allow-origin': Origin,
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': '*',
        vary: 'Origin',
      });
    }
  });

  it('sec:S-21 serves no other page', async () => {
    const { identityPoolId: IdentityPoolId } = core.cognito;
    const { status, headers, body } = await ask(
      'GetId',
      { IdentityPoolId },
      { Origin: 'https://example.com' },
    );
    expect(status).toBe(403);
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    expect(body).toBeUndefined();
    expect(warnings[0]?.message).toContain('a page of "https://example.com"');
  });

  it('cuts its connections when the core restarts or stops, also those that are kept alive', async () => {
    const { endpoint } = core.cognito;
    for (const end of [() => core.restart(), () => core.stop()]) {
      const silent = net.connect(Number(new URL(endpoint).port), '127.0.0.1').on('error', () => {});
      await once(silent, 'connect');
      const agent = new http.Agent({ keepAlive: true });
      const [response] = (await once(
        http.get(endpoint, { agent }).on('error', () => {}),
        'response',
      )) as [http.IncomingMessage];
      response.resume();
      await once(response, 'end');
      const isCut = new Promise((resolve) => silent.once('close', resolve));
      await end();
      await isCut;
      agent.destroy();
      expect(core.cognito.endpoint).toBe(endpoint);
    }
  });
});
