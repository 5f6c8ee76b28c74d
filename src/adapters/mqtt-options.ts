import type { Clock } from '../protocol/clock.ts';
import type { IncomingMessage, Will } from '../protocol/message.ts';
import type { AttachWire } from '../protocol/transport.ts';
import type { Authentication, PemSource } from './authentication.ts';

/** All that a transport needs to know. Already validated: only the sign-in has options of its own to check. */
export interface MqttTransportOptions {
  readonly endpoint: string;
  readonly port: number;
  readonly clientId: string;
  /** The authorities that the server's certificate must come from. Default: Node's own roots. */
  readonly ca?: PemSource;
  readonly authentication: Authentication;
  readonly protocolVersion: 4 | 5;
  /** Whether the broker forgets an earlier session of this client id. */
  readonly clean: boolean;
  readonly will?: Will;
  /** What CONNECT tells the broker, and when this side pings. */
  readonly keepAliveSeconds: number;
  readonly pingTimeoutMs: number;
  readonly operationTimeoutMs: number;
  readonly clock: Clock;
  /** Milliseconds that lie between two CONNECTs of this transport at least. AWS allows one a second for a client id. */
  readonly connectIntervalMs: number;
  readonly attach: AttachWire;
  /** Called with each PUBLISH, before its PUBACK is sent. What it throws is contained. */
  readonly onMessage: (message: IncomingMessage) => void;
  /** The time of day, for certificate dates. Default `Date.now`. */
  readonly wallClock?: () => number;
  /** Told what is unsafe but does not hinder, such as a key file that others can read. */
  readonly warn?: (message: string) => void;
}
