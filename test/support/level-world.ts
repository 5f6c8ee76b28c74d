import { cp, lstat, mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';

import { levelStore } from '../../src/adapters/level-store.ts';
import type { SyncPolicy } from '../../src/adapters/level-syncing.ts';
import type { OpenStore, StoreChange, StoreRecord } from '../../src/protocol/queue-store.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';

/** The path of a queue that is not there yet, in a folder that goes with the test. */
export async function freshPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aws-iot-machines-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, 'queue');
}

export async function openAt(
  directory: string,
  sync: SyncPolicy = 'never',
  clock = new SimulatedClock(),
): Promise<OpenStore> {
  const store = await levelStore({ directory, sync }).open(clock);
  onTestFinished(() => store.close());
  return store;
}

export const put = (number: number, text: string): StoreChange => ({ number, value: Buffer.from(text) });
export const drop = (number: number): StoreChange => ({ number, value: undefined });

export async function recordsOf(store: OpenStore): Promise<StoreRecord[]> {
  const records: StoreRecord[] = [];
  for await (const some of store.read()) records.push(...some);
  return records;
}

/** What is in it: the text of each number. */
export async function textsOf(store: OpenStore): Promise<[number, string][]> {
  return (await recordsOf(store)).map(({ number, value }) => [number, Buffer.from(value).toString()]);
}

/** The same of the store at a path that nobody has open. */
export async function textsAt(directory: string): Promise<[number, string][]> {
  const store = await openAt(directory);
  const texts = await textsOf(store);
  await store.close();
  return texts;
}

/** Files of LevelDB with this ending, the newest last. */
export async function levelFiles(directory: string, ending: '.log' | '.ldb'): Promise<string[]> {
  const messages = join(directory, 'messages');
  const names = (await readdir(messages)).filter((name) => name.endsWith(ending)).sort();
  return names.map((name) => join(messages, name));
}

export async function newestLog(directory: string): Promise<string> {
  return (await levelFiles(directory, '.log')).at(-1)!;
}

/** A copy of the store in which one of its files has only this many bytes, as after a power cut. */
export async function cutCopy(path: string, file: string, size: number): Promise<string> {
  const copy = await freshPath();
  await cp(path, copy, { recursive: true });
  await truncate(join(copy, relative(path, file)), size);
  return copy;
}

/** Everything below a path: its mode, when it was changed, and its bytes. */
export async function everythingIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = [folder, ...entries.map((entry) => join(entry.parentPath, entry.name))];
  const described = paths.map(async (path) => {
    const status = await lstat(path, { bigint: true });
    const bytes = status.isFile() ? await readFile(path, 'base64') : '';
    return [
      relative(folder, path),
      `${status.mode.toString(8)} ${status.mtimeNs} ${status.ctimeNs} ${bytes}`,
    ] as const;
  });
  return Object.fromEntries(await Promise.all(described));
}
