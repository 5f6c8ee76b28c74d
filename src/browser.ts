/**
 * The same client in a browser page: MQTT over a WebSocket of the browser.
 *
 * @module
 */

export { type CustomAuthorizerOptions, customAuthorizer } from './adapters/browser-custom-authorizer.ts';
export { levelStore, mutualTls, plainTcp } from './adapters/browser-refusals.ts';
export { type SigV4Options, sigV4 } from './adapters/browser-sigv4.ts';
export {
  clientInput,
  createIotClient,
  type IotClientOptions,
  type OfflineQueueOptions,
} from './client/browser-client.ts';
export * from './client/everywhere.ts';
