/**
 * An AWS IoT device SDK whose behaviour is a set of explicit statecharts.
 *
 * @module
 */

export type { Authentication, PemSource } from './adapters/authentication.ts';
export type { AuthorizerParameters, AuthorizerProvider } from './adapters/authorizer-credentials.ts';
export type { AwsCredentials, CredentialProvider, CredentialRequest } from './adapters/aws-credentials.ts';
export { type CognitoIdentityOptions, cognitoIdentity } from './adapters/cognito-identity.ts';
export type { CredentialOptions } from './adapters/credentials.ts';
export { type CustomAuthorizerOptions, customAuthorizer } from './adapters/custom-authorizer.ts';
export { type LevelStoreOptions, levelStore } from './adapters/level-store.ts';
export type { SyncPolicy } from './adapters/level-syncing.ts';
export { memoryStore } from './adapters/memory-store.ts';
export { type MutualTlsOptions, mutualTls } from './adapters/mutual-tls.ts';
export { type SigV4Options, sigV4 } from './adapters/node-sigv4.ts';
export { plainTcp } from './adapters/plain-tcp.ts';
export { createIotClient } from './client/client.ts';
export type { CallOptions } from './client/deadline.ts';
export type { ClientEvents } from './client/events.ts';
export type {
  EndOptions,
  IotClient,
  MessagesOptions,
  PublishOptions,
  SubscribeOptions,
} from './client/iot-client.ts';
export type { Overflow } from './client/message-queue.ts';
export type { OfflineQueue, QueuedMessage } from './client/offline-queue.ts';
export type { IotClientOptions } from './client/options.ts';
export type { PublishReceipt } from './client/publication.ts';
export type { OfflineQueueOptions, QueueChanges } from './client/queue-options.ts';
export type { SessionOption } from './client/session.ts';
export type { Status, StatusState } from './client/status.ts';
export type { MessageHandler, Subscription } from './client/subscription.ts';
export type { WillOptions } from './client/will.ts';
export type { BackoffPolicy } from './protocol/backoff.ts';
export type { Clock, Timer } from './protocol/clock.ts';
export type { DrainPolicy } from './protocol/drain.ts';
export {
  IOT_ERROR_CODES,
  IotError,
  type IotErrorCode,
  type IotErrorDetails,
  type Recovery,
} from './protocol/errors.ts';
export type { MessageProperties, QoS, SubscriptionOptions, UserProperties } from './protocol/message.ts';
export type { PayloadInput } from './protocol/payload.ts';
export type { QueueLimits, RateLimit } from './protocol/queue-limits.ts';
export type {
  DurableStore,
  MemoryStore,
  OpenStore,
  QueueStore,
  RecoveredMessages,
  StoreChange,
  StoreRecord,
} from './protocol/queue-store.ts';
export { Message } from './protocol/received-message.ts';
