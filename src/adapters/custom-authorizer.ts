import { createSecureContext } from 'node:tls';
import { invalidSecret } from '../protocol/errors.ts';
import type { Authentication } from './authentication.ts';
import {
  checkAuthorizerOptions,
  createCustomAuthorizer,
  type Dialer,
  type GivenParameters,
  unsignedWebSocket,
} from './authorizer-sign-in.ts';
import { checkAuthorities, readAuthorities } from './certificates.ts';
import { openTls } from './sockets.ts';
import { wsDialer } from './ws-dialer.ts';

/** What the authorizer is called with, and how MQTT goes there. */
export type CustomAuthorizerOptions = GivenParameters & {
  /** MQTT over a WebSocket, for networks that let nothing else through. Default: MQTT over TLS. Both on port 443. */
  readonly webSocket?: boolean;
};

/** AWS IoT Core tells MQTT with a custom authorizer from HTTPS, and from client certificates, by this ALPN name. */
const ALPN = 'mqtt';

const TLS_DIALER: Dialer = {
  validate: ({ ca }) => checkAuthorities(ca),
  prepare: async ({ endpoint, port, ca: given, signal }) => {
    const ca = given === undefined ? undefined : await readAuthorities(given, signal);
    const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) });
    return (dialing) => openTls(endpoint, port, { secureContext, alpn: ALPN }, dialing);
  },
};

/**
 * Sign-in by a custom authorizer of AWS IoT Core: a function of your own that is called with what is given here. Without a
 * client certificate, on port 443.
 */
export function customAuthorizer(options: CustomAuthorizerOptions): Authentication {
  checkAuthorizerOptions(options);
  const { webSocket = false, ...given } = options;
  if (typeof webSocket !== 'boolean') throw invalidSecret('webSocket', 'true or false', webSocket);
  return createCustomAuthorizer(webSocket ? unsignedWebSocket(wsDialer) : TLS_DIALER, given);
}
