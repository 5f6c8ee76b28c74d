import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Authentication, SignInContext } from '../../src/adapters/authentication.ts';
import type { AwsCredentials, CredentialSource } from '../../src/adapters/aws-credentials.ts';
import { createSigV4, type SignatureOptions, type SigV4Parts } from '../../src/adapters/sigv4.ts';
import type { UpgradeRequest } from '../../src/adapters/upgrade-signer.ts';
import type { UpgradeOptions } from '../../src/adapters/web-socket.ts';
import { createIotClient, IotError, sigV4 } from '../../src/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';

const AWS = 'abc-ats.iot.eu-west-1.amazonaws.com';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOON = Date.parse('2026-03-01T12:00:00Z');

type Asked = Parameters<CredentialSource['get']>[0];

/** A sign-in whose parts note what they are asked. */
class World {
  readonly asked: Asked[] = [];
  readonly signed: { request: UpgradeRequest; credentials: AwsCredentials }[] = [];
  readonly dialed: { path: string; options: UpgradeOptions }[] = [];
  readonly order: string[] = [];
  readonly clock = new SimulatedClock();
  /** The time of day, which somebody may set. */
  wallClock = NOON;
  credentials: AwsCredentials = { accessKeyId: 'AKID', secretAccessKey: 'SECRET' };
  /** Epoch milliseconds that the server tells when it refuses; `undefined` to accept. */
  refusedAt: number | undefined;
  readonly auth: Authentication;

  constructor(options: SignatureOptions = {}, parts: Partial<SigV4Parts> & { isRenewable?: boolean } = {}) {
    const { isRenewable = true, ...rest } = parts;
    this.auth = createSigV4(
      {
        sign: (request, credentials) => {
          this.order.push('sign');
          this.signed.push({ request, credentials });
          return Promise.resolve(`/mqtt?signed=${this.signed.length}`);
        },
        source: {
          isRenewable,
          get: (request) => {
            this.order.push('keys');
            this.asked.push(request);
            return Promise.resolve(this.credentials);
          },
        },
        dialer: {
          validate: () => {},
          prepare: () => {
            this.order.push('prepare');
            return Promise.resolve((path, dialing) => this.#dial(path, dialing));
          },
        },
        ...rest,
      },
      options,
    );
  }

  context(previous?: IotError): SignInContext {
    return {
      ...{ endpoint: AWS, port: 443, signal: new AbortController().signal, clock: this.clock },
      wallClock: () => this.wallClock,
      ...(previous === undefined ? {} : { previous }),
    };
  }

  pass(ms: number): void {
    this.clock.advance(ms);
    this.wallClock += ms;
  }

  async attempt(previous?: IotError) {
    const open = await this.auth.signIn(this.context(previous));
    this.order.push('dial');
    return open(new AbortController().signal);
  }

  /** The error of an attempt that the server refuses at this time of its clock. */
  async refused(serverTime: number, previous?: IotError): Promise<IotError> {
    this.refusedAt = serverTime;
    const error = await this.attempt(previous).then(
      () => undefined,
      (reason: unknown) => reason as IotError,
    );
    this.refusedAt = undefined;
    return error as IotError;
  }

  /** Of the last signature. */
  get signedAt(): number | undefined {
    return this.signed.at(-1)?.request.time.getTime();
  }

  #dial(path: string, options: UpgradeOptions) {
    this.dialed.push({ path, options });
    if (this.refusedAt !== undefined) {
      options.serverTime?.(this.refusedAt);
      return Promise.reject(new IotError('BAD_CREDENTIALS', 'refused'));
    }
    return Promise.resolve({ stream: new PassThrough(), bytesRead: () => 0 });
  }
}

const invalidBy = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (IotError.is(error) && error.code === 'INVALID_ARGUMENT') return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
};

