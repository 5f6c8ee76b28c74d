import { createSecureContext } from 'node:tls';
import { invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type {
  Authentication,
  ConnectTarget,
  OpenStream,
  PemSource,
  SignInContext,
} from './authentication.ts';
import {
  checkAuthorities,
  type IdentityOptions,
  PemOption,
  readAuthorities,
  readIdentity,
} from './certificates.ts';
import { type CredentialOptions, Credentials } from './credentials.ts';
import { openTls } from './sockets.ts';

export interface MutualTlsOptions extends CredentialOptions {
  /** The device's certificate, with intermediate certificates after it: a path, or PEM. */
  readonly cert: PemSource;
  /** The private key of the certificate: a path, or PEM. */
  readonly key: PemSource;
  /** Decrypts the key, when it is encrypted. */
  readonly passphrase?: string;
}

/** On port 443 AWS IoT Core tells MQTT with client certificates from HTTPS by this ALPN name. */
const ALPN_ON_443 = 'x-amzn-mqtt-ca';

class MutualTls implements Authentication {
  readonly kind = 'mutualTls';
  readonly #identity: IdentityOptions;
  readonly #credentials: Credentials;
  readonly #warned = new Set<string>();

  constructor(identity: IdentityOptions, credentials: Credentials) {
    this.#identity = identity;
    this.#credentials = credentials;
    Object.freeze(this);
  }

  defaultPort(): number {
    return 8883;
  }

  /** Every endpoint and port may speak TLS. */
  validate({ ca }: ConnectTarget): void {
    checkAuthorities(ca);
  }

  async signIn(context: SignInContext): Promise<OpenStream> {
    const { endpoint, port, signal } = context;
    const identity = await readIdentity(this.#identity, context.wallClock, signal);
    const ca = context.ca === undefined ? undefined : await readAuthorities(context.ca, signal);
    await this.#warnAboutKeyFile(context.warn);
    const { passphrase } = this.#identity;
    const secureContext = createSecureContext({
      minVersion: 'TLSv1.2',
      ...identity,
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(ca === undefined ? {} : { ca }),
    });
    const alpn = port === 443 ? { alpn: ALPN_ON_443 } : {};
    return async (dialing) => ({
      ...(await openTls(endpoint, port, { secureContext, ...alpn }, dialing)),
      credentials: this.#credentials,
    });
  }

  async #warnAboutKeyFile(warn: SignInContext['warn']): Promise<void> {
    if (warn === undefined) return;
    const path = await this.#identity.key.pathReadableByOthers();
    if (path === undefined || this.#warned.has(path)) return;
    this.#warned.add(path);
    warn(`the private key file ${path} can be read by other users of this device; \`chmod 600\` mends it`);
  }
}

/**
 * Sign-in with a client certificate: port 8883, or 443 (with ALPN). Paths are read again for each attempt, so a rotated
 * certificate is used at the next connect.
 */
export function mutualTls(options: MutualTlsOptions): Authentication {
  checkFields('mutualTls()', options, ['cert', 'key', 'passphrase', 'username', 'password'], invalidSecret);
  const { passphrase } = options;
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw invalidSecret('passphrase', 'a string', passphrase);
  }
  const identity = {
    cert: new PemOption('cert', options.cert),
    key: new PemOption('key', options.key),
    passphrase,
  };
  return new MutualTls(identity, new Credentials(options));
}
