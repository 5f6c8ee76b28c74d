import type { Authentication, ConnectTarget, OpenStream, SignInContext } from './authentication.ts';
import { type AuthorizerParameters, authorizerCredentials } from './authorizer-credentials.ts';
import type { Credentials } from './credentials.ts';
import { MQTT_PATH, type WebSocketDialer } from './web-socket.ts';

/** How a sign-in that needs no certificate gets its stream. */
export interface Dialer {
  /** Throws `INVALID_ARGUMENT` when this way cannot be used for this endpoint, port or `ca`. */
  validate(target: ConnectTarget): void;
  /** Gets everything ready that needs no connection to the broker. Called anew for each attempt. */
  prepare(context: SignInContext): Promise<OpenStream>;
}

/**
 * AWS ends a line that an authorizer let in after a day at the latest; this is ten minutes before. When the authorizer itself
 * says sooner (`disconnectAfterInSeconds`), no client is told. Source:
 * https://docs.aws.amazon.com/iot/latest/developerguide/custom-auth-lambda.html
 */
const LIFETIME_MS = (24 * 60 - 10) * 60_000;

class CustomAuthorizer implements Authentication {
  readonly kind = 'customAuthorizer';
  readonly #dialer: Dialer;
  readonly #credentials: Credentials;

  constructor(dialer: Dialer, credentials: Credentials) {
    this.#dialer = dialer;
    this.#credentials = credentials;
    Object.freeze(this);
  }

  defaultPort(): number {
    return 443;
  }

  validate(target: ConnectTarget): void {
    this.#dialer.validate(target);
  }

  async signIn(context: SignInContext): Promise<OpenStream> {
    const open = await this.#dialer.prepare(context);
    return async (signal) => ({
      ...(await open(signal)),
      credentials: this.#credentials,
      lifetimeMs: () => LIFETIME_MS,
    });
  }
}

/** Sign-in by a custom authorizer, over whatever this platform dials with. */
export function createCustomAuthorizer(dialer: Dialer, parameters: AuthorizerParameters): Authentication {
  return new CustomAuthorizer(dialer, authorizerCredentials(parameters));
}

/** WebSockets whose upgrade is not signed: who asks is told in CONNECT. */
export function unsignedWebSocket(dialer: WebSocketDialer): Dialer {
  return {
    validate: (target) => dialer.validate(target),
    prepare: async (context) => {
      const open = await dialer.prepare(context);
      return (signal) => open(MQTT_PATH, { signal });
    },
  };
}
