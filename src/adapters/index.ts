export type { Authentication, OpenedStream, OpenStream, PemSource, SignInContext } from './authentication.ts';
export { type CredentialOptions, Credentials } from './credentials.ts';
export type { MqttTransportOptions } from './mqtt-options.ts';
export { createMqttTransport } from './mqtt-transport.ts';
export { type MutualTlsOptions, mutualTls } from './mutual-tls.ts';
export { sigV4 } from './node-sigv4.ts';
export { plainTcp } from './plain-tcp.ts';
