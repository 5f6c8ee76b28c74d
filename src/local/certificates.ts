import type { SelfsignedOptions } from 'selfsigned';

import { loadPeer } from './peers.ts';

/** A certificate and its key, both PEM. */
interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
}

/**
 * The certificate authority of one local core. It lives in memory for as long as the core does; nothing of it is ever
 * written to a disk.
 */
export interface CertificateAuthority {
  /** The certificate to trust, PEM. */
  readonly ca: string;
  /** For `localhost`, `127.0.0.1` and `::1`. */
  readonly server: CertifiedKey;
  /** The certificate of one device, made when it is first asked for. */
  device(clientId: string): Promise<CertifiedKey>;
}

// Elliptic curve keys are made in a few milliseconds. The digest is named because selfsigned's own default, SHA-1, is
// refused by today's OpenSSL.
const KIND: SelfsignedOptions = { keyType: 'ec', algorithm: 'sha256' };

const LOOPBACK_NAMES = [
  { type: 2, value: 'localhost' },
  { type: 7, ip: '127.0.0.1' },
  { type: 7, ip: '::1' },
] as const;

export async function createCertificateAuthority(): Promise<CertificateAuthority> {
  const { generate } = await loadPeer('selfsigned', () => import('selfsigned'));

  const root = await generate([{ name: 'commonName', value: 'aws-iot-machines local core' }], {
    ...KIND,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });

  const issue = async (
    commonName: string,
    extensions: SelfsignedOptions['extensions'] & {},
  ): Promise<CertifiedKey> => {
    const made = await generate([{ name: 'commonName', value: commonName }], {
      ...KIND,
      ca: { key: root.private, cert: root.cert },
      extensions: [
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        ...extensions,
      ],
    });
    return Object.freeze({ cert: made.cert, key: made.private });
  };

  const server = await issue('localhost', [
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: [...LOOPBACK_NAMES] },
  ]);

  const devices = new Map<string, Promise<CertifiedKey>>();
  return {
    ca: root.cert,
    server,
    device(clientId) {
      // The name that AWS writes into the certificates it makes: the client id is no part of them.
      const known =
        devices.get(clientId) ?? issue('AWS IoT Certificate', [{ name: 'extKeyUsage', clientAuth: true }]);
      devices.set(clientId, known);
      return known;
    },
  };
}