const client = (endpoint: string, options: SignatureOptions) => () =>
  createIotClient({
    ...{ endpoint, clientId: 'lamp' },
    auth: sigV4({ credentials: { accessKeyId: 'AKIDEXAMPLE00000000', secretAccessKey: 'key' }, ...options }),
  });

describe('the region', () => {
  it('comes from the endpoint (py:W12)', async () => {
    const world = new World();
    await world.attempt();
    expect(world.signed[0]?.request.region).toBe('eu-west-1');
    client('x.ats.iot.cn-north-1.amazonaws.com.cn', {})();
  });

  it('may be given too, when it is the same', () => {
    client(AWS, { region: 'eu-west-1' })();
  });

  it('that contradicts the endpoint is refused when the client is made', () => {
    expect(invalidBy(client(AWS, { region: 'us-east-1' }))).toBe(
      'region must be "eu-west-1", as the endpoint says, or left out; given: "us-east-1"',
    );
  });

  it('must be given for a domain of one’s own, and the error says so (py:W11, py:W18)', () => {
    const message = invalidBy(client('iot.example.com', {}));
    expect(message).toContain('region must be given to sigV4()');
    expect(message).toContain('"iot.example.com"');
    client('iot.example.com', { region: 'eu-west-1' })();
  });

  it.each(['', 'EU-WEST-1', 'eu-west-1/x', 'eu west', 7 as unknown as string])('%o is none', (region) => {
    expect(invalidBy(() => createSigV4({} as SigV4Parts, { region }))).toContain('region must be');
  });
});

describe('expiresInSeconds', () => {
  it.each([0, -1, 1.5, 604_801, Number.NaN, '60' as unknown as number])(
    '%o is refused',
    (expiresInSeconds) => {
      expect(invalidBy(() => createSigV4({} as SigV4Parts, { expiresInSeconds }))).toContain('604,800');
    },
  );

  it.each([1, 604_800])('%i is signed', async (expiresInSeconds) => {
    const world = new World({ expiresInSeconds });
    await world.attempt();
    expect(world.signed[0]?.request).toMatchObject({ expiresInSeconds });
  });

  it('is not signed when it is left out', async () => {
    const world = new World();
    await world.attempt();
    expect(world.signed[0]?.request).not.toHaveProperty('expiresInSeconds');
  });
});

it('a misspelt option is refused, and its value is not shown', () => {
  const message = invalidBy(() => sigV4({ secretAccessKey: 'canary' } as object));
  expect(message).toContain('secretAccessKey');
  expect(message).not.toContain('canary');
});

it('port 443 is the default', () => {
  expect(new World().auth.defaultPort()).toBe(443);
});

it.each([443, 8443])('signs for the host as it is sent, port %i (py:W19)', async (port) => {
  const world = new World();
  const open = await world.auth.signIn({ ...world.context(), endpoint: AWS.toUpperCase(), port });
  await open(new AbortController().signal);
  expect(world.signed[0]?.request.host).toBe(port === 443 ? AWS : `${AWS}:${port}`);
});

