/**
 * What the tests of this package are made of, for the tests of apps.
 *
 * @module aws-iot-machines/testing
 */

export { ActorSubject, type ActorSubjectOptions } from './actor-subject.ts';
export { adjacencyOf } from './adjacency.ts';
export type { BrokerConnection, ConnackAnswer } from './broker-connection.ts';
export { connack } from './broker-connection.ts';
export type { BrokerEvent, BrokerRecord, PacketOf } from './broker-log.ts';
export {
  type Answer,
  answer,
  type BrokerMatch,
  type BrokerRule,
  type Exchange,
  type Reply,
} from './broker-script.ts';
export { connectionModel } from './connection-model.ts';
export { type Coverage, type CoverageRow, coverageOf } from './coverage.ts';
export { deviceShadowModel } from './device-shadow-model.ts';
export { FaultProxy, type FaultProxyOptions, type ProxyDirection } from './fault-proxy.ts';
export type { Adjacency, Claim, Edge, ModelEvent } from './graph.ts';
export * from './history-checker.ts';
export { type Invariant, invariantsOf } from './invariants.ts';
export { type MachineModel, type MachineModelOptions, machineModel } from './machine-model.ts';
export type { GraphOptions } from './nodes.ts';
export { offlineQueueModel } from './offline-queue-model.ts';
export { type PathsOptions, pathsOf, type TestPath } from './paths.ts';
export { placeOf } from './place-of.ts';
export {
  type BrokerClientOptions,
  type BrokerPublishOptions,
  ScriptedBroker,
  type ScriptedBrokerOptions,
  type TakenMessage,
} from './scripted-broker.ts';
export { type ShadowOperationModelOptions, shadowOperationModel } from './shadow-operation-model.ts';
export { SimulatedClock } from './simulated-clock.ts';
export type { PathTestOptions, Subject, SubjectPath, TestStep } from './subject.ts';
export { subscriptionsModel } from './subscriptions-model.ts';
