import type { DoneActorEvent, ErrorActorEvent } from 'xstate';
import type { DeviceShadowEvent } from './device-shadow.types.ts';
import type { ShadowOperationOutput, ShadowOutcome } from './shadow-operation.types.ts';

/** All that can come to the machine of a shadow. */
export type Events = DeviceShadowEvent | ErrorActorEvent | DoneActorEvent<ShadowOperationOutput>;

export function bringsDelta(event: Events): event is Extract<DeviceShadowEvent, { type: 'delta.received' }> {
  return event.type === 'delta.received' || (event.type === 'document.received' && event.hasDelta);
}

/** The version that an event says; whoever says that there is no document says it of all versions. */
export function versionOf(event: Events): number {
  if (event.type === 'shadow.deleted') return event.version ?? Number.POSITIVE_INFINITY;
  return 'version' in event ? event.version : Number.NaN;
}

/** How the shadow's own get has ended. */
export function outcomeOf(event: Events): ShadowOutcome {
  return (event as DoneActorEvent<ShadowOperationOutput>).output.outcome;
}
