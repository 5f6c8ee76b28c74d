import type * as AwsSdk from '@aws-sdk/credential-providers';
import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import type { AwsCredentials, CredentialProvider } from '../../src/adapters/aws-credentials.ts';
import { credentialSource } from '../../src/adapters/credential-source.ts';
import { IotError } from '../../src/protocol/errors.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { failureOf, inMs, keysOf, NOW, question, shown, withToken } from '../support/credential-world.ts';

const CANARY = 'wJalrXUtnFEMIK7MDENGbPxRfiCYCANARY';

/** JavaScript checks no types. */
const given = (value: unknown) => value as AwsCredentials;
const provider = (gives: (request: { forceRefresh: boolean }) => unknown) =>
  credentialSource(gives as CredentialProvider);
const failing =
  (thrown: unknown): (() => never) =>
  () => {
    throw thrown;
  };
const never = (): Promise<never> => new Promise(() => {});

function refusalOf(value: unknown): IotError {
  try {
    credentialSource(given(value));
  } catch (error) {
    if (IotError.is(error)) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('credentials that are given as values', () => {
  test('py:W5 are what a sign-in gets, each time, and cannot be renewed', async () => {
    const source = credentialSource({ ...withToken('given'), expiration: inMs(1) });
    expect(source.isRenewable).toBe(false);
    const expected = { ...withToken('given'), expiration: inMs(1) };
    expect(await source.get(question())).toEqual(expected);
    expect(await source.get(question({ forceRefresh: true }))).toEqual(expected);
  });

  test('are copied: what happens to them later changes nothing', async () => {
    const values = { ...keysOf('given'), expiration: inMs(1) };
    const source = credentialSource(values);
    values.secretAccessKey = 'another';
    values.expiration.setTime(0);
    expect(await source.get(question())).toEqual({ ...keysOf('given'), expiration: inMs(1) });
  });

  test('may have what the AWS SDK adds, and it goes no further', async () => {
    const more = {
      accountId: '123456789012',
      credentialScope: 'us-east-1',
      $source: { CREDENTIALS_CODE: 'e' },
    };
    const source = credentialSource(given({ ...keysOf('given'), ...more }));
    expect(await source.get(question())).toEqual(keysOf('given'));
  });

  test('py:W10 without a token have none: undefined, null and empty text are no token', async () => {
    for (const sessionToken of [undefined, null, '']) {
      const source = credentialSource(given({ ...keysOf('given'), sessionToken }));
      expect(await source.get(question())).toEqual(keysOf('given'));
    }
  });

  test.each(['None', 'null', 'undefined'])('py:W10 are refused with the token %o', (sessionToken) => {
    expect(refusalOf({ ...keysOf('given'), sessionToken })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message:
        'credentials.sessionToken must be left out when there is none, and not a text that says so; ' +
        `given: text of ${sessionToken.length} characters`,
    });
  });

  test.each([
    ['a number', 17],
    ['text', CANARY],
    ['null', null],
    ['an array', [CANARY]],
  ])('are refused when they are %s', (_, value) => {
    const error = refusalOf(value);
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toMatch(/^credentials must be an object/);
    expect(shown(error)).not.toContain(CANARY);
  });

  test.each([
    ['accessKeyId', 'a number', 17],
    ['accessKeyId', 'a blank in front', ` ${CANARY}`],
    ['accessKeyId', 'NUL', `${CANARY}\0`],
    ['secretAccessKey', 'the end of a line', `${CANARY}\n`],
    ['secretAccessKey', 'a blank inside', `${CANARY} ${CANARY}`],
    ['secretAccessKey', 'another alphabet', `${CANARY}é`],
    ['secretAccessKey', 'an object', { [CANARY]: CANARY }],
    ['secretAccessKey', 'a tab and nothing else', '\t'],
    ['sessionToken', 'an escape', `${CANARY}\u001b[31m`],
    ['sessionToken', 'a boolean', true],
    ['expiration', 'text', '2026-11-23T12:00:00Z'],
    ['expiration', 'no valid date', new Date(Number.NaN)],
    ['expiration', 'a number', NOW],
  ])('are refused with a wrong %s (%s), and it is not shown', (field, _, value) => {
    const error = refusalOf({ ...withToken('given'), [field]: value });
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toMatch(new RegExp(`^credentials\\.${field} must be `));
    expect(shown(error)).not.toContain(CANARY);
  });

  test('are refused with a field that is not theirs', () => {
    const error = refusalOf({ ...keysOf('given'), secretKey: CANARY });
    expect(error.message).toMatch(/^credentials has no field "secretKey"; it may have accessKeyId, /);
    expect(shown(error)).not.toContain(CANARY);
  });

  test('must be whole where there is no default order', () => {
    expect(refusalOf({ accessKeyId: 'AKIA' }).message).toBe(
      'credentials.secretAccessKey must be text; given: undefined',
    );
    expect(refusalOf({}).message).toBe('credentials.accessKeyId must be text; given: undefined');
    expect(refusalOf(undefined).message).toMatch(
      /^credentials must be an object of accessKeyId, .* or a function/,
    );
  });

  test.each([0, 1, 3_600_000])('are of no use %i ms after they expired', async (agoMs) => {
    const source = credentialSource({ ...keysOf('given'), expiration: inMs(-agoMs) });
    expect(await failureOf(source.get(question()))).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      message:
        `the given keys expired at ${inMs(-agoMs).toISOString()}; ` +
        `this device takes the time to be ${inMs(0).toISOString()}`,
    });
  });
});

