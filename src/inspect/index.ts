/**
 * To see the machines: on a live page of your own, and in Stately's viewer.
 *
 * @module aws-iot-machines/inspect
 */

export type { FaultyCore, LineFaults } from './line-faults.ts';
export type { PayloadMode } from './payload-size.ts';
export {
  type InspectableActor,
  type InspectionTarget,
  type Inspector,
  type ServeInspectorOptions,
  serveInspector,
} from './serve-inspector.ts';
export { statelyInspector } from './stately.ts';
export type { StatelyInspector } from './stately-inspector.ts';
export type { StatelySkyOptions, StatelyWebSocketOptions } from './stately-options.ts';
