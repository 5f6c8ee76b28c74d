/**
 * To see the machines: in Stately's viewer.
 *
 * @module
 */

export type { PayloadMode } from './payload-size.ts';
export { statelyInspector } from './stately.ts';
export type { StatelyInspector } from './stately-inspector.ts';
export type { StatelySkyOptions, StatelyWebSocketOptions } from './stately-options.ts';
