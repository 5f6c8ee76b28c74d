import { type IotError, invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';
import type { Authentication, ConnectTarget, OpenStream, SignInContext } from './authentication.ts';
import {
  AUTHORIZER_FIELDS,
  type AuthorizerParameters,
  type AuthorizerProvider,
  authorizerCredentials,
} from './authorizer-credentials.ts';
import type { Credentials } from './credentials.ts';
import { lifetimeWithin } from './line-lifetime.ts';
import { askProvider } from './provider-question.ts';
import { MQTT_PATH, type WebSocketDialer } from './web-socket.ts';

/** How a sign-in that needs no certificate gets its stream. */
export interface Dialer {
  /** Throws `INVALID_ARGUMENT` when this way cannot be used for this endpoint, port or `ca`. */
  validate(target: ConnectTarget): void;
  /** Gets everything ready that needs no connection to the broker. Called anew for each attempt. */
  prepare(context: SignInContext): Promise<OpenStream>;
}

/** What an authorizer is called with: as it is, or a function that gives it anew for each attempt. */
export type GivenParameters = AuthorizerParameters | { readonly parameters: AuthorizerProvider };

/** Where the credentials of an attempt come from. */
type Source = (context: SignInContext) => Credentials | Promise<Credentials>;

class CustomAuthorizer implements Authentication {
  readonly kind = 'customAuthorizer';
  readonly #dialer: Dialer;
  readonly #source: Source;

  constructor(dialer: Dialer, source: Source) {
    this.#dialer = dialer;
    this.#source = source;
    Object.freeze(this);
  }

  defaultPort(): number {
    return 443;
  }

  validate(target: ConnectTarget): void {
    this.#dialer.validate(target);
  }

  async signIn(context: SignInContext): Promise<OpenStream> {
    const credentials = await this.#source(context);
    const open = await this.#dialer.prepare(context);
    const lifetimeMs = (): number => lifetimeWithin(AWS_LIMITS.authorizedLifetimeMs);
    return async (signal) => ({ ...(await open(signal)), credentials, lifetimeMs });
  }
}

/** Checks the names of what is given to `customAuthorizer()`, on every platform. */
export function checkAuthorizerOptions(options: unknown): void {
  const isAsked = typeof options === 'object' && options !== null && 'parameters' in options;
  const fields = isAsked ? ['parameters'] : [...AUTHORIZER_FIELDS, 'parameters'];
  checkFields('customAuthorizer()', options, [...fields, 'webSocket'], invalidSecret);
}

/** Sign-in by a custom authorizer, over whatever this platform dials with. */
export function createCustomAuthorizer(dialer: Dialer, given: GivenParameters): Authentication {
  return new CustomAuthorizer(dialer, sourceOf(given));
}

/** AWS says "not authorized" for a token that an authorizer does not take, and for one that may not do this. */
const isRefused = (previous: IotError | undefined): boolean =>
  previous?.code === 'BAD_CREDENTIALS' || previous?.code === 'NOT_AUTHORIZED';

function sourceOf(given: GivenParameters): Source {
  if (!('parameters' in given)) {
    const credentials = authorizerCredentials(given);
    return () => credentials;
  }
  const { parameters } = given;
  if (typeof parameters !== 'function') throw invalidSecret('parameters', 'a function', parameters);
  const who = 'what gives the parameters of the custom authorizer';
  return (context) => {
    const forceRefresh = isRefused(context.previous);
    return askProvider(who, { ...context, forceRefresh }, async () => {
      const fresh = await parameters({ forceRefresh });
      checkFields('what it gave', fresh, AUTHORIZER_FIELDS, invalidSecret);
      return authorizerCredentials(fresh);
    });
  };
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
