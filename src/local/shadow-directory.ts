import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { readJson } from '../protocol/bounded-json.ts';
import { IotError } from '../protocol/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../protocol/shadow-state.ts';
import { shadowTitle, validateShadowAddress } from '../protocol/shadow-topics.ts';
import { DirectoryLock } from './directory-lock.ts';
import type { ShadowDocument } from './shadow-document.ts';
import type { ShadowKeeper, StoredShadow } from './shadow-store.ts';

const ENDING = '.json';
const UNFINISHED = '.new';
const DAMAGED = '.damaged';
/** Many times what a document of 8 KB has with its metadata. */
const BOUNDS = { maxBytes: 64 * 1024 * 1024, maxLevels: 200 };

/**
 * The shadows of a core, in the directory that it was given: one file each, which a change replaces as a whole before anybody is
 * told of it.
 *
 *     shadows/          0700, its files 0600
 *       lock            the number of the process that has them
 *       <hash>.json     a shadow, or the counter of one that was deleted
 *
 * Names of things may differ by their case only and have colons, so files are called by a hash, and say the name inside.
 */
export class ShadowDirectory implements ShadowKeeper {
  readonly #path: string;
  readonly #warn: (what: string) => void;
  #lock: DirectoryLock | undefined;

  constructor(directory: string, warn: (what: string) => void) {
    this.#path = resolve(directory, 'shadows');
    this.#warn = warn;
  }

  /** @throws IotError `STORE_LOCKED`, `STORE_FAILED` */
  open(): StoredShadow[] {
    try {
      mkdirSync(this.#path, { recursive: true, mode: 0o700 });
      chmodSync(this.#path, 0o700);
      this.#lock = new DirectoryLock(this.#path);
      return this.#load();
    } catch (error) {
      if (IotError.is(error)) throw error;
      const { code = 'unknown' } = error as { code?: string };
      throw new IotError('STORE_FAILED', `the shadows of the local core cannot be kept: ${code}`, {
        remediation: `Make sure that this process may read and write ${this.#path}.`,
        cause: error,
      });
    }
  }

  keep(shadow: StoredShadow): void {
    const path = join(this.#path, fileOf(shadow));
    // With a name of its own it would be left for ever when its writing fails.
    writeFileSync(path + UNFINISHED, JSON.stringify(recordOf(shadow)), { mode: 0o600 });
    renameSync(path + UNFINISHED, path);
  }

  close(): void {
    this.#lock?.free();
  }

  #load(): StoredShadow[] {
    const files = readdirSync(this.#path);
    for (const file of files) if (file.endsWith(UNFINISHED)) rmSync(join(this.#path, file), { force: true });
    return files.filter((file) => file.endsWith(ENDING)).flatMap((file) => this.#read(file));
  }

  #read(file: string): StoredShadow[] {
    const path = join(this.#path, file);
    const reading = readJson(readFileSync(path), BOUNDS);
    const shadow = 'value' in reading ? shadowOf(reading.value) : undefined;
    if (shadow !== undefined && fileOf(shadow) === file) return [shadow];
    renameSync(path, path + DAMAGED);
    this.#warn(`found a damaged shadow and starts it anew; what is left of it is ${path + DAMAGED}`);
    return [];
  }
}

function fileOf({ address }: StoredShadow): string {
  return createHash('sha256').update(shadowTitle(address)).digest('hex') + ENDING;
}

function recordOf({ address, document, lastVersion, deletedAt }: StoredShadow): object {
  return { ...address, lastVersion, deletedAt, document };
}

/** Undefined when it is no record. */
function shadowOf(record: JsonValue): StoredShadow | undefined {
  if (!isJsonObject(record)) return undefined;
  const { thingName, shadowName, lastVersion, deletedAt, document } = record as Partial<JsonObject>;
  if (!isVersion(lastVersion)) return undefined;
  try {
    const address = validateShadowAddress(thingName, shadowName);
    if (isDocument(document, lastVersion)) return { address, document, lastVersion, deletedAt: undefined };
    return isTime(deletedAt) ? { address, document: undefined, lastVersion, deletedAt } : undefined;
  } catch {
    return undefined;
  }
}

function isDocument(value: JsonValue | undefined, lastVersion: number): value is JsonObject & ShadowDocument {
  if (!isJsonObject(value)) return false;
  const { state, metadata, version } = value as Partial<JsonObject>;
  return isSections(state) && isSections(metadata) && version === lastVersion;
}

function isSections(value: JsonValue | undefined): boolean {
  if (!isJsonObject(value)) return false;
  return Object.entries(value).every(
    ([name, section]) => (name === 'desired' || name === 'reported') && isJsonObject(section),
  );
}

const isVersion = (value: JsonValue | undefined): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 1;

const isTime = (value: JsonValue | undefined): value is number => typeof value === 'number';
