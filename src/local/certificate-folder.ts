import { createHash, createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { IotError } from '../protocol/errors.ts';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/** A certificate and its key, both PEM. */
export interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
}

/** Where the two of them are. */
export interface CertifiedKeyPaths {
  readonly cert: string;
  readonly key: string;
}

/**
 * The certificates of a core, in the directory that it was given:
 *
 *     certificates/               0700, its files 0600; git ignores it
 *       ca.pem, ca.key            whom the devices trust
 *       server.pem, server.key
 *       devices/<name>.pem, .key  one of each device
 *
 * In a folder of its own, so that nobody else's directory is narrowed. It throws `STORE_FAILED`.
 */
export class CertificateFolder {
  readonly ca: CertifiedKeyPaths;
  readonly server: CertifiedKeyPaths;
  readonly #path: string;

  constructor(directory: string) {
    this.#path = resolve(directory, 'certificates');
    this.ca = this.#paths('ca');
    this.server = this.#paths('server');
  }

  device(clientId: string): CertifiedKeyPaths {
    return this.#paths('devices', fileNameOf(clientId));
  }

  /** Undefined when neither of them is there. What is there may be anything. */
  async read(paths: CertifiedKeyPaths): Promise<CertifiedKey | undefined> {
    const [cert, key] = await this.#try(() => Promise.all([textOf(paths.cert), textOf(paths.key)]));
    if (cert === undefined && key === undefined) return undefined;
    return { cert: cert ?? '', key: key ?? '' };
  }

  async write(paths: CertifiedKeyPaths, { cert, key }: CertifiedKey): Promise<void> {
    await this.#try(async () => {
      await mkdir(dirname(paths.cert), { recursive: true, mode: 0o700 });
      // The directory may well be in a checkout: keys do not belong into what is published.
      await replace(join(this.#path, '.gitignore'), '*\n');
      await replace(paths.key, key);
      await replace(paths.cert, cert);
    });
  }

  #paths(...names: readonly string[]): CertifiedKeyPaths {
    const path = join(this.#path, ...names);
    return { cert: `${path}.pem`, key: `${path}.key` };
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code = 'unknown' } = error as { code?: string };
      throw new IotError('STORE_FAILED', `the certificates of the local core cannot be kept: ${code}`, {
        remediation: `Make sure that this process may read and write ${this.#path}.`,
        cause: error,
      });
    }
  }
}

/**
 * Why a certificate and its key are of no use at this time; undefined when they are.
 *
 * @param issuer who must have signed it, PEM
 */
export function faultOf({ cert, key }: CertifiedKey, issuer: string, now: number): string | undefined {
  try {
    const certificate = new X509Certificate(cert);
    if (!certificate.verify(new X509Certificate(issuer).publicKey)) return 'is of another authority';
    if (!certificate.checkPrivateKey(createPrivateKey(key))) return 'does not fit its key';
    return Date.parse(certificate.validTo) > now ? undefined : `has expired (${certificate.validTo})`;
  } catch {
    return 'or its key cannot be read';
  }
}

/** A client id may be longer than a file's name, mean another folder, or differ from another one by its case only. */
function fileNameOf(clientId: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,99}$/.test(clientId)) return clientId;
  const hash = createHash('sha256').update(clientId).digest('hex');
  return `${clientId.replace(/[^\w-]+/g, '_').slice(0, 60)}.${hash.slice(0, 16)}`;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    // A copy, or a checkout, may have made it readable for others.
    if ((mode & OTHERS) !== 0) await chmod(path, OWNER_ONLY);
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** All of it or nothing, and never through a link that somebody has put there. */
async function replace(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomUUID()}`;
  try {
    await writeFile(fresh, text, { mode: OWNER_ONLY, flag: 'wx' });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}
