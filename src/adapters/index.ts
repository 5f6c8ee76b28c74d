export type { Authentication, OpenedStream, OpenStream, PemSource, SignInContext } from './authentication.ts';
export { type CredentialOptions, Credentials } from './credentials.ts';
export type { MqttTransportOptions } from './mqtt-options.ts';
export { createMqttTransport } from './mqtt-transport.ts';
export { type MutualTlsOptions, mutualTls } from './mutual-tls.ts';
export { plainTcp } from './plain-tcp.ts';
