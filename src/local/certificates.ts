import type { generate, SelfsignedOptions } from 'selfsigned';

import { describe } from '../protocol/errors.ts';
import {
  CertificateFolder,
  type CertifiedKey,
  type CertifiedKeyPaths,
  faultOf,
} from './certificate-folder.ts';
import { loadPeer } from './peers.ts';
import type { LocalIotCoreWarning } from './warning.ts';

/** The certificate authority of one local core. */
export interface CertificateAuthority {
  /** The certificate to trust, PEM. */
  readonly ca: string;
  /** For `localhost`, `127.0.0.1` and `::1`. */
  readonly server: CertifiedKey;
  /** The certificate of one device, made when it is first asked for. */
  device(clientId: string): Promise<CertifiedKey>;
}

export interface AuthorityOptions {
  /** Where it and its certificates are kept. Without one they live in memory, and nothing of them is written to a disk. */
  readonly directory: string | undefined;
  readonly warn: (warning: LocalIotCoreWarning) => void;
}

// Elliptic curve keys are made in a few milliseconds. The digest is named because selfsigned's own default, SHA-1, is
// refused by today's OpenSSL.
const KIND: SelfsignedOptions = { keyType: 'ec', algorithm: 'sha256' };

const LOOPBACK_NAMES = [
  { type: 2, value: 'localhost' },
  { type: 7, ip: '127.0.0.1' },
  { type: 7, ip: '::1' },
] as const;

/** What devices hold lasts, as it does at AWS; browsers accept no server's certificate that lasts longer than a year. */
const YEARS = { root: 20, device: 20, server: 1 } as const;
const DAY_MS = 86_400_000;

type Generate = typeof generate;
type Extensions = SelfsignedOptions['extensions'] & {};

/** Throws `STORE_FAILED` when the directory cannot be read or written. */
export async function createCertificateAuthority(options: AuthorityOptions): Promise<CertificateAuthority> {
  const selfsigned = await loadPeer('selfsigned', () => import('selfsigned'));
  const kept = new Kept(options);
  const root = await kept.orMade(
    'its authority',
    (folder) => folder.ca,
    undefined,
    () => makeRoot(selfsigned.generate),
  );
  const issue = (years: number, commonName: string, extensions: Extensions): Promise<CertifiedKey> =>
    makeLeaf(selfsigned.generate, root, { years, commonName, extensions });

  const server = await kept.orMade(
    'its server',
    (folder) => folder.server,
    root,
    () =>
      issue(YEARS.server, 'localhost', [
        { name: 'extKeyUsage', serverAuth: true },
        { name: 'subjectAltName', altNames: [...LOOPBACK_NAMES] },
      ]),
  );

  // The name that AWS writes into the certificates it makes: the client id is no part of them.
  const makeDevice = (): Promise<CertifiedKey> =>
    issue(YEARS.device, 'AWS IoT Certificate', [{ name: 'extKeyUsage', clientAuth: true }]);
  const devices = new Map<string, Promise<CertifiedKey>>();
  return {
    ca: root.cert,
    server,
    device(clientId) {
      const known =
        devices.get(clientId) ??
        kept.orMade(`client ${describe(clientId)}`, (folder) => folder.device(clientId), root, makeDevice);
      devices.set(clientId, known);
      // What could not be kept may be the next time.
      known.catch(() => devices.delete(clientId));
      return known;
    },
  };
}

async function makeRoot(generateCertificate: Generate): Promise<CertifiedKey> {
  const made = await generateCertificate([{ name: 'commonName', value: 'aws-iot-machines local core' }], {
    ...KIND,
    ...validFor(YEARS.root),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

interface Leaf {
  readonly years: number;
  readonly commonName: string;
  readonly extensions: Extensions;
}

async function makeLeaf(
  generateCertificate: Generate,
  root: CertifiedKey,
  { years, commonName, extensions }: Leaf,
): Promise<CertifiedKey> {
  const made = await generateCertificate([{ name: 'commonName', value: commonName }], {
    ...KIND,
    ...validFor(years),
    ca: root,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      ...extensions,
    ],
  });
  return Object.freeze({ cert: made.cert, key: made.private });
}

function validFor(years: number): Pick<SelfsignedOptions, 'notBeforeDate' | 'notAfterDate'> {
  const now = Date.now();
  // A device whose clock is behind trusts it too.
  return { notBeforeDate: new Date(now - DAY_MS), notAfterDate: new Date(now + years * 365 * DAY_MS) };
}

/** What is found in the directory, when there is one. */
class Kept {
  readonly #folder: CertificateFolder | undefined;
  readonly #warn: AuthorityOptions['warn'];

  constructor({ directory, warn }: AuthorityOptions) {
    this.#folder = directory === undefined ? undefined : new CertificateFolder(directory);
    this.#warn = warn;
  }

  /** What was kept, when it is still good; else it is made, and kept. */
  async orMade(
    whose: string,
    pathsIn: (folder: CertificateFolder) => CertifiedKeyPaths,
    issuer: CertifiedKey | undefined,
    make: () => Promise<CertifiedKey>,
  ): Promise<CertifiedKey> {
    if (this.#folder === undefined) return make();
    const paths = pathsIn(this.#folder);
    const found = await this.#folder.read(paths);
    if (found !== undefined) {
      const fault = faultOf(found, issuer?.cert ?? found.cert, Date.now());
      if (fault === undefined) return found;
      const message = `the local core made a new certificate of ${whose}: ${paths.cert} ${fault}`;
      this.#warn({ code: 'REPLACED', clientId: undefined, message });
    }
    const made = await make();
    await this.#folder.write(paths, made);
    return made;
  }
}
