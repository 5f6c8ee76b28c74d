import { execFile } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import {
  parseProfiles,
  readProfile,
  sharedCredentialsPath,
} from '../../src/adapters/shared-credentials-file.ts';
import { useEmptyEnvironment } from '../support/credential-world.ts';

const world = useEmptyEnvironment();
const { signal } = new AbortController();

/** The settings of one profile, as plain data. */
const settingsOf = (text: string, profile = 'default') => {
  const settings = parseProfiles(text).get(profile);
  return settings === undefined ? undefined : Object.fromEntries(settings);
};

describe('the text of a credentials file', () => {
  test('is profiles with settings', () => {
    const text =
      '[default]\naws_access_key_id = A\naws_secret_access_key = B\n[other]\naws_access_key_id = C\n';
    expect(settingsOf(text)).toEqual({ aws_access_key_id: 'A', aws_secret_access_key: 'B' });
    expect(settingsOf(text, 'other')).toEqual({ aws_access_key_id: 'C' });
    expect(settingsOf(text, 'third')).toBeUndefined();
  });

  test.each([
    ['ends of lines of Windows', '[default]\r\nkey = A\r\n'],
    ['ends of lines of old Macs', '[default]\rkey = A\r'],
    ['a byte order mark', '\uFEFF[default]\nkey = A'],
    ['no end of the last line', '[default]\nkey=A'],
    ['blanks around everything', ' [ default ] \n\t key \t =  A  \n'],
    ['comments', '# one\n; two\n[default] # three\n#key = B\nkey = A ; four\n  # five\n'],
    ['capitals in the name of a setting', '[default]\nKEY = A'],
    [
      'lines that mean nothing',
      'nonsense\nkey = outside\n[default]\nnonsense\n= B\nkey = A\n[]\n[unfinished\n',
    ],
    ['the profile in two places', '[default]\nkey = B\n[other]\nkey = C\n[default]\nkey = A\n'],
    ['the setting twice', '[default]\nkey = B\nkey = A\n'],
  ])('may have %s', (_, text) => {
    expect(settingsOf(text)).toEqual({ key: 'A' });
  });

  test('may have = and # in a value', () => {
    expect(settingsOf('[default]\ntoken = a=b==\nkey = a#b;c')).toEqual({ token: 'a=b==', key: 'a#b;c' });
  });

  test('may have settings with settings of their own, which are not those of the profile', () => {
    const text = '[default]\ns3 =\n  key = B\n  other = C\nkey = A\n  more = D\n';
    expect(settingsOf(text)).toEqual({ s3: '', key: 'A', more: 'D' });
  });

  test('may be indented as a whole, with an empty setting among the others', () => {
    expect(settingsOf('[default]\n  token =\n  key = A\n')).toEqual({ token: '', key: 'A' });
  });

  test('py:W8 knows [DEFAULT] and [profile default] as other profiles than [default]', () => {
    expect(settingsOf('[DEFAULT]\nkey = A\n[profile default]\nkey = B\n')).toBeUndefined();
    expect(settingsOf('[profile work]\nkey = A\n', 'work')).toBeUndefined();
  });

  test('sec:S-10 cannot reach what all objects have', () => {
    const profiles = parseProfiles('[__proto__]\nconstructor = A\n[constructor]\n__proto__ = B\n');
    expect([...profiles.keys()]).toEqual(['__proto__', 'constructor']);
    expect(({} as { constructor: unknown }).constructor).toBe(Object);
  });

  test('sec:S-12 is read in no more than linear time', () => {
    const text = `[default]\n${'[ '.repeat(100_000)}\n${' '.repeat(100_000)}x\n${' #'.repeat(100_000)}\nkey = A`;
    const began = performance.now();
    expect(settingsOf(text)).toEqual({ key: 'A' });
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe('the path', () => {
  test('is in the home of the user, unless the environment names another', () => {
    const home = join(world.folder, 'home');
    expect(sharedCredentialsPath(undefined)).toBe(join(home, '.aws', 'credentials'));
    expect(sharedCredentialsPath('/etc/keys')).toBe('/etc/keys');
    expect(sharedCredentialsPath('~/keys')).toBe(join(home, 'keys'));
    expect(sharedCredentialsPath('~other/keys')).toBe('~other/keys');
  });

  test('is none for a user without a home, and never one in the folder that is the current one', () => {
    vi.stubEnv('HOME', '');
    expect(sharedCredentialsPath(undefined)).toBeUndefined();
    expect(sharedCredentialsPath('~/keys')).toBe('~/keys');
  });
});

describe('a credentials file', () => {
  test('is read anew each time', async () => {
    const path = await world.file('anew', '[default]\nkey = A');
    expect(await readProfile(path, 'default', signal)).toMatchObject({ settings: new Map([['key', 'A']]) });
    await world.file('anew', '[default]\nkey = B');
    expect(await readProfile(path, 'default', signal)).toMatchObject({ settings: new Map([['key', 'B']]) });
  });

  test('sec:S-5 says whether others can read it', async () => {
    const path = await world.file('mode', '[default]\nkey = A');
    expect(await readProfile(path, 'default', signal)).toMatchObject({ readableByOthers: false });
    for (const mode of [0o640, 0o604]) {
      await chmod(path, mode);
      expect(await readProfile(path, 'default', signal)).toMatchObject({ readableByOthers: true });
    }
  });

  test('that is not there, or no file, or without the profile, says so', async () => {
    const none = { none: 'there is no such file' };
    expect(await readProfile(join(world.folder, 'missing'), 'default', signal)).toEqual(none);
    const profile = { none: 'it has no such profile' };
    expect(await readProfile(await world.file('other', '[other]'), 'default', signal)).toEqual(profile);
    const notAFile = { none: 'it is not a regular file' };
    expect(await readProfile(world.folder, 'default', signal)).toEqual(notAFile);
    expect(await readProfile('/dev/null', 'default', signal)).toEqual(notAFile);
    const below = join(await world.file('file', ''), 'below');
    expect(await readProfile(below, 'default', signal)).toEqual({ none: 'it cannot be read (ENOTDIR)' });
    const strange = await readProfile('a\0b', 'default', signal);
    expect(strange).toEqual({ none: 'it cannot be read (ERR_INVALID_ARG_VALUE)' });
  });

  test('is not waited for when it is a pipe', async () => {
    const pipe = join(world.folder, 'pipe');
    await promisify(execFile)('mkfifo', [pipe]);
    expect(await readProfile(pipe, 'default', signal)).toEqual({ none: 'it is not a regular file' });
  });

  test('is not read when the attempt is over', async () => {
    const reason = new Error('over');
    const path = await world.file('aborted', '[default]');
    await expect(readProfile(path, 'default', AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test('may be anything else: the bytes of a picture are a file without profiles', async () => {
    await mkdir(join(world.folder, 'x'), { recursive: true });
    const path = await world.file(
      'picture',
      String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i)),
    );
    expect(await readProfile(path, 'default', signal)).toEqual({ none: 'it has no such profile' });
  });
});
