/**
 * The same client in a browser page: MQTT over a WebSocket of the browser.
 *
 * @module
 */

export type { Authentication } from './adapters/authentication.ts';
export type { AuthorizerParameters, AuthorizerProvider } from './adapters/authorizer-credentials.ts';
export type { AwsCredentials, CredentialProvider, CredentialRequest } from './adapters/aws-credentials.ts';
export { type CustomAuthorizerOptions, customAuthorizer } from './adapters/browser-custom-authorizer.ts';
export { levelStore, mutualTls, plainTcp } from './adapters/browser-refusals.ts';
export { type SigV4Options, sigV4 } from './adapters/browser-sigv4.ts';
export { type CognitoIdentityOptions, cognitoIdentity } from './adapters/cognito-identity.ts';
export { memoryStore } from './adapters/memory-store.ts';
export { createIotClient, type IotClientOptions, type OfflineQueueOptions } from './client/browser-client.ts';
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
export type { PublishReceipt } from './client/publication.ts';
export type { QueueChanges } from './client/queue-options.ts';
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
export type { MemoryStore, RecoveredMessages } from './protocol/queue-store.ts';
export { Message } from './protocol/received-message.ts';
