import dns from 'node:dns';
import { inspect } from 'node:util';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type CognitoIdentityOptions, cognitoIdentity } from '../../src/adapters/cognito-identity.ts';
import { credentialSource } from '../../src/adapters/credential-source.ts';
import { failureOf, question, shown, useEmptyEnvironment } from '../support/credential-world.ts';
import { FakeCognito, refusal } from '../support/fake-cognito.ts';

const POOL = 'us-east-1:1699ebc0-7900-4099-b910-2df94f52a030';
const LOGIN = 'cognito-idp.us-east-1.amazonaws.com/us-east-1_Example';
const CANARY = 'eyJraWQiOiJDQU5BUlkiLCJhbGciOiJSUzI1NiJ9';

useEmptyEnvironment();
// The AWS SDK says so itself, once a process, for each app that has it.
beforeEach(() => vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true'));

/** As a sign-in asks it. */
function sourceOf(cognito: FakeCognito, options: Partial<CognitoIdentityOptions> = {}) {
  const { endpoint } = cognito;
  const source = credentialSource(cognitoIdentity({ identityPoolId: POOL, endpoint, ...options }));
  return (forceRefresh = false) => source.get(question({ forceRefresh, wallClock: Date.now }));
}

describe('an identity of a Cognito pool', () => {
  test('has new keys for each attempt, and stays the same identity', async () => {
    await using cognito = await FakeCognito.start();
    const get = sourceOf(cognito);
    const secretAccessKey = 'secret-of-us-east-1:anonymous-1';
    expect(await get()).toEqual({
      accessKeyId: 'ASIA1',
      secretAccessKey,
      sessionToken: 'token-1',
      expiration: expect.any(Date) as Date,
    });
    expect(await get()).toMatchObject({ accessKeyId: 'ASIA2', secretAccessKey });
    expect(await get(true)).toMatchObject({ accessKeyId: 'ASIA3', secretAccessKey });
    expect(cognito.actions).toEqual([
      'GetId',
      ...Array.from({ length: 3 }, () => 'GetCredentialsForIdentity'),
    ]);
    expect(cognito.requests[0]?.body).toEqual({ IdentityPoolId: POOL });
    expect(cognito.requests[1]?.body).toEqual({ IdentityId: 'us-east-1:anonymous-1' });
    expect(new Set(cognito.authorizations)).toEqual(new Set([undefined]));
  });

  test('is refreshed for ever: keys that live 3 s are in time at each of 50 attempts', async () => {
    await using cognito = await FakeCognito.start();
    cognito.lifetimeMs = 3_000;
    const get = sourceOf(cognito);
    const keys = new Set<string>();
    for (let attempt = 0; attempt < 50; attempt++) keys.add((await get()).accessKeyId);
    expect(keys.size).toBe(50);
    expect(cognito.actions.filter((action) => action === 'GetId')).toHaveLength(1);
  });

  test('is another one for another cognitoIdentity()', async () => {
    await using cognito = await FakeCognito.start();
    expect(await sourceOf(cognito)()).toMatchObject({ secretAccessKey: 'secret-of-us-east-1:anonymous-1' });
    expect(await sourceOf(cognito)()).toMatchObject({ secretAccessKey: 'secret-of-us-east-1:anonymous-2' });
  });

  test('stays the same after a failure of the service, which is not asked again within the attempt', async () => {
    await using cognito = await FakeCognito.start();
    const get = sourceOf(cognito);
    await get();
    cognito.instead.push({ status: 500, body: { __type: 'InternalErrorException', message: 'oops' } });
    expect(await failureOf(get())).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      message: 'the credential provider failed: InternalErrorException: "oops"',
    });
    expect(await get()).toMatchObject({ secretAccessKey: 'secret-of-us-east-1:anonymous-1' });
    expect(cognito.requests).toHaveLength(4);
  });

  test.each(['ResourceNotFoundException', 'NotAuthorizedException'])(
    'that is there no longer (%s) is replaced at the next attempt',
    async (type) => {
      await using cognito = await FakeCognito.start();
      const get = sourceOf(cognito);
      await get();
      cognito.instead.push(refusal(type, 'Identity was not found'));
      expect((await failureOf(get())).message).toContain(`${type}: "Identity was not found"`);
      expect(await get()).toMatchObject({ secretAccessKey: 'secret-of-us-east-1:anonymous-2' });
    },
  );

  test('signs in with tokens, and asks for those that are given as functions anew', async () => {
    await using cognito = await FakeCognito.start();
    let asked = 0;
    const logins = { [LOGIN]: () => `user-${Math.ceil(++asked / 2)}`, 'www.amazon.com': 'fixed' };
    const get = sourceOf(cognito, { logins });
    expect(await get()).toMatchObject({ secretAccessKey: 'secret-of-us-east-1:user-1,fixed' });
    expect(await get()).toMatchObject({ secretAccessKey: 'secret-of-us-east-1:user-2,fixed' });
    expect(cognito.requests.map(({ body }) => body.Logins)).toEqual([
      { [LOGIN]: 'user-1', 'www.amazon.com': 'fixed' },
      { [LOGIN]: 'user-1', 'www.amazon.com': 'fixed' },
      { [LOGIN]: 'user-2', 'www.amazon.com': 'fixed' },
      { [LOGIN]: 'user-2', 'www.amazon.com': 'fixed' },
    ]);
  });

  test('fault:D-10 sec:S-7 has a reason when a token is refused, missing or not to be had, and none shows it', async () => {
    await using cognito = await FakeCognito.start();
    cognito.instead.push(refusal('NotAuthorizedException', `Invalid login token ${CANARY}`));
    const fails = async (login: unknown) => {
      const logins = { [LOGIN]: login as string };
      const error = await failureOf(sourceOf(cognito, { logins })());
      expect(error.code).toBe('CREDENTIALS_UNAVAILABLE');
      expect(shown(error)).not.toContain(CANARY);
      return error.message;
    };
    expect(await fails(CANARY)).toBe(
      'the credential provider failed: NotAuthorizedException: "Invalid login token …"',
    );
    expect(await fails(() => undefined)).toBe(`the login of "${LOGIN}" gave no token`);
    expect(await fails(() => Promise.resolve(''))).toBe(`the login of "${LOGIN}" gave no token`);
    expect(
      await fails(() => {
        throw new Error(`${CANARY} has expired`);
      }),
    ).toBe('the credential provider failed: Error: "… has expired"');
  });

  test('fault:D-10 without an answer is given up', async () => {
    await using cognito = await FakeCognito.start();
    cognito.instead.push('silent');
    const asked = question();
    const provider = cognitoIdentity({ identityPoolId: POOL, endpoint: cognito.endpoint });
    const failure = failureOf(credentialSource(provider).get(asked));
    await vi.waitFor(() => expect(cognito.requests).toHaveLength(1));
    asked.clock.advance(10_000);
    expect((await failure).message).toBe('the credential provider did not answer within 10 seconds');
  });

  test('fault:D-10 that cannot be reached has a reason', async () => {
    const cognito = await FakeCognito.start();
    const get = sourceOf(cognito);
    await cognito[Symbol.asyncDispose]();
    expect(await failureOf(get())).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      message: expect.stringMatching(
        /^the credential provider failed: Error: "connect ECONNREFUSED /,
      ) as string,
    });
  });

  test('keeps no connection that it never uses again', async () => {
    await using cognito = await FakeCognito.start();
    const get = sourceOf(cognito);
    for (let attempt = 0; attempt < 5; attempt++) await get();
    await vi.waitFor(async () => expect(await cognito.connections()).toBe(0));
  });

  test('fault:D-10 that is silent holds no connection for longer than an answer may take', async () => {
    await using cognito = await FakeCognito.start();
    cognito.instead.push('silent');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const answer = cognitoIdentity({ identityPoolId: POOL, endpoint: cognito.endpoint })({
      forceRefresh: false,
    });
    const failure = expect(answer).rejects.toThrow('exceeded the configured 10000 ms');
    while (cognito.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(10_000);
    await failure;
    while ((await cognito.connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
    vi.useRealTimers();
  });

  test('is of the region that its pool is in, unless another is given', async () => {
    vi.spyOn(dns, 'lookup').mockImplementation(((host: string, _: unknown, found: (error: Error) => void) =>
      found(new Error(`looked for ${host}`))) as typeof dns.lookup);
    const ask = (options: Partial<CognitoIdentityOptions>) =>
      cognitoIdentity({ identityPoolId: POOL, ...options })({ forceRefresh: false });
    await expect(ask({})).rejects.toThrow('looked for cognito-identity.us-east-1.amazonaws.com');
    await expect(ask({ region: 'eu-west-1' })).rejects.toThrow(
      'looked for cognito-identity.eu-west-1.amazonaws.com',
    );
  });
});

describe('the options of cognitoIdentity()', () => {
  const refused = (options: unknown) => {
    try {
      cognitoIdentity(options as CognitoIdentityOptions);
    } catch (error) {
      return error as Error;
    }
    throw new Error('it was not refused');
  };

  test.each([
    ['nothing', undefined, /^cognitoIdentity\(\) must be an object/],
    [
      'a stranger',
      { identityPoolId: POOL, pool: POOL },
      /^cognitoIdentity\(\) has no field "pool"; it may have/,
    ],
    ['no pool', {}, /^identityPoolId must be a region/],
    [
      'a pool without a region',
      { identityPoolId: '1699ebc0' },
      /^identityPoolId must be a region, a colon and/,
    ],
    ['the id of a user pool', { identityPoolId: 'us-east-1_Example' }, /^identityPoolId must be a region/],
    ['a pool in a URL', { identityPoolId: `https://x/${POOL}` }, /^identityPoolId must be a region/],
    ['a region that is a host', { identityPoolId: POOL, region: 'evil.example/' }, /^region must be/],
    ['a region that no host has', { identityPoolId: POOL, region: 'evil.example:80' }, /^region must be/],
    ['a pool in what is no region', { identityPoolId: 'Pool:1699ebc0' }, /^identityPoolId must be a region/],
    ['a region that is no text', { identityPoolId: POOL, region: 7 }, /^region must be/],
    [
      'an endpoint that is no URL',
      { identityPoolId: POOL, endpoint: 'localhost' },
      /^endpoint must be an http/,
    ],
    ['an endpoint of a file', { identityPoolId: POOL, endpoint: 'file:///x' }, /^endpoint must be an http/],
    ['logins that are an array', { identityPoolId: POOL, logins: [CANARY] }, /^logins must be an object/],
    [
      'a login that is a number',
      { identityPoolId: POOL, logins: { a: 7 } },
      /^logins\["a"\] must be a token/,
    ],
    ['an empty login', { identityPoolId: POOL, logins: { a: '' } }, /^logins\["a"\] must be a token/],
  ])('are refused with %s', (_, options, message) => {
    const error = refused(options);
    expect(error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message) as string,
    });
    expect(shown(error)).not.toContain(CANARY);
  });

  test('sec:S-6 show in nothing that it returns', () => {
    const provider = cognitoIdentity({ identityPoolId: POOL, logins: { a: CANARY } });
    expect(inspect(provider, { depth: 9, showHidden: true })).not.toContain(CANARY);
  });
});
