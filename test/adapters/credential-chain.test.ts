import { execFile } from 'node:child_process';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { describe, expect, test, vi } from 'vitest';
import type { AwsCredentials, CredentialProvider } from '../../src/adapters/aws-credentials.ts';
import { nodeCredentialSource } from '../../src/adapters/credential-chain.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import {
  failureOf,
  keysOf,
  question,
  shown,
  useEmptyEnvironment,
  withToken,
} from '../support/credential-world.ts';

// As it is, and counted: it finds by itself what the environment and the file have, so it would hide that we do not.
vi.mock('@aws-sdk/credential-providers', { spy: true });

const world = useEmptyEnvironment();

interface Parts {
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
}

const found = (given?: Parts) => nodeCredentialSource(given as AwsCredentials | undefined).get(question());

const sdkWasAsked = () => vi.mocked(fromNodeProviderChain).mock.calls.length;

/** The same, and the AWS SDK had no part in it. */
async function foundByUs(given?: Parts) {
  const before = sdkWasAsked();
  const credentials = await found(given);
  expect(sdkWasAsked()).toBe(before);
  return credentials;
}

function setEnvironment(parts: Parts): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', parts.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', parts.secretAccessKey);
  vi.stubEnv('AWS_SESSION_TOKEN', parts.sessionToken);
}

function profile(name: string, parts: Parts): string {
  const lines = [
    ['aws_access_key_id', parts.accessKeyId],
    ['aws_secret_access_key', parts.secretAccessKey],
    ['aws_session_token', parts.sessionToken],
  ].filter(([, value]) => value !== undefined);
  return [`[${name}]`, ...lines.map(([key, value]) => `${key} = ${value}`), ''].join('\n');
}

/** The default file of the user, whose home is a folder of its own. */
async function useHome(home: string, text: string): Promise<void> {
  await world.file(`${home}/.aws/credentials`, text);
  vi.stubEnv('HOME', join(world.folder, home));
}

/** The AWS SDK runs this program for its keys: with the name `n` they are of `n1` the first time, then of `n2`. */
async function useProcess(name: string): Promise<void> {
  for (const place of [`${name}1`, `${name}2`]) {
    const { accessKeyId, secretAccessKey, sessionToken } = withToken(place);
    const parts = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken };
    const expiration = new Date(Date.now() + 3_600_000).toISOString();
    const answer = { Version: 1, ...parts, Expiration: expiration };
    await world.file(`${name}/${place}.json`, JSON.stringify(answer));
  }
  const script = `cd "$(dirname "$0")"; echo >> count; cat "${name}$(grep -c "" count).json"`;
  const program = await world.file(`${name}/process.sh`, script);
  const config = await world.file(`${name}/config`, `[default]\ncredential_process = sh "${program}"\n`);
  vi.stubEnv('AWS_CONFIG_FILE', config);
}

