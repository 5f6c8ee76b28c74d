import type { AnyStateNode, AnyTransitionDefinition } from 'xstate';

/**
 * What a transition is called in reports: `connection.idle on connect to connection.line`. With a guard that has a name
 * it stands in brackets; without a target it says `to nothing`; an eventless one says `always`.
 *
 * @param transition as XState reports it in `_transitions` of `@xstate.microstep`
 */
export function transitionName(transition: AnyTransitionDefinition): string {
  const { source, target } = transition;
  const eventType = String(transition.eventType);
  const name = guardName(transition.guard);
  const condition = name === undefined ? '' : ` [${name}]`;
  const event = eventType === '' ? 'always' : `on ${eventType}`;
  return `${source.id} ${event}${condition} to ${target?.map(({ id }) => id).join() ?? 'nothing'}`;
}

/** The names of all transitions of a state and of those in it, in the order of the machine. */
export function transitionsOf(node: AnyStateNode): string[] {
  const own = [...node.transitions.values()].flat();
  return [
    ...[...own, ...(node.always ?? [])].map(transitionName),
    ...Object.values(node.states).flatMap((child) => transitionsOf(child)),
  ];
}

/** The ids of a state and of those in it. */
export function statesOf(node: AnyStateNode): string[] {
  return [node.id, ...Object.values(node.states).flatMap((child) => statesOf(child))];
}

function guardName(guard: unknown): string | undefined {
  if (typeof guard === 'string') return guard;
  const { type } = (guard ?? {}) as { readonly type?: unknown };
  return typeof type === 'string' ? type : undefined;
}
