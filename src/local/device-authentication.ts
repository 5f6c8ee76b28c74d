import type { Authentication, ConnectTarget, OpenStream, SignInContext } from '../adapters/authentication.ts';
import { checkAuthorities } from '../adapters/certificates.ts';
import { mutualTls } from '../adapters/mutual-tls.ts';

/** The certificate of one device and its key, PEM. */
interface DeviceCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Mutual TLS with a certificate that is made when it is first needed. So options can be handed out at once, although
 * making keys takes time.
 */
export class DeviceAuthentication implements Authentication {
  readonly kind = 'mutualTls';
  readonly #certificate: () => Promise<DeviceCertificate>;

  constructor(certificate: () => Promise<DeviceCertificate>) {
    this.#certificate = certificate;
  }

  /** As of all mutual TLS. The options of a core name its port beside this. */
  defaultPort(): number {
    return 8883;
  }

  validate({ ca }: ConnectTarget): void {
    checkAuthorities(ca);
  }

  async signIn(context: SignInContext): Promise<OpenStream> {
    return await mutualTls(await this.#certificate()).signIn(context);
  }
}
