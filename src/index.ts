/**
 * An AWS IoT device SDK whose behaviour is a set of explicit statecharts.
 *
 * @module
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
