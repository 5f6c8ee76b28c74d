// What an app imports wherever it runs: an entry point adds what only its platform has.
export type { Authentication } from '../adapters/authentication.ts';
export type { AuthorizerParameters, AuthorizerProvider } from '../adapters/authorizer-credentials.ts';
export type { AwsCredentials, CredentialProvider, CredentialRequest } from '../adapters/aws-credentials.ts';
export { type CognitoIdentityOptions, cognitoIdentity } from '../adapters/cognito-identity.ts';
export { memoryStore } from '../adapters/memory-store.ts';
export type { BackoffPolicy } from '../protocol/backoff.ts';
export type { Clock, Timer } from '../protocol/clock.ts';
export type { DrainPolicy } from '../protocol/drain.ts';
export {
  IOT_ERROR_CODES,
  IotError,
  type IotErrorCode,
  type IotErrorDetails,
  type Recovery,
} from '../protocol/errors.ts';
export type {
  IncomingMessage,
  MessageProperties,
  QoS,
  SubscriptionOptions,
  UserProperties,
} from '../protocol/message.ts';
export type { PayloadInput } from '../protocol/payload.ts';
export type { QueueLimits, RateLimit } from '../protocol/queue-limits.ts';
export type { MemoryStore, RecoveredMessages } from '../protocol/queue-store.ts';
export { Message } from '../protocol/received-message.ts';
export type { ShadowMetadata } from '../protocol/shadow-messages.ts';
export { type Rejection, ShadowRejectedError } from '../protocol/shadow-rejection.ts';
export type { JsonObject, JsonValue } from '../protocol/shadow-state.ts';
export type { ClientInputOptions } from './client-input.ts';
export { clientOf } from './client-of.ts';
export type { CallOptions } from './deadline.ts';
export type { ClientEvents } from './events.ts';
export type { InspectedEvent, InspectionObserver } from './inspection.ts';
export type {
  EndOptions,
  IotClient,
  MessagesOptions,
  PublishOptions,
  SubscribeOptions,
} from './iot-client.ts';
export type { Overflow } from './message-queue.ts';
export type { OfflineQueue, QueuedMessage } from './offline-queue.ts';
export type { PublishReceipt } from './publication.ts';
export type { QueueChanges } from './queue-options.ts';
export type { DehydratedClient, DehydratedShadow, DehydratedSubscription } from './resume.ts';
export type { SessionOption } from './session.ts';
export type * from './shadow.ts';
export {
  InvalidDocumentError,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
} from './standard-schema.ts';
export type { SessionFigures, Status, StatusFigures, StatusState } from './status.ts';
export type { MessageHandler, Subscription } from './subscription.ts';
export type { WillOptions } from './will.ts';