describe('each attempt', () => {
  it('asks for keys, and signs only when the line is dialed', async () => {
    const world = new World();
    const open = await world.auth.signIn(world.context());
    expect(world.order).toEqual(['keys', 'prepare']);
    world.wallClock += 30_000;
    await open(new AbortController().signal);
    expect(world.order).toEqual(['keys', 'prepare', 'sign']);
    expect(world.signedAt).toBe(NOON + 30_000);
  });

  it('asks and signs afresh: no URL is used twice (fault:D-9, sec:S-9)', async () => {
    const world = new World();
    await world.attempt();
    world.credentials = { accessKeyId: 'OTHER', secretAccessKey: 'NEW' };
    world.wallClock += HOUR_MS;
    await world.attempt();
    expect(world.asked).toHaveLength(2);
    expect(world.dialed.map(({ path }) => path)).toEqual(['/mqtt?signed=1', '/mqtt?signed=2']);
    expect(world.signed[1]?.credentials.accessKeyId).toBe('OTHER');
    expect(world.signedAt).toBe(NOON + HOUR_MS);
  });

  it('fails as its source of keys fails, and dials nothing', async () => {
    const none = new IotError('CREDENTIALS_UNAVAILABLE', 'none now');
    const world = new World({}, { source: { isRenewable: true, get: () => Promise.reject(none) } });
    await expect(world.attempt()).rejects.toBe(none);
    expect(world.order).toEqual([]);
  });

  it.each([
    ['BAD_CREDENTIALS', true],
    ['CONNECTION_LOST', false],
    ['SERVER_UNAVAILABLE', false],
    ['NOT_AUTHORIZED', false],
  ] as const)('after %s asks for new keys: %s (py:C18, fault:D-12)', async (code, forceRefresh) => {
    const world = new World();
    await world.attempt(new IotError(code, 'before'));
    expect(world.asked[0]?.forceRefresh).toBe(forceRefresh);
  });

  it('does not ask for new keys the first time', async () => {
    const world = new World({}, { needsNewKeys: () => true });
    await world.attempt();
    expect(world.asked[0]?.forceRefresh).toBe(false);
  });

  it('where nobody can know why it failed, asks for new keys after each failure', async () => {
    const world = new World({}, { needsNewKeys: () => true });
    await world.attempt(new IotError('WEBSOCKET_FAILED', 'no idea why'));
    expect(world.asked[0]?.forceRefresh).toBe(true);
  });
});

describe('a wrong clock (fault:D-11)', () => {
  it.each([
    ['an hour behind', HOUR_MS],
    ['an hour ahead', -HOUR_MS],
  ])('%s: the next signature has the server’s time', async (_, off) => {
    const world = new World();
    await world.refused(NOON + off);
    world.pass(1_000);
    await world.attempt();
    expect(world.signedAt).toBe(NOON + off + 1_000);
  });

  it('less than four minutes off is not what was wrong', async () => {
    const world = new World();
    await world.refused(NOON + 4 * MINUTE_MS);
    await world.attempt();
    expect(world.signedAt).toBe(NOON);
  });

  it('that is set meanwhile makes no key seem over, and no signature wrong', async () => {
    const world = new World();
    await world.refused(NOON + HOUR_MS);
    world.wallClock = NOON + HOUR_MS;
    await world.attempt();
    expect([world.asked[1]?.wallClock(), world.signedAt]).toEqual([NOON + HOUR_MS, NOON + HOUR_MS]);
  });

  it('that is right is gone by again when a later refusal says so', async () => {
    const world = new World();
    await world.refused(NOON + HOUR_MS);
    // The device slept, which its monotonic clock does not count, and its time of day was set.
    world.wallClock = NOON + 3 * HOUR_MS;
    await world.refused(NOON + 3 * HOUR_MS);
    expect(world.signedAt).toBe(NOON + HOUR_MS);
    await world.attempt();
    expect(world.signedAt).toBe(NOON + 3 * HOUR_MS);
  });

  it('is known to this sign-in only', async () => {
    const world = new World();
    await world.refused(NOON + HOUR_MS);
    const other = new World();
    await other.attempt();
    expect(other.signedAt).toBe(NOON);
  });

  it('of the server, that is set right again, makes no key seem over: who does not dial never hears of it', async () => {
    const world = new World();
    await world.refused(NOON + HOUR_MS);
    await world.auth.signIn(world.context());
    expect(world.asked[1]?.wallClock()).toBe(NOON);
    await world.refused(NOON);
    await world.attempt();
    expect(world.signedAt).toBe(NOON);
  });

  it('is no measure for the end of keys either', async () => {
    const world = new World();
    await world.refused(NOON - HOUR_MS);
    await world.attempt();
    expect(world.asked[1]?.wallClock()).toBe(NOON - HOUR_MS);
  });
});

