/**
 * An AWS IoT Core on the loopback, for development and tests: mutual TLS, WebSockets, device shadows, AWS's limits, and faults
 * on demand.
 *
 * @module aws-iot-machines/local
 */

export type { DeletedMessage } from '../protocol/shadow-messages.ts';
export type { CustomAuthorizer, CustomAuthorizerRequest } from './authorizer.ts';
export type { ConnectedClient, ReceivedMessage } from './broker.ts';
export type {
  DeviceCredentials,
  LocalClientOptions,
  LocalCognito,
  LocalIotCore,
} from './core.ts';
export type { LocalIotCoreDeviations } from './deviations.ts';
export type { Faults, FaultTarget } from './faults.ts';
export type { IssueOptions } from './issued-credentials.ts';
export { type LocalIotCoreLimits, NO_RATE_LIMITS } from './limits.ts';
export type { OpenConnection } from './lines.ts';
export type { LocalIotCoreOptions } from './options.ts';
export type { Direction, PacketKind, TappedPacket } from './packet.ts';
export type { AuthorizeRequest } from './policy.ts';
export type {
  LocalShadowAccepted,
  LocalShadowAddress,
  LocalShadowDeleted,
  LocalShadowDocument,
  LocalShadows,
  LocalShadowUpdate,
} from './shadow-calls.ts';
export { startLocalIotCore } from './start.ts';
export type { Hold, PacketMatch, Tap, TapRecord } from './tap.ts';
export type { LocalIotCoreWarning } from './warning.ts';
