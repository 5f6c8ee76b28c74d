import type { Clock } from '../protocol/clock.ts';
import type { IotError } from '../protocol/errors.ts';
import { MQTT_LIMITS } from '../protocol/limits.ts';
import type { IncomingMessage, Will } from '../protocol/message.ts';
import type { AttachWire } from '../protocol/transport.ts';
import type { Authentication, PemSource, SignInContext } from './authentication.ts';

/** A packet cannot be longer (MQTT 5, 2.1.4): as the bound of a transport it bounds nothing. */
export const NO_BOUND_BYTES = MQTT_LIMITS.remainingLengthBytes + 5;

// Certificates, signatures and keys are judged by the time of day, which no monotonic clock knows.
// eslint-disable-next-line no-restricted-properties
export const timeOfDay = Date.now;

/** All that a transport needs to know. Already validated: only the sign-in has options of its own to check. */
export interface MqttTransportOptions {
  readonly endpoint: string;
  readonly port: number;
  /** Empty when the broker shall choose one; in MQTT 5 it tells which, and later attempts of this transport have it. */
  readonly clientId: string;
  /** The authorities that the server's certificate must come from. Default: Node's own roots. */
  readonly ca?: PemSource;
  /** The `auth` of a client. */
  readonly authentication: Authentication;
  /** Appended to the user name of the sign-in, or the user name when that has none. */
  readonly userNameSuffix?: string;
  readonly protocolVersion: 4 | 5;
  /** Whether the broker forgets an earlier session of this client id. */
  readonly clean: boolean;
  /** How long the broker keeps the session when the line has ended; 0, the default, is not at all. MQTT 5 only. */
  readonly sessionExpirySeconds?: number;
  /** A longer packet ends the line before it is read, and MQTT 5 announces the bound. Default: what MQTT allows. */
  readonly maximumPacketBytes?: number;
  readonly will?: Will;
  /** What CONNECT tells the broker, and when this side pings: or sooner, when a broker of MQTT 5 sets a shorter one. */
  readonly keepAliveSeconds: number;
  /**
   * How long after a ping the line may stay mute. A line with publishes under way has up to one and a half keep-alives more:
   * the ping may have to wait behind them.
   */
  readonly pingTimeoutMs: number;
  /**
   * A QoS 1 publish without PUBACK for this long gets the line pinged, for six times as long ends it; with publishes under way
   * for up to one and a half keep-alives more.
   */
  readonly operationTimeoutMs: number;
  readonly clock: Clock;
  /** Milliseconds that lie between two CONNECTs of this transport at least. AWS allows one a second for a client id. */
  readonly connectIntervalMs: number;
  /** Called at CONNACK with the wire of the new line; what it returns is told when the line has ended. */
  readonly attach: AttachWire;
  /** Called with each PUBLISH, before its PUBACK is sent. What it throws is contained. */
  readonly onMessage: (message: IncomingMessage) => void;
  /** The time of day, for certificate dates, signatures and the expiry of credentials. Default `Date.now`. */
  readonly wallClock?: () => number;
  /** Told what is unsafe but does not hinder, such as a key file that others can read. */
  readonly warn?: (message: string) => void;
}

/** What a sign-in may know of an attempt: of the options no more than concerns it. */
export function signInContext(
  { endpoint, port, ca, clock, wallClock = timeOfDay, maximumPacketBytes, warn }: MqttTransportOptions,
  signal: AbortSignal,
  previous: IotError | undefined,
): SignInContext {
  return {
    endpoint,
    port,
    signal,
    clock,
    wallClock,
    ...(previous === undefined ? {} : { previous }),
    ...(ca === undefined ? {} : { ca }),
    ...(warn === undefined ? {} : { warn }),
    ...(maximumPacketBytes === undefined ? {} : { maximumPacketBytes }),
  };
}
