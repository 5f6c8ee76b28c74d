import { isAwsEndpoint } from '../protocol/endpoint.ts';
import { describe, invalid } from '../protocol/errors.ts';
import type { Authentication, OpenStream, SignInContext } from './authentication.ts';
import { openTcp } from './sockets.ts';

class PlainTcp implements Authentication {
  readonly kind = 'plainTcp';

  constructor() {
    Object.freeze(this);
  }

  defaultPort(): number {
    return 1883;
  }

  validate(endpoint: string): void {
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
      return { stream, bytesRead: () => stream.bytesRead };
    });
  }
}

/** MQTT without TLS and without a sign-in, for brokers on a trusted network. Refused for AWS endpoints. */
export function plainTcp(): Authentication {
  return new PlainTcp();
}
