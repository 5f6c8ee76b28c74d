import type { FailurePlace, FailureStage } from '../protocol/failures.ts';
import type { MqttTransportOptions } from './mqtt-options.ts';

/** What a line does now. It only ever moves to the right, and `ended` is for good. */
export type Phase = 'signingIn' | 'dialing' | 'awaitingConnack' | 'connected' | 'disconnecting' | 'ended';

const STAGES: Readonly<Record<Phase, FailureStage>> = {
  signingIn: 'dialing',
  dialing: 'dialing',
  awaitingConnack: 'awaitingConnack',
  connected: 'live',
  disconnecting: 'live',
  ended: 'live',
};

// Certificates are judged by the time of day, which no monotonic clock knows.
// eslint-disable-next-line no-restricted-properties
export const timeOfDay = Date.now;

/** Where and when something fails in this phase. */
export function placeIn(
  phase: Phase,
  { endpoint, port, wallClock = timeOfDay }: MqttTransportOptions,
): FailurePlace {
  return { endpoint, port, stage: STAGES[phase], wallClock: wallClock() };
}
