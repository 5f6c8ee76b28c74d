import { loadOptionalPeer } from '../protocol/optional-peer.ts';
import { levelCodeOf, rootOf } from './level-errors.ts';

export type LevelOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

/** What we need of `level`. Its own types would ask each user of ours to have it installed. */
export interface LevelDatabase {
  open(options: { readonly createIfMissing: boolean }): Promise<void>;
  batch(operations: readonly LevelOperation[], options: { readonly sync: boolean }): Promise<void>;
  iterator(options: LevelRange): LevelIterator;
  close(): Promise<void>;
}

interface LevelRange {
  readonly gt: string;
  readonly lt: string;
  /** How much one `nextv` reads at most, and something more. */
  readonly highWaterMarkBytes: number;
}

interface LevelIterator {
  nextv(size: number): Promise<[key: string, value: Uint8Array][]>;
  close(): Promise<void>;
}

export interface LevelPackage {
  readonly Level: {
    new (location: string, options: { readonly valueEncoding: 'view' }): LevelDatabase;
    repair(location: string): Promise<void>;
  };
}

const PEER = { name: 'level', neededBy: 'a durable queue', install: 'npm install level@10' };

export async function loadLevel(): Promise<LevelPackage> {
  return (await loadOptionalPeer(PEER, () => import('level'))) as unknown as LevelPackage;
}

/**
 * Opens it, and repairs it first when it has to be: what then is lost is only what cannot be read.
 *
 * @param location where it is
 * @param isDamaged that it must be repaired is known already
 */
export async function openLevel(
  { Level }: LevelPackage,
  location: string,
  isDamaged: boolean,
): Promise<LevelDatabase> {
  const database = new Level(location, { valueEncoding: 'view' });
  try {
    // Opened also when it is damaged, because that tells whether another process has it.
    await database.open({ createIfMissing: !isDamaged });
    if (!isDamaged) return database;
    await database.close();
  } catch (error) {
    if (!isCurable(error)) throw error;
  }
  await Level.repair(location);
  const repaired = new Level(location, { valueEncoding: 'view' });
  await repaired.open({ createIfMissing: true });
  return repaired;
}

/** Damaged, or without one of the files that it cannot begin without. */
function isCurable(error: unknown): boolean {
  if (levelCodeOf(error) === 'LEVEL_CORRUPTION') return true;
  const { message } = rootOf(error) as { message?: unknown };
  return /does not exist \(create_if_missing|MANIFEST-\d+: No such file/.test(String(message));
}