describe('how long a line may last', () => {
  const lifetime = async (expiresIn: number | undefined, isRenewable = true): Promise<number> => {
    const world = new World({}, { isRenewable });
    if (expiresIn !== undefined)
      world.credentials = { ...world.credentials, expiration: new Date(NOON + expiresIn) };
    const opened = await world.attempt();
    return opened.lifetimeMs?.() ?? Number.NaN;
  };
  const LONGEST = 24 * HOUR_MS - 10 * MINUTE_MS;

  it('with keys that do not end: as long as AWS lets it, less ten minutes', async () => {
    expect(await lifetime(undefined)).toBe(LONGEST);
    expect(await lifetime(48 * HOUR_MS)).toBe(LONGEST);
  });

  it('with keys that end and can be renewed: until four minutes before their end', async () => {
    expect(await lifetime(HOUR_MS)).toBe(HOUR_MS - 4 * MINUTE_MS);
  });

  it('with keys that end very soon: four fifths of their time', async () => {
    expect(await lifetime(10 * MINUTE_MS)).toBe(8 * MINUTE_MS);
    expect(await lifetime(5_000)).toBe(4_000);
  });

  it('with keys that are as good as over: a second, so that such keys again and again make no hot loop', async () => {
    expect(await lifetime(1_000)).toBe(1_000);
    expect(await lifetime(1)).toBe(1_000);
    expect(await lifetime(-5_000)).toBe(1_000);
  });

  it('with keys that nobody can renew: their end ends no line', async () => {
    expect(await lifetime(HOUR_MS, false)).toBe(LONGEST);
  });

  it('is counted from when it is asked, by the server’s clock', async () => {
    const world = new World();
    await world.refused(NOON + HOUR_MS);
    world.credentials = { ...world.credentials, expiration: new Date(NOON + 2 * HOUR_MS) };
    const opened = await world.attempt();
    world.pass(10 * MINUTE_MS);
    expect(opened.lifetimeMs?.()).toBe(HOUR_MS - 14 * MINUTE_MS);
  });
});

describe('what is shown', () => {
  it('of it is its kind, and it cannot be changed (sec:S-8)', async () => {
    const auth = sigV4({
      region: 'eu-west-1',
      credentials: { accessKeyId: 'AKIDCANARY000000', secretAccessKey: 'canary', sessionToken: 'canary' },
    });
    expect(inspect(auth, { depth: 9, showHidden: true })).not.toMatch(/canary/i);
    expect(JSON.stringify(auth)).toBe('{"kind":"sigV4"}');
    expect(Object.isFrozen(auth)).toBe(true);
  });

  it('of the errors of its options are no keys', () => {
    const options = { credentials: { accessKeyId: 'AKIDCANARY000000', secretAccessKey: 7 } };
    const message = invalidBy(() => sigV4(options as object));
    expect(message).toContain('secretAccessKey');
    expect(message).not.toMatch(/canary/i);
  });
});

it('keys are not kept while the line lives (sec:S-9)', async () => {
  let given: WeakRef<AwsCredentials> | undefined;
  const get = (): Promise<AwsCredentials> => {
    const keys = { accessKeyId: 'AKID', secretAccessKey: 'SECRET', expiration: new Date(NOON + HOUR_MS) };
    given = new WeakRef(keys);
    return Promise.resolve(keys);
  };
  const world = new World({}, { sign: () => Promise.resolve('/mqtt'), source: { isRenewable: true, get } });
  const opened = await world.attempt();
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  expect(given?.deref()).toBeUndefined();
  expect(opened.lifetimeMs?.()).toBe(56 * MINUTE_MS);
});

it('lets who gives the keys warn of what is unsafe (sec:S-5)', async () => {
  const world = new World();
  const warnings: string[] = [];
  await world.auth.signIn({ ...world.context(), warn: (message) => warnings.push(message) });
  world.asked[0]?.warn?.('others can read the file');
  expect(warnings).toEqual(['others can read the file']);
});
