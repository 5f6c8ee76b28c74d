import { networkFailure } from '../protocol/failures.ts';
import type { OpenTransport } from '../protocol/transport.ts';
import type { MqttTransportOptions } from './mqtt-options.ts';
import { createTransport } from './transport.ts';

/** A transport over sockets of Node, whose errors it knows. */
export const createMqttTransport = (options: MqttTransportOptions): OpenTransport =>
  createTransport(options, networkFailure);
