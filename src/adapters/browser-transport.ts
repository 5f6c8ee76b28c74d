import { unknownFailure } from '../protocol/closed-failures.ts';
import type { OpenTransport } from '../protocol/transport.ts';
import type { MqttTransportOptions } from './mqtt-options.ts';
import { createTransport } from './transport.ts';

/** A transport over WebSockets of a page, which name no causes: what fails there is typed where it fails. */
export const createBrowserTransport = (options: MqttTransportOptions): OpenTransport =>
  createTransport(options, unknownFailure);
