import type { AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** Names a transition in pictures and in what is told of it: its place among those of its state for the same descriptor. */
export function idOfTransition(from: string, descriptor: string, index: number): string {
  // Pictures list ids with spaces between them, and a machine of an app may have spaces in its names.
  return `${from}|${descriptor}|${index}`.replaceAll(/[\s%]/g, encodeURIComponent);
}

/**
 * The id of a transition as XState reports it in `@xstate.microstep`. Undefined for what is in no picture: the step into the
 * first state.
 */
export function transitionId(transition: AnyTransitionDefinition): string | undefined {
  const { source, eventType } = transition as { source: AnyStateNode; eventType: string | null };
  const siblings = eventType === '' ? source.always : source.transitions.get(eventType ?? '');
  const index = siblings?.indexOf(transition) ?? -1;
  return eventType === null || index === -1 ? undefined : idOfTransition(source.id, eventType, index);
}
