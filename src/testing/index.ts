/**
 * What the tests of this package are made of, for the tests of apps.
 *
 * @module aws-iot-machines/testing
 */

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
export { FaultProxy, type FaultProxyOptions, type ProxyDirection } from './fault-proxy.ts';
export * from './history-checker.ts';
export {
  type Adjacency,
  adjacencyOf,
  createPathModel,
  type Edge,
  type PathModel,
  type PathModelOptions,
} from './path-model.ts';
export {
  type BrokerClientOptions,
  type BrokerPublishOptions,
  ScriptedBroker,
  type ScriptedBrokerOptions,
  type TakenMessage,
} from './scripted-broker.ts';
export { SimulatedClock } from './simulated-clock.ts';
