import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, vi } from 'vitest';
import type { CredentialQuestion } from '../../src/adapters/provider-question.ts';
import { IotError } from '../../src/protocol/errors.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';

/** What the wall clock of each question says. */
export const NOW = Date.parse('2026-11-23T12:00:00Z');
export const inMs = (ms: number): Date => new Date(NOW + ms);

/** Looks like what AWS gives, and shows where it came from. */
export const keysOf = (place: string) => ({
  accessKeyId: `AKIA${place.toUpperCase()}0000EXAMPLE`,
  secretAccessKey: `secret/${place}+wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY=`,
});
export const withToken = (place: string) => ({
  ...keysOf(place),
  sessionToken: `token/${place}+=IQoJb3JpZ2luX2VjEJrEXAMPLETOKEN==`,
});

/** One question, as a sign-in asks it. */
export function question(
  changes: Partial<CredentialQuestion> = {},
): CredentialQuestion & { clock: SimulatedClock } {
  return {
    forceRefresh: false,
    signal: new AbortController().signal,
    wallClock: () => NOW,
    ...changes,
    clock: (changes.clock as SimulatedClock | undefined) ?? new SimulatedClock(),
  };
}

/** What a promise rejects with, which must be an error of ours. */
export async function failureOf(promise: Promise<unknown>): Promise<IotError> {
  const error = await promise.then(
    (value) => new Error(`it resolved with ${inspect(value)}`),
    (reason: unknown) => reason,
  );
  if (!IotError.is(error)) throw error;
  return error;
}

/** All that an app or a log could ever show of it. */
export const shown = (value: unknown): string =>
  [inspect(value, { depth: 9, showHidden: true, getters: true }), JSON.stringify(value), String(value)].join(
    '\n',
  );

/** An environment without any credentials, and where the AWS SDK finds none either; the home is an empty folder. */
export function useEmptyEnvironment(): {
  readonly folder: string;
  file(path: string, text: string): Promise<string>;
} {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'credentials-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('HOME', join(folder, 'home'));
    vi.stubEnv('USERPROFILE', join(folder, 'home'));
  });
  return {
    get folder() {
      return folder;
    },
    async file(path, text) {
      const whole = join(folder, path);
      await mkdir(dirname(whole), { recursive: true });
      await writeFile(whole, text, { mode: 0o600 });
      return whole;
    },
  };
}
