import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { describe, IotError, invalid, invalidSecret } from '../protocol/errors.ts';
import type { PemSource } from './authentication.ts';

/** Where a PEM text comes from: given as text, or read from a file for each attempt. */
type Origin = { readonly text: string } | { readonly path: string };

/** A PEM text that was read for one attempt. */
interface Pem {
  readonly text: string;
  /** Absent when the text was given in the options. */
  readonly path: string | undefined;
}

const PEM_BEGIN = '-----BEGIN';
/** Base64 of DER begins with M (a SEQUENCE). Such text is a key or certificate without its PEM lines, not a path. */
const BARE_BASE64 = /^M[A-Za-z0-9+/]{59,}=*$/;

/**
 * A PEM option: text, bytes or a path. A path is read again at each `read()`, so that a rotated file is used at the
 * next attempt. Its content shows in no property.
 */
export class PemOption {
  readonly #field: string;
  readonly #origin: Origin;

  /** @param field the name of the option, for errors. */
  constructor(field: string, source: unknown) {
    this.#field = field;
    this.#origin = originOf(field, source);
  }

  async read(signal?: AbortSignal): Promise<Pem> {
    if ('text' in this.#origin) return { text: this.#origin.text, path: undefined };
    const { path } = this.#origin;
    try {
      const text = await readFile(path, { encoding: 'utf8', ...(signal === undefined ? {} : { signal }) });
      return { text, path };
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#unreadable(
        `the file cannot be read (${codeOf(cause)})`,
        'Check that the file exists and that this process may read it.',
        cause,
      );
    }
  }

  /** The path, if users other than the owner may read the file. Never for text, never on Windows. */
  async pathReadableByOthers(): Promise<string | undefined> {
    if ('text' in this.#origin || process.platform === 'win32') return undefined;
    const { path } = this.#origin;
    try {
      return ((await stat(path)).mode & 0o044) === 0 ? undefined : path;
    } catch {
      return undefined;
    }
  }

  /** The error that this option's content cannot be used, naming the option and, if there is one, the path. */
  unusable(pem: Pem, why: string, remediation: string, cause?: unknown): IotError {
    if (pem.path !== undefined) return this.#unreadable(why, remediation, cause);
    return new IotError('CREDENTIAL_UNREADABLE', `${this.#field}: ${why}`, { remediation, cause });
  }

  #unreadable(why: string, remediation: string, cause: unknown): IotError {
    const where = 'path' in this.#origin ? ` (${describe(this.#origin.path)})` : '';
    return new IotError('CREDENTIAL_UNREADABLE', `${this.#field}${where}: ${why}`, { remediation, cause });
  }
}

/** Checks, when the options are given, what can be known without reading a file. */
export function checkAuthorities(ca: unknown): void {
  if (ca !== undefined) new PemOption('ca', ca);
}

function originOf(field: string, source: unknown): Origin {
  const mayBe = 'a path, PEM text or the bytes of a PEM text';
  if (source instanceof Uint8Array) {
    const { buffer, byteOffset, byteLength } = source;
    // Bytes that were transferred to a worker have no length, and nothing that could be read.
    const text = byteLength === 0 ? '' : Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
    if (!text.includes(PEM_BEGIN)) throw invalid(field, mayBe, source);
    return { text };
  }
  if (typeof source !== 'string') throw invalidSecret(field, mayBe, source);
  if (source.includes(PEM_BEGIN)) return { text: source };
  // From here on the text may be shown as a path, so nothing that could be a secret may pass.
  if (source === '' || /[\0\r\n]/.test(source) || BARE_BASE64.test(source)) {
    throw invalidSecret(field, mayBe, source);
  }
  return { path: source };
}

/** A certificate and its key, checked and ready for TLS. */
export interface ClientIdentity {
  readonly cert: string;
  readonly key: string;
}

/** The options of a device's identity. */
export interface IdentityOptions {
  readonly cert: PemOption;
  readonly key: PemOption;
  readonly passphrase: string | undefined;
}

/**
 * Reads certificate and key and checks, before anything is dialed, all that a broker would answer with a mute alert:
 * that both parse, belong together, and that the certificate is valid now.
 */
