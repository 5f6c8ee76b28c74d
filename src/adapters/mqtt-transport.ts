import type { OpenTransport } from '../protocol/transport.ts';
import { MqttLine } from './mqtt-line.ts';
import type { MqttTransportOptions } from './mqtt-options.ts';
import { Pace } from './pace.ts';

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
