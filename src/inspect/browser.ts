/**
 * What `aws-iot-machines/inspect` is in a page: machines that run there, in Stately's viewer.
 *
 * @module
 */

export type { PayloadMode } from './payload-size.ts';
export type { StatelyInspector } from './stately-inspector.ts';
export type { StatelyBrowserOptions, StatelySkyOptions, ViewerFrame } from './stately-options.ts';
export { statelyInspector } from './stately-page.ts';