describe('a provider', () => {
  test('is what the AWS SDK calls one, and its keys are keys, also to the types', () => {
    expectTypeOf<ReturnType<typeof AwsSdk.fromNodeProviderChain>>().toExtend<CredentialProvider>();
    expectTypeOf<ReturnType<typeof AwsSdk.fromCognitoIdentityPool>>().toExtend<CredentialProvider>();
    expectTypeOf<ReturnType<typeof AwsSdk.fromTemporaryCredentials>>().toExtend<CredentialProvider>();
    expectTypeOf<ReturnType<typeof AwsSdk.fromEnv>>().toExtend<CredentialProvider>();
    type Keys = Awaited<ReturnType<ReturnType<typeof AwsSdk.fromNodeProviderChain>>>;
    expectTypeOf<Keys>().toExtend<AwsCredentials>();
  });

  test('sec:S-9 is asked anew for each attempt, and told whether its last keys were refused', async () => {
    const asked = vi.fn(async () => withToken(`n${asked.mock.calls.length}`));
    const source = provider(asked);
    expect(source.isRenewable).toBe(true);
    expect(asked).not.toHaveBeenCalled();
    expect(await source.get(question())).toEqual(withToken('n1'));
    expect(await source.get(question({ forceRefresh: true }))).toEqual(withToken('n2'));
    expect(asked.mock.calls).toEqual([[{ forceRefresh: false }], [{ forceRefresh: true }]]);
  });

  test('may answer at once, or with any thenable, and with more than keys', async () => {
    const thenable = {
      // biome-ignore lint/suspicious/noThenProperty: what this is about
      then: (resolve: (value: unknown) => void) => resolve({ ...keysOf('then'), identityId: 'me' }),
    };
    expect(await provider(() => keysOf('now')).get(question())).toEqual(keysOf('now'));
    expect(await provider(() => thenable).get(question())).toEqual(keysOf('then'));
  });

  test('fault:D-10 that throws is a reason of its own, at once or later', async () => {
    const boom = (): never => {
      throw new TypeError('no line to the vault');
    };
    for (const gives of [boom, async () => boom()]) {
      const error = await failureOf(provider(gives).get(question()));
      expect(error).toMatchObject({
        code: 'CREDENTIALS_UNAVAILABLE',
        recovery: 'retry',
        message: 'the credential provider failed: TypeError: "no line to the vault"',
      });
      expect(error.cause).toBeUndefined();
    }
  });

  test('that throws an error of ours decides itself what it means', async () => {
    const own = new IotError('CREDENTIALS_NOT_FOUND', 'nobody has signed in to this device');
    const get = provider(() => Promise.reject(own)).get(question());
    await expect(get).rejects.toBe(own);
  });

  test.each([
    ['its message', new Error(`cannot use ${CANARY}`)],
    ['the middle of a URL', new Error(`GET https://vault/?key=${CANARY}&more=1 failed`)],
    ['its name', Object.assign(new Error('x'), { name: `${CANARY}1` })],
    ['a field', Object.assign(new Error('x'), { config: { secret: CANARY } })],
    ['its cause', new Error('x', { cause: new Error(CANARY) })],
    ['a text that is thrown', CANARY],
    ['an object that is thrown', { message: CANARY, name: CANARY }],
    ['its code', Object.assign(new Error(''), { code: CANARY })],
  ])('sec:S-7 shows no key through its error, even with one in %s', async (_, thrown) => {
    const error = await failureOf(provider(failing(thrown)).get(question()));
    expect(error.code).toBe('CREDENTIALS_UNAVAILABLE');
    expect(shown(error)).not.toContain(CANARY);
    expect(error.stack).not.toContain(CANARY);
  });

  test('is known by the code of its error when that has no words', async () => {
    const thrown = Object.assign(new AggregateError([new Error('one'), new Error('two')]), {
      code: 'ETIMEDOUT',
    });
    const { message } = await failureOf(provider(failing(thrown)).get(question()));
    expect(message).toBe('the credential provider failed: AggregateError: "ETIMEDOUT"');
  });

  test('fault:D-10 that fails over another client or call stops nothing for good', async () => {
    for (const code of ['TIMEOUT', 'CLOSED', 'INVALID_CLIENT_ID'] as const) {
      const error = await failureOf(provider(failing(new IotError(code, 'of its own'))).get(question()));
      expect(error).toMatchObject({
        code: 'CREDENTIALS_UNAVAILABLE',
        message: 'the credential provider failed: IotError: "of its own"',
      });
    }
  });

  test('has its error cut and escaped', async () => {
    const thrown = new Error(`\u001b[31mno ${'very '.repeat(60)}luck\n`);
    const { message } = await failureOf(provider(failing(thrown)).get(question()));
    expect(message).toMatch(
      /^the credential provider failed: Error: "\\u001b\[31mno (very )+.*"… \(\d+ characters\)$/,
    );
  });

  test('may throw what cannot be read', async () => {
    const thrown = Object.defineProperty({}, 'message', {
      get() {
        throw new Error(CANARY);
      },
    });
    const { message } = await failureOf(provider(failing(thrown)).get(question()));
    expect(message).toBe('the credential provider failed: its error cannot be read');
  });

  test.each([
    ['nothing', undefined, 'gave no credentials, but undefined'],
    ['null', null, 'gave no credentials, but null'],
    ['text', CANARY, 'gave no credentials, but string'],
    ['an empty object', {}, 'gave credentials without accessKeyId and secretAccessKey'],
    ['an empty key', { ...keysOf('x'), secretAccessKey: '' }, 'gave credentials without secretAccessKey'],
    [
      'a key with a blank',
      { ...keysOf('x'), secretAccessKey: `${CANARY} ` },
      'gave a wrong secretAccessKey; it must be text without blanks and control characters',
    ],
    [
      'a token that says that there is none',
      { ...keysOf('x'), sessionToken: 'None' },
      'gave a wrong sessionToken; it must be left out when there is none, and not a text that says so',
    ],
    [
      'an expiration that is text',
      { ...keysOf('x'), expiration: '2027-01-01' },
      'gave a wrong expiration; it must be a valid Date',
    ],
  ])('fault:D-10 that gives %s gave no credentials', async (_, value, message) => {
    const error = await failureOf(provider(() => value).get(question()));
    expect(error).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      message: `the credential provider ${message}`,
    });
    expect(shown(error)).not.toContain(CANARY);
  });

  test('fault:D-10 that gives a getter that throws gave no credentials', async () => {
    const trap = {
      get accessKeyId(): string {
        throw new Error('locked');
      },
    };
    const error = await failureOf(provider(() => trap).get(question()));
    expect(error).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      message: 'the credential provider failed: Error: "locked"',
    });
  });

  test('fault:D-10 that gives expired keys is told so; a millisecond is in time, none is not', async () => {
    const at = (expiration: Date) => provider(() => ({ ...keysOf('x'), expiration })).get(question());
    expect(await at(inMs(1))).toEqual({ ...keysOf('x'), expiration: inMs(1) });
    expect(await failureOf(at(inMs(0)))).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      message:
        'the keys of the credential provider expired at 2026-11-23T12:00:00.000Z; ' +
        'this device takes the time to be 2026-11-23T12:00:00.000Z',
      remediation: "Renew the credentials, or set this device's clock if it is ahead.",
    });
  });

  test('fault:D-10 that hangs is given up after 10 s, and asked again at the next attempt', async () => {
    const asked = vi.fn<() => unknown>().mockImplementationOnce(never).mockReturnValueOnce(keysOf('x'));
    const source = provider(asked);
    const clock = new SimulatedClock();
    const hung = failureOf(source.get(question({ clock })));
    clock.advance(9_999);
    expect(clock.pending).toBe(1);
    clock.advance(1);
    expect(await hung).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      message: 'the credential provider did not answer within 10 seconds',
    });
    expect(clock.pending).toBe(0);
    expect(await source.get(question({ clock }))).toEqual(keysOf('x'));
    expect(clock.pending).toBe(0);
  });

  test('that answers after all, too late, disturbs nobody', async () => {
    let reject: (reason: Error) => void = () => {};
    const late = new Promise((_, rejects) => {
      reject = rejects;
    });
    const clock = new SimulatedClock();
    const hung = failureOf(provider(() => late).get(question({ clock })));
    clock.advance(10_000);
    await hung;
    reject(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
  });

  test('is not waited for when the attempt ends, and leaves no timer', async () => {
    const attempt = new AbortController();
    const { clock, ...rest } = question({ signal: attempt.signal });
    const reason = new Error('over');
    const get = provider(never).get({ ...rest, clock });
    expect(clock.pending).toBe(1);
    attempt.abort(reason);
    await expect(get).rejects.toBe(reason);
    expect(clock.pending).toBe(0);
  });

  test('is not asked when the attempt is over', async () => {
    const asked = vi.fn(() => keysOf('x'));
    const reason = new Error('over');
    const get = provider(asked).get(question({ signal: AbortSignal.abort(reason) }));
    await expect(get).rejects.toBe(reason);
    expect(asked).not.toHaveBeenCalled();
  });

  test('leaves no timer and no listener, however it ends', async () => {
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    for (const gives of [() => keysOf('x'), () => undefined, () => Promise.reject(new Error('no'))]) {
      const asked = question({ signal });
      await provider(gives)
        .get(asked)
        .catch(() => {});
      expect(asked.clock.pending).toBe(0);
    }
    expect(add).toHaveBeenCalledTimes(3);
    expect(remove).toHaveBeenCalledTimes(3);
  });
});

test('sec:S-6 sec:S-9 a source shows nothing of its keys', async () => {
  const fixed = credentialSource({ ...withToken('given'), secretAccessKey: CANARY });
  const asked = provider(() => ({ ...keysOf('x'), secretAccessKey: CANARY }));
  await asked.get(question());
  for (const source of [fixed, asked]) {
    expect(shown(source)).not.toContain(CANARY);
    expect(() => structuredClone(source)).not.toThrow();
    expect(shown(structuredClone(source))).not.toContain(CANARY);
  }
});
