import type { FailurePlace, FailureStage } from '../protocol/failures.ts';
import { type MqttTransportOptions, timeOfDay } from './mqtt-options.ts';

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

/** Where and when something fails in this phase. */
export function placeIn(
  phase: Phase,
  { endpoint, port, wallClock = timeOfDay }: MqttTransportOptions,
): FailurePlace {
  return { endpoint, port, stage: STAGES[phase], wallClock: wallClock() };
}
