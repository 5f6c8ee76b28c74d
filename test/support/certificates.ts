import { generate } from 'selfsigned';

/** A certificate and its private key, as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  readonly name?: string;
  readonly altNames?: readonly ({ type: 2; value: string } | { type: 7; ip: string })[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly passphrase?: string;
}

const DAY_MS = 86_400_000;
const attributes = (name: string) => [{ name: 'commonName', value: name }];

/** A certificate authority of this run; nothing of it is stored. */
export async function makeAuthority(name = 'Test Root'): Promise<Pair> {
  const made = await generate(attributes(name), {
    algorithm: 'sha256',
    keyType: 'ec',
    notBeforeDate: new Date(Date.now() - 3_650 * DAY_MS),
    notAfterDate: new Date(Date.now() + 365 * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** A certificate for a server or a device, signed by `authority`. By default valid now, for localhost and 127.0.0.1. */
export async function makeLeaf(authority: Pair, options: LeafOptions = {}): Promise<Pair> {
  const { name = 'localhost', passphrase } = options;
  const altNames = options.altNames ?? [
    { type: 2, value: 'localhost' },
    { type: 7, ip: '127.0.0.1' },
  ];
  const made = await generate(attributes(name), {
    algorithm: 'sha256',
    keyType: 'ec',
    ca: authority,
    notBeforeDate: options.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfterDate: options.notAfter ?? new Date(Date.now() + DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: [...altNames] },
    ],
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  return { cert: made.cert, key: made.private };
}
