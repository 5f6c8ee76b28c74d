import { IotError } from './errors.ts';

/** A package that only some apps need, and that they install themselves. */
export interface OptionalPeer {
  readonly name: string;
  /** What of ours needs it, to begin a sentence with. */
  readonly neededBy: string;
  /** The one command that installs it. */
  readonly install: string;
}

/** Loads an optional peer; one that is not installed is an error that names the one command to run. */
export async function loadOptionalPeer<T>(peer: OptionalPeer, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!isMissing(cause, peer.name)) throw cause;
    throw new IotError(
      'MISSING_PACKAGE',
      `${peer.neededBy} needs the package ${peer.name}, which is not installed`,
      { remediation: `run: ${peer.install}`, cause },
    );
  }
}

/** As Node says it; or Vite, which bundles a page without an optional peer and has this thrown in its place. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const words = String(message);
  return code === 'ERR_MODULE_NOT_FOUND'
    ? words.includes(`'${name}'`)
    : words.startsWith(`Could not resolve "${name}"`);
}
