import type { OpenTransport } from '../protocol/transport.ts';
import { type Lasting, noneUnreleased } from './lasting.ts';
import { type FailureOf, MqttLine } from './mqtt-line.ts';
import type { MqttTransportOptions } from './mqtt-options.ts';
import { Pace } from './pace.ts';

/**
 * A transport over mqtt.js. Each call of the returned function is one attempt with a fresh client of mqtt.js; nothing
 * lives from one attempt to the next but the time of the last CONNECT, a client id that the broker chose, and the messages of
 * QoS 2 that a session left half-way.
 */
export function createTransport(options: MqttTransportOptions, failureOf: FailureOf): OpenTransport {
  const { clock, connectIntervalMs, clientId } = options;
  const lasting: Lasting = {
    pace: new Pace(clock, connectIntervalMs),
    clientId,
    unreleased: noneUnreleased(),
  };
  return (report, previous) => {
    const line = new MqttLine(options, { lasting, report, failureOf });
    line.open(previous);
    return line;
  };
}