export async function readIdentity(
  options: IdentityOptions,
  wallClock: () => number,
  signal?: AbortSignal,
): Promise<ClientIdentity> {
  const [cert, key] = await Promise.all([options.cert.read(signal), options.key.read(signal)]);
  const certificate = parseCertificate(options.cert, cert);
  const privateKey = parseKey(options.key, key, options.passphrase);
  if (!certificate.checkPrivateKey(privateKey)) throw mismatch(cert, key);
  checkDates(certificate, wallClock());
  return { cert: cert.text, key: key.text };
}

/** Reads the authorities and checks that each of them is a certificate. */
export async function readAuthorities(source: PemSource, signal?: AbortSignal): Promise<string> {
  const ca = new PemOption('ca', source);
  const pem = await ca.read(signal);
  const blocks = pem.text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  const advice = 'Set `ca` to PEM certificates, each from its BEGIN CERTIFICATE to its END CERTIFICATE line.';
  if (blocks === null) throw ca.unusable(pem, 'there is no PEM certificate in it', advice);
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw ca.unusable(pem, 'a certificate in it cannot be parsed', advice, cause);
    }
  }
  return pem.text;
}

function parseCertificate(option: PemOption, pem: Pem): X509Certificate {
  try {
    return new X509Certificate(pem.text);
  } catch (cause) {
    const why = 'it is not a PEM certificate';
    const advice = 'Give the certificate as PEM, from its BEGIN CERTIFICATE to its END CERTIFICATE line.';
    if (pem.path !== undefined) throw option.unusable(pem, why, advice, cause);
    throw new IotError('CLIENT_CERTIFICATE_INVALID', `cert: ${why}`, { remediation: advice, cause });
  }
}

function parseKey(option: PemOption, pem: Pem, passphrase: string | undefined): KeyObject {
  const encrypted = /ENCRYPTED/.test(pem.text);
  try {
    return createPrivateKey(passphrase === undefined ? pem.text : { key: pem.text, passphrase });
  } catch {
    // OpenSSL's own error stays here: it adds nothing that the message does not say.
    if (encrypted && passphrase === undefined) {
      throw option.unusable(pem, 'the key is encrypted and there is no passphrase', 'Set `passphrase`.');
    }
    if (encrypted) {
      throw option.unusable(pem, 'the passphrase does not decrypt the key', 'Check `passphrase`.');
    }
    throw option.unusable(
      pem,
      'it is not a PEM private key',
      'Give the private key as PEM, from its BEGIN … PRIVATE KEY to its END … PRIVATE KEY line.',
    );
  }
}

/** With files a rotation may be half done: then the next attempt can find a pair that fits. */
function mismatch(cert: Pem, key: Pem): IotError {
  const fromFiles = [cert.path, key.path]
    .filter((path) => path !== undefined)
    .map((path) => describe(path))
    .join(', ');
  return new IotError(
    fromFiles === '' ? 'KEY_MISMATCH' : 'KEY_FILE_MISMATCH',
    `the private key does not belong to the certificate${fromFiles === '' ? '' : ` (${fromFiles})`}`,
    { remediation: 'Give the private key that was made together with this certificate.' },
  );
}

function checkDates(certificate: X509Certificate, now: number): void {
  const clock = `this device's clock says ${new Date(now).toISOString()}`;
  const from = Date.parse(certificate.validFrom);
  const until = Date.parse(certificate.validTo);
  if (now < from) {
    throw new IotError(
      'CLIENT_CERTIFICATE_NOT_YET_VALID',
      `this device's certificate is not valid before ${new Date(from).toISOString()}; ${clock}`,
      { remediation: "Set this device's clock: it is probably behind." },
    );
  }
  if (now > until) {
    throw new IotError(
      'CLIENT_CERTIFICATE_EXPIRED',
      `this device's certificate expired at ${new Date(until).toISOString()}; ${clock}`,
      { remediation: "Renew the certificate, or set this device's clock if it is ahead." },
    );
  }
}

function codeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : 'unknown';
}
