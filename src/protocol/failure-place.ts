import { isAwsEndpoint } from './endpoint.ts';

/** What was being done when a stream failed: the same errno means different things before and after CONNACK. */
export type FailureStage = 'dialing' | 'awaitingConnack' | 'live';

/** Who is at the other end. */
export interface Peer {
  readonly endpoint: string;
  readonly port: number;
}

/** Where a failure happened; all of it may be shown to a person. */
export interface FailurePlace extends Peer {
  readonly stage: FailureStage;
  /** What this device's wall clock says, in milliseconds since the epoch. */
  readonly wallClock: number;
}

/**
 * A day on which this package was being written: a clock that says less is wrong, whatever else is. It stays as it is
 * from release to release, because a device may carry an old one.
 */
const WRITTEN = '2026-01-01';

/** Host and port, as a person would type them. */
export const at = ({ endpoint, port }: Peer): string => `${endpoint}:${port}`;

/** Whether the limits, deviations and tools of AWS IoT Core are what helps at this place. */
export const isAws = ({ endpoint }: Peer): boolean => isAwsEndpoint(endpoint);

/** Certificates and signatures are judged by this, so whoever reads that they do not fit must see it. */
export const clockSays = (place: FailurePlace): string =>
  `this device's clock says ${new Date(place.wallClock).toISOString()}`;

/** The advice to set a clock that cannot be right, or `undefined` for one that can. */
export function clockIsWrong(place: FailurePlace): string | undefined {
  if (place.wallClock >= Date.parse(WRITTEN)) return undefined;
  return `Set this device's clock: it is wrong, because this package was not there before ${WRITTEN}.`;
}
