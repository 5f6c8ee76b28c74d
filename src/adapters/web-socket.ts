import type { ConnectTarget, OpenedStream, SignInContext } from './authentication.ts';

/** What is told of one upgrade while it is made. */
export interface UpgradeOptions {
  readonly signal: AbortSignal;
  /** Told what the server's clock said, in epoch milliseconds, when it refused. Never, where nobody can know. */
  readonly serverTime?: (epochMs: number) => void;
}

/**
 * Asks for a WebSocket (RFC 6455) with subprotocol `mqtt`, over TLS, and gives it as a stream of MQTT bytes. A refusal is the
 * typed error for its HTTP status.
 *
 * @param pathAndQuery may hold a signature: it is shown to the server and to nobody else
 */
export type OpenWebSocket = (pathAndQuery: string, options: UpgradeOptions) => Promise<OpenedStream>;

/** How this platform makes WebSockets. */
export interface WebSocketDialer {
  /** Throws `INVALID_ARGUMENT` when this platform cannot do what is asked, such as trust an authority of one's own. */
  validate(target: ConnectTarget): void;
  /** Gets everything ready that needs no connection to the broker. Called anew for each attempt. */
  prepare(context: SignInContext): Promise<OpenWebSocket>;
}

/** The path of MQTT over WebSocket on AWS IoT Core: https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html */
export const MQTT_PATH = '/mqtt';

/** The name that MQTT has among the subprotocols of WebSocket [MQTT-6.0.0-3]. */
export const MQTT_SUBPROTOCOL = 'mqtt';

/**
 * The Host header of a request to this place: lower case, without a final dot, with a port unless that is 443. It is signed as it
 * is sent.
 */
export function hostHeader({ endpoint, port }: { readonly endpoint: string; readonly port: number }): string {
  const name = endpoint.toLowerCase().replace(/\.$/, '');
  const host = name.includes(':') ? `[${name}]` : name;
  return port === 443 ? host : `${host}:${port}`;
}
