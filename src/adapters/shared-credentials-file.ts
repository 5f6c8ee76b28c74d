import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * One profile of a credentials file, or why there is none. Source of the format:
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export type ProfileReading =
  | { readonly settings: ReadonlyMap<string, string>; readonly readableByOthers: boolean }
  | { readonly none: string };

/** The file that all AWS tools share; undefined when this user has no home. */
export function sharedCredentialsPath(fromEnvironment: string | undefined): string | undefined {
  const home = homeDirectory();
  if (fromEnvironment === undefined)
    return home === undefined ? undefined : join(home, '.aws', 'credentials');
  const inHome = /^~[/\\](.*)$/s.exec(fromEnvironment)?.[1];
  return inHome === undefined || home === undefined ? fromEnvironment : join(home, inHome);
}

function homeDirectory(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

/** Reads the file anew. Shows no line of it: which of them are secrets is not known when it is not well formed. */
export async function readProfile(
  path: string,
  profile: string,
  signal: AbortSignal,
): Promise<ProfileReading> {
  try {
    // Opening a pipe would wait for its writer, and hold a thread that all files of this process need.
    const file = await stat(path);
    if (!file.isFile()) return { none: 'it is not a regular file' };
    const settings = parseProfiles(await readFile(path, { encoding: 'utf8', signal })).get(profile);
    if (settings === undefined) return { none: 'it has no such profile' };
    return { settings, readableByOthers: process.platform !== 'win32' && (file.mode & 0o044) !== 0 };
  } catch (error) {
    signal.throwIfAborted();
    const { code } = error as NodeJS.ErrnoException;
    return { none: code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'unknown'})` };
  }
}

type Profiles = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** What cannot be understood is left out, as all AWS tools do. Of a setting that is there twice the last one counts. */
export function parseProfiles(text: string): Profiles {
  const profiles = new Map<string, Map<string, string>>();
  let settings: Map<string, string> | undefined;
  /** How far the setting is indented that what follows may be a part of. */
  let parentIndent = Number.POSITIVE_INFINITY;
  for (const line of text.split(/\r\n|\r|\n/)) {
    // A byte order mark is a blank too.
    const content = withoutComment(line).trim();
    const section = /^\[(.*)\]$/.exec(content)?.[1]?.trim();
    if (section !== undefined) {
      settings = profiles.get(section) ?? new Map<string, string>();
      profiles.set(section, settings);
      parentIndent = Number.POSITIVE_INFINITY;
      continue;
    }
    const indent = line.length - line.trimStart().length;
    const equals = content.indexOf('=');
    if (settings === undefined || equals < 1 || indent > parentIndent) continue;
    const value = content.slice(equals + 1).trim();
    settings.set(content.slice(0, equals).trim().toLowerCase(), value);
    parentIndent = value === '' ? indent : Number.POSITIVE_INFINITY;
  }
  return profiles;
}

/** `#` and `;` begin a comment at the start of a line and after a blank: keys can hold neither. */
function withoutComment(line: string): string {
  const comment = line.search(/(^|\s)[#;]/);
  return comment === -1 ? line : line.slice(0, comment);
}
