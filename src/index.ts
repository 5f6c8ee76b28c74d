/**
 * An AWS IoT device SDK whose behaviour is a set of explicit statecharts.
 *
 * A page gets the same from `aws-iot-machines` by the condition `browser`, but for what it cannot do: {@link mutualTls},
 * {@link plainTcp} and {@link levelStore} are refused there, and so is the option `ca`; `sigV4()` must be given `credentials`.
 *
 * @module aws-iot-machines
 */

export type { PemSource } from './adapters/authentication.ts';
export type { GivenParameters } from './adapters/authorizer-sign-in.ts';
export type { LoginToken } from './adapters/cognito-identity.ts';
export type { CredentialOptions } from './adapters/credentials.ts';
export { type CustomAuthorizerOptions, customAuthorizer } from './adapters/custom-authorizer.ts';
export { type LevelStoreOptions, levelStore } from './adapters/level-store.ts';
export type { SyncPolicy } from './adapters/level-syncing.ts';
export { type MutualTlsOptions, mutualTls } from './adapters/mutual-tls.ts';
export { type SigV4Options, sigV4 } from './adapters/node-sigv4.ts';
export { plainTcp } from './adapters/plain-tcp.ts';
export { clientInput, createIotClient } from './client/client.ts';
export * from './client/everywhere.ts';
export type { IotClientOptions } from './client/options.ts';
export type { OfflineQueueOptions } from './client/queue-options.ts';
export type {
  DurableStore,
  OpenStore,
  QueueStore,
  StoreChange,
  StoreRecord,
} from './protocol/queue-store.ts';