describe('the default order', () => {
  /** A place has none, a part, empty texts, or all; its parts say which place they are of. */
  const states: Record<string, (place: string) => Parts> = {
    absent: () => ({}),
    'only a key': (place) => ({ accessKeyId: withToken(place).accessKeyId }),
    'only a secret': (place) => ({ secretAccessKey: withToken(place).secretAccessKey }),
    'only a token': (place) => ({ sessionToken: `token/${place}` }),
    'all but the secret': (place) => ({ ...withToken(place), secretAccessKey: '' }),
    'all but the key': (place) => ({ ...withToken(place), accessKeyId: '' }),
    'empty texts': () => ({ accessKeyId: '', secretAccessKey: '', sessionToken: '' }),
    whole: (place) => keysOf(place),
    'whole with an empty token': (place) => ({ ...keysOf(place), sessionToken: '' }),
    'whole with a token': (place) => withToken(place),
  };

  /** What all of it comes to: the first place that has both keys, with the token of that place or none. */
  function model(places: readonly Parts[]): Parts | undefined {
    const first = places.find(({ accessKeyId, secretAccessKey }) => accessKeyId && secretAccessKey);
    return first && Object.fromEntries(Object.entries(first).filter(([, part]) => part !== ''));
  }

  test('py:W3 py:W4 py:W4b py:W4c py:W5 py:W6 py:W7 py:W9 takes the first whole source, in every combination', async () => {
    for (const [name, file] of Object.entries(states)) {
      if (name !== 'absent')
        await world.file(`all/${name}/.aws/credentials`, profile('default', file('file')));
    }
    let combinations = 0;
    for (const [fileName, file] of Object.entries(states)) {
      vi.stubEnv('HOME', join(world.folder, 'all', fileName));
      for (const [environmentName, environment] of Object.entries(states)) {
        setEnvironment(environment('env'));
        for (const [givenName, given] of [['left out', undefined], ...Object.entries(states)] as const) {
          const which = `given: ${givenName}; environment: ${environmentName}; file: ${fileName}`;
          const expected = model([given?.('given') ?? {}, environment('env'), file('file')]);
          const asked = sdkWasAsked();
          const outcome = await found(given?.('given')).catch(({ code }: { code: unknown }) => code);
          expect(outcome, which).toEqual(expected ?? 'CREDENTIALS_NOT_FOUND');
          expect(sdkWasAsked() - asked, which).toBe(expected === undefined ? 1 : 0);
          combinations++;
        }
      }
    }
    expect(combinations).toBe(11 * 10 * 10);
  });

  test('can be renewed, unless whole values are given', () => {
    expect(nodeCredentialSource(undefined).isRenewable).toBe(true);
    expect(nodeCredentialSource({ accessKeyId: 'A', secretAccessKey: '' }).isRenewable).toBe(true);
    expect(nodeCredentialSource({ accessKeyId: 'A', secretAccessKey: 'B' }).isRenewable).toBe(false);
  });

  test('is not for who gives a provider, whatever that answers', async () => {
    setEnvironment(keysOf('env'));
    const provider = (() => ({ accessKeyId: 'A' })) as unknown as CredentialProvider;
    expect(await failureOf(nodeCredentialSource(provider).get(question()))).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      message: 'the credential provider gave credentials without secretAccessKey',
    });
  });

  test('fault:D-14 reads environment and file anew at each attempt', async () => {
    const source = nodeCredentialSource(undefined);
    await useHome('anew', profile('default', keysOf('one')));
    expect(await source.get(question())).toEqual(keysOf('one'));
    await useHome('anew', profile('default', withToken('two')));
    expect(await source.get(question())).toEqual(withToken('two'));
    setEnvironment(keysOf('env'));
    expect(await source.get(question())).toEqual(keysOf('env'));
  });

  test('AWS_PROFILE says which profile; empty, it is the default one', async () => {
    const parts = (place: string) => keysOf(place);
    await useHome('named', profile('default', parts('default')) + profile('work', parts('work')));
    vi.stubEnv('AWS_PROFILE', 'work');
    expect(await foundByUs()).toEqual(keysOf('work'));
    vi.stubEnv('AWS_PROFILE', '');
    expect(await foundByUs()).toEqual(keysOf('default'));
    vi.stubEnv('AWS_PROFILE', 'home');
    expect(await failureOf(found())).toMatchObject({
      message: expect.stringMatching(/; profile "home" of ".*": it has no such profile; /) as string,
    });
  });

  test('AWS_SHARED_CREDENTIALS_FILE says which file; empty, it is the usual one', async () => {
    await useHome('usual', profile('default', keysOf('usual')));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', await world.file('mine', profile('default', keysOf('mine'))));
    expect(await foundByUs()).toEqual(keysOf('mine'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '');
    expect(await foundByUs()).toEqual(keysOf('usual'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(world.folder, 'missing'));
    expect((await failureOf(found())).message).toMatch(/"[^"]*missing": there is no such file/);
  });

  test('py:W8 does not take [DEFAULT] for the default profile', async () => {
    await useHome('capitals', profile('DEFAULT', keysOf('x')));
    expect((await failureOf(found())).message).toMatch(/profile "default" of .*: it has no such profile/);
  });

  test('py:W10 skips a source whose token is the text "None", as the AWS command line prints none', async () => {
    await useHome('none', profile('default', keysOf('file')));
    setEnvironment({ ...keysOf('env'), sessionToken: 'None' });
    expect(await foundByUs()).toEqual(keysOf('file'));
  });

  test('takes what stands in the environment without the blanks around it', async () => {
    const { accessKeyId, secretAccessKey } = keysOf('env');
    setEnvironment({ accessKeyId: ` ${accessKeyId}`, secretAccessKey: `${secretAccessKey}\r\n` });
    expect(await foundByUs()).toEqual(keysOf('env'));
  });

  test('names every place it looked at, what is missing there, and what helps; no value, no line', async () => {
    const secret = 'wJalrXUtnFEMIK7MDENGbPxRfiCYCANARY';
    await useHome('partial', `[default]\naws_secret_access_key = ${secret}\n${secret}\n`);
    setEnvironment({ accessKeyId: 'AKIACANARY', secretAccessKey: `${secret} ${secret}` });
    const error = await failureOf(found({ sessionToken: secret }));
    const path = JSON.stringify(join(world.folder, 'partial/.aws/credentials')).slice(0, 40);
    expect(error).toMatchObject({
      code: 'CREDENTIALS_NOT_FOUND',
      recovery: 'retrySlowly',
      // The AWS SDK is there, and has found none.
      remediation: 'Give `credentials` to sigV4(), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    });
    const [given, environment, file, sdk, ...rest] = error.message.split('; ');
    expect(given).toBe(
      'no AWS credentials were found: the given credentials have no accessKeyId and no secretAccessKey',
    );
    expect(environment).toBe(
      'the environment has a wrong AWS_SECRET_ACCESS_KEY: it must be text without blanks and control characters',
    );
    expect(file).toContain(`profile "default" of ${path}`);
    expect(file).toMatch(/ has no aws_access_key_id$/);
    expect(sdk).toBe(
      '@aws-sdk/credential-providers has a wrong secretAccessKey: ' +
        'it must be text without blanks and control characters',
    );
    expect(rest).toEqual([]);
    expect(shown(error)).not.toContain('CANARY');
  });

  test('skips a file that cannot be read, and names it', async () => {
    const path = join(await world.file('no-folder', ''), 'credentials');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', path);
    const { message } = await failureOf(found());
    expect(message).toContain(': it cannot be read (ENOTDIR); @aws-sdk/credential-providers found none');
    setEnvironment(keysOf('env'));
    expect(await foundByUs()).toEqual(keysOf('env'));
  });

  test('sec:S-5 warns once of a file that others can read', async () => {
    await useHome('open', profile('default', keysOf('x')));
    const path = join(world.folder, 'open/.aws/credentials');
    await chmod(path, 0o644);
    const source = nodeCredentialSource(undefined);
    const warn = vi.fn();
    await source.get(question());
    await source.get(question({ warn }));
    await source.get(question({ warn }));
    const warning = `the credentials file ${path} can be read by other users of this device; \`chmod 600\` mends it`;
    expect(warn.mock.calls).toEqual([[warning]]);
  });
});

describe('what the AWS SDK adds', () => {
  test('comes last', async () => {
    await useProcess('last');
    await useHome('last', profile('default', keysOf('file')));
    const source = nodeCredentialSource(undefined);
    expect(await source.get(question())).toEqual(keysOf('file'));
    await rm(join(world.folder, 'last/.aws'), { recursive: true });
    expect(await source.get(question())).toMatchObject(withToken('last1'));
  });

  test('is kept until it is to be renewed; keys that were refused are not given again', async () => {
    await useProcess('kept');
    const source = nodeCredentialSource(undefined);
    expect(await source.get(question())).toMatchObject(withToken('kept1'));
    expect(await source.get(question())).toMatchObject(withToken('kept1'));
    expect(await source.get(question({ forceRefresh: true }))).toMatchObject(withToken('kept2'));
    expect(await source.get(question())).toMatchObject(withToken('kept2'));
  });

  test('that knows where to get keys, and does not get them, is a reason of its own', async () => {
    const session = 'sso_session = s\nsso_account_id = 1\nsso_role_name = r';
    const config = `[default]\n${session}\n[sso-session s]\nsso_region = us-east-1\nsso_start_url = http://127.0.0.1\n`;
    vi.stubEnv('AWS_CONFIG_FILE', await world.file('signed-out', config));
    expect(await failureOf(found())).toMatchObject({
      code: 'CREDENTIALS_UNAVAILABLE',
      message: expect.stringMatching(
        /^@aws-sdk\/credential-providers failed: CredentialsProviderError: "The SSO session token .*aws sso login.*"$/,
      ) as string,
    });
  });

  test('fault:D-10 that hangs is given up for each attempt, and after five minutes for good', async () => {
    const pipe = join(world.folder, 'pipe');
    await promisify(execFile)('mkfifo', [pipe]);
    const config = await world.file('hangs', `[default]\ncredential_process = cat "${pipe}"\n`);
    // Without a home there is no file to wait for: the AWS SDK is asked within the call.
    vi.stubEnv('HOME', '');
    const source = nodeCredentialSource(undefined);
    const clock = new SimulatedClock();
    const get = () => source.get(question({ clock, forceRefresh: true }));
    const hangs = async (): Promise<void> => {
      const failure = failureOf(get());
      await vi.waitFor(() => expect(programs()).toBe(1));
      clock.advance(10_000);
      expect(await failure).toMatchObject({
        code: 'CREDENTIALS_UNAVAILABLE',
        message: 'the default order of credentials did not answer within 10 seconds',
      });
    };
    await useProcess('before');
    expect(await get()).toMatchObject(withToken('before1'));
    clock.advance(300_000);
    vi.stubEnv('AWS_CONFIG_FILE', config);
    await hangs();
    await useProcess('after');
    await hangs();
    clock.advance(280_000);
    await hangs();
    expect(await get()).toMatchObject(withToken('after1'));
    await writeFile(pipe, '');
  });
});

/** How many other programs this one runs. */
const programs = () => process.getActiveResourcesInfo().filter((type) => type === 'ProcessWrap').length;
