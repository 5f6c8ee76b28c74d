/**
 * Ways to sign in and the MQTT transport, for who runs a `connectionMachine` of his own over the transport of this package.
 *
 * @module aws-iot-machines/adapters
 */

export type { Will } from '../protocol/message.ts';
export type {
  Authentication,
  ConnectTarget,
  OpenedStream,
  OpenStream,
  PemSource,
  SignInContext,
} from './authentication.ts';
export { type ConnectFields, type CredentialOptions, Credentials } from './credentials.ts';
export type { MqttTransportOptions } from './mqtt-options.ts';
export { createMqttTransport } from './mqtt-transport.ts';
export { type MutualTlsOptions, mutualTls } from './mutual-tls.ts';
export { sigV4 } from './node-sigv4.ts';
export { plainTcp } from './plain-tcp.ts';
