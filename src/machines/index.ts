/**
 * The machines of aws-iot-machines: every transition of the product, to be read, watched, run alone, spawned in an
 * app's own machine, and turned into tests.
 *
 * @module aws-iot-machines/machines
 */

export type { BackoffPolicy } from '../protocol/backoff.ts';
export type { DrainPolicy } from '../protocol/drain.ts';
export type { Flow, FlowPort } from '../protocol/flow.ts';
export { Handle } from '../protocol/handle.ts';
export type { FilterRequest, OutgoingMessage } from '../protocol/message.ts';
export type {
  AcceptedMessage,
  DeltaMessage,
  DocumentMessage,
  DocumentsMessage,
  DocumentVersion,
} from '../protocol/shadow-messages.ts';
export type { SectionsChange, ShadowSections } from '../protocol/shadow-state.ts';
export type { ShadowOperationKind } from '../protocol/shadow-topics.ts';
export type {
  AttachedWire,
  AttachWire,
  Caution,
  FilterAnswer,
  LineEnd,
  OpenTransport,
  SessionFacts,
  TransportFact,
  TransportLine,
  Wire,
} from '../protocol/transport.ts';
export { actorOf, type ClientActorRef } from './actor-of.ts';
export { type ClientMachine, clientMachine } from './client.machine.ts';
export type * from './client.types.ts';
export { type ConnectionMachine, connectionMachine } from './connection.machine.ts';
export type * from './connection.types.ts';
export { type DeviceShadowMachine, deviceShadowMachine } from './device-shadow.machine.ts';
export type * from './device-shadow.types.ts';
export { type OfflineQueueMachine, offlineQueueMachine } from './offline-queue.machine.ts';
export type * from './offline-queue.types.ts';
export { type ShadowOperationMachine, shadowOperationMachine } from './shadow-operation.machine.ts';
export type * from './shadow-operation.types.ts';
export { type SubscriptionsMachine, subscriptionsMachine } from './subscriptions.machine.ts';
export type * from './subscriptions.types.ts';
