import { isAwsEndpoint } from '../protocol/endpoint.ts';
import { describe, invalid, invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { Authentication, ConnectTarget, OpenStream, SignInContext } from './authentication.ts';
import { type CredentialOptions, Credentials } from './credentials.ts';
import { openTcp } from './sockets.ts';

class PlainTcp implements Authentication {
  readonly kind = 'plainTcp';
  readonly #credentials: Credentials;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
    Object.freeze(this);
  }

  defaultPort(): number {
    return 1883;
  }

  validate({ endpoint, ca }: ConnectTarget): void {
    // Who names an authority expects it to be asked.
    if (ca !== undefined) throw invalidSecret('ca', 'left out with plainTcp(), which has no TLS', ca);
    if (isAwsEndpoint(endpoint)) {
      throw invalid(
        'auth',
        `mutualTls() for ${describe(endpoint)}: AWS IoT Core accepts no connection without TLS`,
        'plainTcp()',
      );
    }
  }

  signIn({ endpoint, port }: SignInContext): Promise<OpenStream> {
    return Promise.resolve(async (signal) => {
      const stream = await openTcp(endpoint, port, signal);
      return { stream, bytesRead: () => stream.bytesRead, credentials: this.#credentials };
    });
  }
}

/** MQTT without TLS, for brokers on a trusted network: the password can be read on the way. Refused for AWS endpoints. */
export function plainTcp(options: CredentialOptions = {}): Authentication {
  checkFields('plainTcp()', options, ['username', 'password'], invalidSecret);
  return new PlainTcp(new Credentials(options));
}
