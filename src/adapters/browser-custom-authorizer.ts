import { invalidSecret } from '../protocol/errors.ts';
import type { Authentication } from './authentication.ts';
import {
  checkAuthorizerOptions,
  createCustomAuthorizer,
  type GivenParameters,
  unsignedWebSocket,
} from './authorizer-sign-in.ts';
import { browserDialer } from './browser-dialer.ts';

export type CustomAuthorizerOptions = GivenParameters & {
  /** A browser has nothing else: what is shared with Node may say so. */
  readonly webSocket?: true;
};

/** Sign-in by a custom authorizer of AWS IoT Core: a function of your own that is called with what is given here. */
export function customAuthorizer(options: CustomAuthorizerOptions): Authentication {
  checkAuthorizerOptions(options);
  const { webSocket = true, ...given } = options;
  if ((webSocket as unknown) !== true) {
    throw invalidSecret('webSocket', 'true or left out in a browser, which has nothing else', webSocket);
  }
  return createCustomAuthorizer(unsignedWebSocket(browserDialer), given);
}
