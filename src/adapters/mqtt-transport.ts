import type { Clock } from '../protocol/clock.ts';
import type { IncomingMessage, Will } from '../protocol/message.ts';
import type { AttachWire, OpenTransport } from '../protocol/transport.ts';
import type { Authentication, PemSource } from './authentication.ts';
import { MqttLine } from './mqtt-line.ts';
import { Pace } from './pace.ts';

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

/**
 * A transport over mqtt.js. Each call of the returned function is one attempt with a fresh client of mqtt.js; nothing
 * lives from one attempt to the next but the time of the last CONNECT.
 */
export function createMqttTransport(options: MqttTransportOptions): OpenTransport {
  const pace = new Pace(options.clock, options.connectIntervalMs);
  return (report) => {
    const line = new MqttLine(options, pace, report);
    line.open();
    return line;
  };
}
